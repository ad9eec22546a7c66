"""Fits of a head to the features of one network, or of two whose scores are added."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from repprobe.probes.engines import Engine, LabelSet, Path
from repprobe.probes.engines.border import Judge
from repprobe.probes.fitting import GRIDS, Kind, one_hot
from repprobe.probes.outcomes import Outcomes
from repprobe.probes.standardize import Standardization

Floats = NDArray[np.floating]
Labels = NDArray[np.int64] | NDArray[np.float64]


class Linear(NamedTuple):
    """x ↦ x · weightᵀ + bias on raw features: (C, d) and (C,), the standardization folded in."""

    weight: NDArray[np.float64]
    bias: NDArray[np.float64]

    def scores(self, x: Floats) -> Floats:
        """Return (n, C) scores of features (n, d)."""
        return np.asarray(x, np.float64) @ self.weight.T + self.bias


def held_out(
    kind: Kind,
    features: Sequence[Floats],
    labels: Labels,
    classes: int,
    engine: Engine,
    folds: NDArray[np.int64],
) -> NDArray[np.float32]:
    """Return what clean examples contribute, each by a fit that did not see it: (T, n).

    Parameters
    ----------
    features : (n, d) of each network; the scores of two are added.
    labels : (n,) classes, or (n, t) targets with classes = 0.
    folds : (n,) the fold that leaves each example out.

    Returns
    -------
    A row per regularization: the first T of the probe's grid, which may end early. As in
    `probes.outcomes.Outcomes`.
    """
    outcomes = Outcomes(labels, classes)
    if len(features) == 1:
        path, _ = _path(kind, features[0], labels, classes, engine, folds, outcomes.judge)
        assert path.held_out is not None
        return path.held_out
    each = []
    for x in features:
        kept = _Kept(kind, len(x), labels.shape[1] if labels.ndim > 1 else classes)
        path, _ = _path(kind, x, labels, classes, engine, folds, kept)
        each.append(kept.scores[: len(path.tried)])
    points = min(map(len, each))
    every = np.arange(len(labels))
    return np.stack(
        [outcomes.judge(np.sum([s[t] for s in each], axis=0), every) for t in range(points)]
    )


def fit(kind: Kind, x: Floats, labels: Labels, classes: int, engine: Engine, point: int) -> Linear:
    """Fit one head to features (n, d) at a point of the probe's grid of regularizations."""
    path, standardization = _path(kind, x, labels, classes, engine, None, None, point)
    weight, bias = standardization.fold_into(
        path.coefficients[0].astype(np.float64), path.intercepts[0].astype(np.float64)
    )
    return Linear(weight.T, bias)


def regularization(kind: Kind, point: int) -> float | None:
    """Return C or alpha at a point of the probe's grid; None for least squares."""
    return None if kind == "least-squares" else float(GRIDS[kind][point])


class _Kept:
    """A judge that keeps the scores (T, n, k): an example's come in the order of the grid."""

    def __init__(self, kind: Kind, examples: int, width: int) -> None:
        self.scores = np.full((len(GRIDS[kind]), examples, width), np.nan, np.float32)
        self._points = np.zeros(examples, np.int64)

    def __call__(self, scores: Floats, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        self.scores[self._points[rows], rows] = scores
        self._points[rows] += 1
        return np.zeros(len(rows), np.float32)


def _path(
    kind: Kind,
    x: Floats,
    labels: Labels,
    classes: int,
    engine: Engine,
    folds: NDArray[np.int64] | None,
    judge: Judge | None,
    point: int | None = None,
) -> tuple[Path, Standardization]:
    standardization = Standardization.fit(x)
    rows = standardization.apply(x)
    grid = GRIDS[kind] if point is None else GRIDS[kind][point : point + 1]
    judges = () if judge is None else (judge,)
    if kind == "logistic":
        wanted = LabelSet(labels.astype(np.int64), classes)
        (path,) = engine.logistic(rows, [wanted], grid, folds, judges=judges)
    else:
        (path,) = engine.ridge(rows, [one_hot(labels, classes)], grid, folds, judges=judges)
    return path, standardization
