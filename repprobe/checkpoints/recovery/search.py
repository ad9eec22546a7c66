"""The race among hypotheses: from many on few examples to a few on many."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from repprobe.checkpoints.recovery.chain import Weighted
from repprobe.checkpoints.recovery.geometry import Geometry
from repprobe.checkpoints.recovery.hypothesis import MIXABLE, ORDERS, RARITY, Hypothesis
from repprobe.checkpoints.recovery.trials import Bench, Candidate, Trial

FEW, SOME, MORE = 48, 192, 768
"""Examples of the three heats."""

GEOMETRIES, KEPT_GEOMETRIES, CLIMBERS, ROUNDS, NEIGHBOURS = 240, 20, 3, 3, 25

LEAST_EXAMPLES, LEAST_GEOMETRIES = 32, 30

WORK = 1e6
"""Multiplications per example of a network for which these numbers are meant; of a larger one
fewer hypotheses are tried, on fewer examples, but never fewer than the least."""

FINALISTS = 8


def race(
    geometries: Sequence[Geometry], chain: Sequence[Weighted], bench: Bench, work: float
) -> list[Trial]:
    """Return the hypotheses that may be meant, the best on `MORE` examples first.

    Parameters
    ----------
    geometries : the least surprising first.
    chain : the weighted layers.
    bench : what they are tried with.
    work : multiplications per example of the first geometry.
    """
    slots = Slots(chain)
    scale = scaled_down(work)
    few, some, more = (max(LEAST_EXAMPLES, int(n * scale)) for n in (FEW, SOME, MORE))
    started = geometries[: max(LEAST_GEOMETRIES, int(GEOMETRIES * scale))]
    places = range(len(bench.preprocessings))
    first_two = {0, len(places) - 1}
    heat = bench.run(
        (
            Candidate(slots.tied(geometry, act, pool), p)
            for geometry in started
            for act, pool in (("relu", "max"), ("tanh", "avg"))
            for p in first_two
        ),
        few,
    )
    kept = _geometries(heat, KEPT_GEOMETRIES)
    heat = bench.run(
        (
            Candidate(slots.tied(geometry, act, pool), p)
            for geometry in kept
            for act in ("relu", "tanh")
            for pool in slots.pool_kinds(geometry)
            for p in places
        ),
        few,
    )
    best = [trial.candidate for trial in heat[: 3 * CLIMBERS]]
    heat = bench.run((c for one in best for c in slots.other_activations(one)), some)
    known = {trial.candidate: trial for trial in heat}
    opened: set[Candidate] = set()
    for _ in range(ROUNDS):
        new = [c for c in _leaders(known)[:CLIMBERS] if c not in opened]
        opened.update(new)
        around = {c for one in new for c in slots.neighbours(one, geometries, len(places))}
        known.update({t.candidate: t for t in bench.run(around - known.keys(), some)})
    mixed = set(slots.mixed(_leaders(known)[0])) - known.keys()
    known.update({t.candidate: t for t in bench.run(mixed, some)})
    return bench.run(_leaders(known)[: 2 * FINALISTS], more)


def scaled_down(work: float) -> float:
    """Return the share of examples and of geometries that a network of that size is given."""
    return min(1.0, math.pow(WORK / max(work, 1.0), 0.75))


def _leaders(known: dict[Candidate, Trial]) -> list[Candidate]:
    return sorted(known, key=lambda candidate: known[candidate].cost)


class Slots:
    """The choices that a chain leaves open besides its geometry."""

    def __init__(self, chain: Sequence[Weighted]) -> None:
        weighted = [layer for layer in chain if layer.kind != "batch_norm"]
        self.activations = len(weighted) - 1
        self.has_norm = any(layer.kind == "batch_norm" for layer in chain)

    def tied(self, geometry: Geometry, act: str, pool: str) -> Hypothesis:
        """Return the hypothesis with the same activation, and the same pooling, everywhere."""
        pools = tuple(pool if place.pool is not None else "" for place in geometry.places)
        return Hypothesis(geometry, (act,) * self.activations, pools)

    def pool_kinds(self, geometry: Geometry) -> tuple[str, ...]:
        return ("max", "avg") if any(p.pool is not None for p in geometry.places) else ("max",)

    def other_activations(self, one: Candidate) -> Iterator[Candidate]:
        """Yield the candidate with every activation, the same everywhere."""
        for act in RARITY:
            acts = (act,) * self.activations
            yield replace(one, hypothesis=replace(one.hypothesis, activations=acts))

    def mixed(self, one: Candidate) -> Iterator[Candidate]:
        """Yield the candidate with another activation, or pooling, in one layer."""
        own = one.hypothesis
        for i in range(self.activations):
            for act in MIXABLE:
                acts = (*own.activations[:i], act, *own.activations[i + 1 :])
                yield replace(one, hypothesis=replace(own, activations=acts))
        for i, kind in enumerate(own.pools):
            if kind:
                pools = (*own.pools[:i], _OTHER[kind], *own.pools[i + 1 :])
                yield replace(one, hypothesis=replace(own, pools=pools))

    def neighbours(
        self, one: Candidate, geometries: Sequence[Geometry], preprocessings: int
    ) -> Iterator[Candidate]:
        """Yield what differs from a candidate in one thing, the same in all its layers."""
        own = one.hypothesis
        yield from self.other_activations(one)
        for p in range(preprocessings):
            yield replace(one, preprocessing=p)
        pools = tuple(_OTHER.get(kind, "") for kind in own.pools)
        yield replace(one, hypothesis=replace(own, pools=pools))
        for order in ORDERS if self.has_norm else ("nap", "pna"):
            yield replace(one, hypothesis=replace(own, order=order))
        for geometry in _near(own.geometry, geometries):
            pools = tuple(
                (kind or _kind(own.pools)) if place.pool is not None else ""
                for kind, place in zip(own.pools, geometry.places, strict=True)
            )
            yield replace(one, hypothesis=replace(own, geometry=geometry, pools=pools))


_OTHER = {"max": "avg", "avg": "max"}


def _geometries(heat: Sequence[Trial], count: int) -> list[Geometry]:
    """Return the geometries of the best trials, each once."""
    found = dict.fromkeys(trial.candidate.hypothesis.geometry for trial in heat)
    return list(found)[:count]


def _kind(pools: tuple[str, ...]) -> str:
    return next((kind for kind in pools if kind), "max")


def _near(one: Geometry, geometries: Sequence[Geometry]) -> list[Geometry]:
    """Return geometries that lay one or two convolutions in another way, or join in another."""
    found = []
    for other in geometries:
        differ = sum(a != b for a, b in zip(one.places, other.places, strict=True))
        if 0 < differ + (one.joint != other.joint) <= 2:
            found.append(other)
            if len(found) == NEIGHBOURS:
                break
    return found
