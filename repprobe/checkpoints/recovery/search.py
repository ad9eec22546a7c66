"""The race among hypotheses: from many on few examples to a few on many."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from repprobe.checkpoints.recovery.chain import Weighted
from repprobe.checkpoints.recovery.geometry import Geometry
from repprobe.checkpoints.recovery.hypothesis import IDENTITY, ORDERS, RARITY, Hypothesis
from repprobe.checkpoints.recovery.trials import Bench, Candidate, Trial

FEW, SOME, MORE = 64, 256, 1000
"""Examples of the three heats."""

GEOMETRIES, KEPT_GEOMETRIES, CLIMBERS, ROUNDS, NEIGHBOURS = 300, 24, 3, 4, 40

WORK = 1.5e6
"""Multiplications per example of a network for which that many hypotheses are tried; of larger
ones fewer are."""

FINALISTS = 12

MIXABLE = ("relu", "tanh", "sigmoid", "gelu", IDENTITY)
"""Activations that a layer may have where the others have another."""


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
    scale = min(1.0, (WORK / max(work, 1.0)) ** 0.5)
    started = geometries[: max(30, int(GEOMETRIES * scale))]
    places = range(len(bench.preprocessings))
    first_two = [p for p in (0, len(places) - 1) if p in places]
    heat = bench.run(
        (
            Candidate(hypothesis, p)
            for geometry in started
            for act, pool in (("relu", "max"), ("tanh", "avg"))
            for hypothesis in [slots.tied(geometry, act, pool)]
            for p in first_two
        ),
        FEW,
    )
    kept = _geometries(heat, max(8, int(KEPT_GEOMETRIES * scale)))
    heat = bench.run(
        (
            Candidate(slots.tied(geometry, act, pool), p)
            for geometry in kept
            for act in ("relu", "tanh")
            for pool in slots.pool_kinds(geometry)
            for p in places
        ),
        FEW,
    )
    best = [trial.candidate for trial in heat[: 3 * CLIMBERS]]
    heat = bench.run(
        [*best, *(c for one in best for c in slots.other_activations(one, RARITY))],
        SOME,
    )
    return climb(heat, geometries, slots, bench)


def climb(
    heat: list[Trial], geometries: Sequence[Geometry], slots: Slots, bench: Bench
) -> list[Trial]:
    """Change one thing of the best at a time, until nothing is better."""
    known = {trial.candidate: trial for trial in heat}
    opened: set[Candidate] = set()
    for _ in range(ROUNDS):
        leaders = sorted(known.values(), key=lambda t: t.cost)[:CLIMBERS]
        new = [t.candidate for t in leaders if t.candidate not in opened]
        if not new:
            break
        opened.update(new)
        around = {
            c for one in new for c in slots.neighbours(one, geometries, len(bench.preprocessings))
        }
        known.update({t.candidate: t for t in bench.run(around - known.keys(), SOME)})
    leaders = sorted(known.values(), key=lambda t: t.cost)
    return bench.run([t.candidate for t in leaders[: 2 * FINALISTS]], MORE)


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

    def other_activations(self, one: Candidate, names: Iterable[str]) -> Iterator[Candidate]:
        """Yield the candidate with other activations, the same everywhere."""
        for act in names:
            acts = (act,) * self.activations
            yield replace(one, hypothesis=replace(one.hypothesis, activations=acts))

    def neighbours(
        self, one: Candidate, geometries: Sequence[Geometry], preprocessings: int
    ) -> Iterator[Candidate]:
        """Yield what differs from a candidate in one thing."""
        own = one.hypothesis
        yield from self.other_activations(one, RARITY)
        for p in range(preprocessings):
            yield replace(one, preprocessing=p)
        for i in range(self.activations):
            for act in MIXABLE:
                acts = (*own.activations[:i], act, *own.activations[i + 1 :])
                yield replace(one, hypothesis=replace(own, activations=acts))
        for pools in _pool_changes(own.pools):
            yield replace(one, hypothesis=replace(own, pools=pools))
        orders = ORDERS if self.has_norm else ("nap", "pna")
        for order in orders:
            yield replace(one, hypothesis=replace(own, order=order))
        for geometry in _near(own.geometry, geometries):
            pools = tuple(
                (kind or _kind(own.pools)) if place.pool is not None else ""
                for kind, place in zip(own.pools, geometry.places, strict=True)
            )
            yield replace(one, hypothesis=replace(own, geometry=geometry, pools=pools))


def _geometries(heat: Sequence[Trial], count: int) -> list[Geometry]:
    """Return the geometries of the best trials, each once."""
    found = dict.fromkeys(trial.candidate.hypothesis.geometry for trial in heat)
    return list(found)[:count]


def _pool_changes(pools: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    other = {"max": "avg", "avg": "max", "": ""}
    yield tuple(other[kind] for kind in pools)
    for i, kind in enumerate(pools):
        if kind:
            yield (*pools[:i], other[kind], *pools[i + 1 :])


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
