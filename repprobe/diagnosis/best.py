"""The best layer: the one whose probe does best on clean labels it was not fitted on."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from repprobe.probes.choice import Choice, choose, nested_outcomes
from repprobe.probes.scores import ALL, INPUT, OUTPUT, HeldOutcomes, Scores


def best_layer(scores: Scores, model: str) -> str | None:
    """Return the layer that does best inside the clean labels, the earliest of equals.

    Takes the probes on as many clean labels as there are. The outcomes of left-out clean
    examples decide where they are at hand (`layer_choice`), else the validation figures, by the
    leading metric or else by the mean squared error, so that the test part has no say in the
    choice; only where a layer has none do the test figures. The raw input and the network's
    output are not candidates. None if no layer has a figure.
    """
    choice = layer_choice(scores, model)
    if choice is not None:
        return choice.name
    scores = scores.where(model=model).at()
    figures = _figures(scores, model)
    for ranking in (_validation(scores, scores.metric, 1), _validation(scores, "mse", -1), figures):
        if figures.keys() <= ranking.keys():
            return max(figures, key=lambda layer: ranking[layer], default=None)
    return None


def layer_choice(scores: Scores, model: str) -> Choice | None:
    """Return the choice of the layer from left-out clean examples, of all draws together.

    Each draw's regularization is chosen without the fold that it is judged by. An example that
    is in several draws counts once, with the mean of its outcomes and the fold of its first
    draw: draws that share examples are no independent evidence. None where a layer has no such
    outcomes.
    """
    scores = scores.at()
    candidates: dict[str, NDArray[np.float64]] = {}
    folds = np.zeros(0, np.int64)
    for layer in _figures(scores, model):
        draws = [held for place, held in scores.held_out.items() if place[:2] == (model, layer)]
        if not draws:
            return None
        _, first, example = np.unique(_examples(draws), return_index=True, return_inverse=True)
        nested = np.concatenate([nested_outcomes(held.outcomes, held.folds) for held in draws])
        candidates[layer] = (np.bincount(example, nested) / np.bincount(example))[None]
        folds = np.concatenate([held.folds for held in draws])[first]
    if not candidates or len({table.shape for table in candidates.values()}) > 1:
        return None
    return choose(candidates, folds)


def _examples(draws: Sequence[HeldOutcomes]) -> NDArray[np.int64]:
    """Return which example each outcome of the draws is of, one draw after the other."""
    rows = [held.rows for held in draws if held.rows is not None]
    if len(rows) == len(draws):
        return np.concatenate(rows)
    return np.arange(sum(len(held.folds) for held in draws))


def _figures(scores: Scores, model: str) -> dict[str, float]:
    """Return the finite test figures of the layers in between, in order."""
    return {
        f.layer: f.value
        for f in scores.summary()
        if f.model == model and f.layer not in (INPUT, OUTPUT) and math.isfinite(f.value)
    }


def _validation(scores: Scores, metric: str, sign: int) -> dict[str, float]:
    """Return per layer the mean validation figure times `sign`."""
    values: dict[str, list[float]] = {}
    for row in scores.where(split="validation", group=ALL, metric=metric):
        values.setdefault(row.layer, []).append(sign * row.value)
    return {layer: sum(v) / len(v) for layer, v in values.items()}
