"""Damage: how much lower a layer's probe scores than the same layer of a reference."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from repprobe.diagnosis.onset import holm
from repprobe.probes.differences import (
    UNKNOWN,
    Difference,
    Figure,
    paired_layers,
    paired_with_networks,
    unpaired_draws,
    without_error,
)
from repprobe.probes.scores import INPUT, OUTPUT, Score, Scores

Draws = dict[int | str, NDArray[np.float64]]
"""Seed of the draw of clean labels → outcomes (n,) of the test examples."""

Place = tuple[str, str]
"""Model and layer."""


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
        self._outcomes: dict[Place, Draws] = {}
        for (model, layer, _, seed), outcomes in scores.outcomes.items():
            self._outcomes.setdefault((model, layer), {})[seed] = outcomes.astype(np.float64)

    def figures(self, model: str) -> dict[str, Score]:
        """Return the finite test figures of a network by layer, in order."""
        return {
            layer: f
            for (name, layer), f in self._figures.items()
            if name == model and math.isfinite(f.value)
        }

    def damages(
        self, model: str, layers: Sequence[str], references: Sequence[str]
    ) -> list[Difference]:
        """Return the mean of the references minus the network, layer by layer."""
        found, tables = [UNKNOWN] * len(layers), {}
        for place, layer in enumerate(layers):
            having = [r for r in references if self._has(r, layer)]
            if not having or not self._has(model, layer):
                continue
            ours = self._outcomes.get((model, layer), {})
            theirs = [self._outcomes.get((reference, layer), {}) for reference in having]
            if ours and all(ours.keys() == draws.keys() for draws in theirs):
                tables[place] = np.array([[draws[s] - ours[s] for s in ours] for draws in theirs])
            else:
                value = float(np.mean([self._figures[r, layer].value for r in having]))
                found[place] = without_error(value - self._figures[model, layer].value)
        for place, one in zip(tables, paired_with_networks([*tables.values()]), strict=True):
            found[place] = one
        return found

    def minus(self, pairs: Sequence[tuple[Place, Place]]) -> list[Difference]:
        """Return the first (model, layer) of each pair minus the second.

        The pairs are one kind of comparison at several layers: they tell of each other's error.
        """
        found = [UNKNOWN] * len(pairs)
        same: dict[int, NDArray[np.float64]] = {}
        apart: dict[int, tuple[NDArray[np.float64], NDArray[np.float64]]] = {}
        for place, (ours, theirs) in enumerate(pairs):
            if not self._has(*ours) or not self._has(*theirs):
                continue
            mine, other = self._outcomes.get(ours, {}), self._outcomes.get(theirs, {})
            if not mine or not other:
                value = self._figures[ours].value - self._figures[theirs].value
                found[place] = without_error(value)
            elif "" in other:
                same[place] = np.stack(list(mine.values())) - other[""]
            elif mine.keys() == other.keys():
                same[place] = np.stack([mine[seed] - other[seed] for seed in mine])
            else:
                apart[place] = np.stack(list(mine.values())), np.stack(list(other.values()))
        for place, one in zip(same, paired_layers([*same.values()]), strict=True):
            found[place] = one
        for place, one in zip(apart, unpaired_draws([*apart.values()]), strict=True):
            found[place] = one
        return found

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
    layers = [layer for layer in figures if layer != INPUT]
    probed = [layer for layer in layers if layer != OUTPUT]
    if references:
        damages = dict(zip(layers, comparisons.damages(model, layers, references), strict=True))
    elif best is not None:
        later = [layer for layer in layers if figures[layer].order > figures[best].order]
        damages = _compared(comparisons, {la: ((model, best), (model, la)) for la in later})
    else:
        damages = {}
    over_input = _compared(comparisons, {la: ((model, la), (model, INPUT)) for la in probed})
    over_random = {}
    if random is not None:
        over_random = _compared(comparisons, {la: ((model, la), (random, la)) for la in probed})
    corrected = holm([damages.get(layer, UNKNOWN).p_above(margin) for layer in layers])

    def figure(found: Mapping[str, Difference], layer: str) -> Figure:
        return found.get(layer, UNKNOWN).interval()

    return tuple(
        LayerDamage(
            figures[layer],
            figure(damages, layer),
            figure(over_input, layer),
            figure(over_random, layer),
            p_value,
        )
        for layer, p_value in zip(layers, corrected, strict=True)
    )


def _compared(
    comparisons: Comparisons, pairs: Mapping[str, tuple[Place, Place]]
) -> dict[str, Difference]:
    """Return layer → the difference of its pair."""
    return dict(zip(pairs, comparisons.minus([*pairs.values()]), strict=True))
