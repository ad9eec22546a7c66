"""Damage: how much lower a layer's probe scores than the same layer of a reference."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from repprobe.diagnosis.onset import holm
from repprobe.probes.differences import (
    UNKNOWN,
    Difference,
    Figure,
    paired,
    paired_with_networks,
    unpaired_draws,
    without_error,
)
from repprobe.probes.scores import INPUT, OUTPUT, Score, Scores

Draws = dict[int | str, NDArray[np.float64]]
"""Seed of the draw of clean labels → outcomes (n,) of the test examples."""


@dataclass(frozen=True)
class LayerDamage:
    """What the comparisons say of one layer; every figure with its 95 % interval.

    Attributes
    ----------
    figure : the layer's test figure.
    damage : reference minus this layer on the same test examples; positive is worse.
    over_input, over_random : this layer minus the raw input, and minus the same layer of networks
        with random weights.
    p_value : one-sided, that the damage is no larger than the margin, corrected for the number
        of layers; NaN where it cannot be had.
    """

    figure: Score
    damage: Figure
    over_input: Figure
    over_random: Figure
    p_value: float = math.nan

    @property
    def layer(self) -> str:
        """Name of the layer."""
        return self.figure.layer

    def rows(self) -> list[Score]:
        """Return a row of the score table per comparison that was made."""
        base = replace(self.figure, regularization=None)
        found = {name: getattr(self, name) for name in ("damage", "over_input", "over_random")}
        return [
            replace(base, metric=name, value=value, low=low, high=high)
            for name, (value, low, high) in found.items()
            if math.isfinite(value)
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "layer": self.layer,
            "damage": self.damage._asdict(),
            "over_input": self.over_input._asdict(),
            "over_random": self.over_random._asdict(),
            "p_value": self.p_value,
        }


class Comparisons:
    """Compares layers of the networks in a table of scores, on the same test examples.

    Every network is taken at its largest budget. A difference between figures has an interval
    only where the outcomes of the examples are at hand.
    """

    def __init__(self, scores: Scores) -> None:
        scores = scores.at()
        self._figures = {(f.model, f.layer): f for f in scores.summary()}
        self._outcomes: dict[tuple[str, str], Draws] = {}
        for (model, layer, _, seed), outcomes in scores.outcomes.items():
            self._outcomes.setdefault((model, layer), {})[seed] = outcomes.astype(np.float64)

    def figures(self, model: str) -> dict[str, Score]:
        """Return the finite test figures of a network by layer, in order."""
        return {
            layer: f
            for (name, layer), f in self._figures.items()
            if name == model and math.isfinite(f.value)
        }

    def damage(self, model: str, layer: str, references: Sequence[str]) -> Difference:
        """Return the mean of the references at this layer minus the network."""
        having = [r for r in references if self._has(r, layer)]
        if not having or not self._has(model, layer):
            return UNKNOWN
        ours = self._outcomes.get((model, layer), {})
        theirs = [self._outcomes.get((reference, layer), {}) for reference in having]
        if ours and all(ours.keys() == draws.keys() for draws in theirs):
            table = [[draws[seed] - ours[seed] for seed in ours] for draws in theirs]
            return paired_with_networks(np.array(table))
        value = float(np.mean([self._figures[r, layer].value for r in having]))
        return without_error(value - self._figures[model, layer].value)

    def minus(self, ours: tuple[str, str], theirs: tuple[str, str]) -> Difference:
        """Return one (model, layer) minus another."""
        if not self._has(*ours) or not self._has(*theirs):
            return UNKNOWN
        mine, other = self._outcomes.get(ours, {}), self._outcomes.get(theirs, {})
        if not mine or not other:
            value = self._figures[ours].value - self._figures[theirs].value
            return without_error(value)
        if "" in other:
            return paired(np.stack(list(mine.values())) - other[""])
        if mine.keys() == other.keys():
            return paired(np.stack([mine[seed] - other[seed] for seed in mine]))
        return unpaired_draws(np.stack(list(mine.values())), np.stack(list(other.values())))

    def _has(self, model: str, layer: str) -> bool:
        figure = self._figures.get((model, layer))
        return figure is not None and math.isfinite(figure.value)


def layer_damages(
    comparisons: Comparisons,
    model: str,
    best: str | None,
    references: Sequence[str],
    random: str | None,
    margin: float,
) -> tuple[LayerDamage, ...]:
    """Return what is to be said of each layer and of the output, in order.

    Without references, the layers after `best` are compared with it.
    """
    figures = comparisons.figures(model)
    records: list[LayerDamage] = []
    p_values: list[float] = []
    for layer, figure in figures.items():
        if layer == INPUT:
            continue
        damage = over_input = over_random = UNKNOWN
        if references:
            damage = comparisons.damage(model, layer, references)
        elif best is not None and figure.order > figures[best].order:
            damage = comparisons.minus((model, best), (model, layer))
        if layer != OUTPUT:
            over_input = comparisons.minus((model, layer), (model, INPUT))
            if random is not None:
                over_random = comparisons.minus((model, layer), (random, layer))
        records.append(
            LayerDamage(figure, damage.interval(), over_input.interval(), over_random.interval())
        )
        p_values.append(damage.p_above(margin))
    corrected = holm(p_values)
    return tuple(replace(r, p_value=p) for r, p in zip(records, corrected, strict=True))
