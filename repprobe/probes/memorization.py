"""Memorization: do layers give corrupted training examples the noisy label, or the true one?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from repprobe.data.splits import draws
from repprobe.probes.control import Control, control_task
from repprobe.probes.engines import Engine, LabelSet, Path
from repprobe.probes.fitting import GRIDS, Kind, one_hot
from repprobe.probes.intervals import mean_interval, wilson
from repprobe.probes.prediction_depth import neighbour_answers, prediction_depths
from repprobe.probes.probing import LayerFeatures, Progress
from repprobe.probes.scores import ALL, OUTPUT, Score, Scores
from repprobe.probes.standardize import Standardization

CORRUPTED, UNCORRUPTED = "corrupted", "uncorrupted"
"""The splits: training examples whose given label is wrong, and those whose label is right."""

_STREAM = 211


@dataclass(frozen=True, eq=False)
class Memorized:
    """What the layers say of each of the n corrupted training examples.

    Attributes
    ----------
    model : label of the network.
    probe : the probe that was fitted on the given labels.
    layers : those that could be probed, in the order of execution.
    given, true : (L, n) whether a probe fitted without the example gives it the given label, or
        the true one.
    chance : (L, n) how often the probe gives the example's label to others of the same true
        class that were not given it: what the example would get if its own label had left no
        trace. NaN where all of the class were given this label.
    depths, uncorrupted_depths : (n,) and (m,) prediction depth of the corrupted examples and of
        the uncorrupted ones, in layers.
    """

    model: str
    probe: str
    layers: tuple[str, ...]
    given: NDArray[np.bool_]
    true: NDArray[np.bool_]
    chance: NDArray[np.float64]
    depths: NDArray[np.int64]
    uncorrupted_depths: NDArray[np.int64]


def memorization(
    features: LayerFeatures,
    rows: NDArray[np.int64],
    given: NDArray[np.int64],
    true: NDArray[np.int64],
    classes: tuple[str, ...],
    *,
    model: str,
    kind: Kind,
    engine: Engine,
    seed: int = 0,
    progress: Progress | None = None,
) -> tuple[Scores, Memorized | None]:
    """Ask every layer for the given and the true labels of training examples.

    Probes and neighbours learn the *given* labels; what they say of an example comes from a fit
    without it. A layer that says the given label of corrupted examples holds a trace of it.

    Parameters
    ----------
    features : of one network.
    rows : (n,) positions among the training rows of `features`: examples that the network saw.
    given, true : (n,) the labels that it learned, and the right ones.
    classes : class names.
    model, kind, engine : label of the network, the probe, and what fits it.
    seed : of the folds and the random labels.
    progress : called after each layer with ("memorization", done, total).

    Returns
    -------
    Scores
        Rows of the splits "corrupted" and "uncorrupted", and of the control task in "train";
        their `clean_labels` is 0. Layers with NaN or infinity have none.
    Memorized
        The outcomes of the corrupted examples. None, and no rows, where none is corrupted, the
        given or the true labels are all the same, no layer can be probed, or there are no classes.
    """
    corrupted = given != true
    orders = [i for i, layer in enumerate(features.layers) if not features.non_finite[layer]]
    alike = min(len(np.unique(labels)) for labels in (given, true)) < 2
    if not classes or alike or not corrupted.any() or not orders:
        return Scores(), None
    task = _Task(kind, engine, given, true, len(classes), _folds(given, seed), seed)
    scores = Scores()
    found, neighbours, k = [], [], 0
    for done, order in enumerate(orders):
        layer = features.layers[order]
        raw = np.asarray(features[layer][rows])
        x = Standardization.fit(raw).apply(raw)
        blank = Score(
            model, layer, order, x.shape[1], "knn", None, 0, seed, CORRUPTED, ALL, "", math.nan
        )
        said, k = neighbour_answers(x, given, len(classes), engine)
        neighbours.append(said)
        if kind != "knn":
            fitted = task.fit(x)
            said = fitted.answers
            base = replace(blank, probe=kind, regularization=fitted.regularization)
            scores.rows += [*_shares(base, said, task), *_control_rows(base, fitted.control)]
        scores.rows += _shares(replace(blank, regularization=float(k)), neighbours[-1], task)
        found.append(said)
        if progress:
            progress("memorization", done + 1, len(orders))
    answers = np.stack(found)
    depths = prediction_depths(np.stack(neighbours), np.array(orders))
    for split, members in ((CORRUPTED, corrupted), (UNCORRUPTED, ~corrupted)):
        value, low, high = mean_interval(depths[members]) if members.any() else (math.nan,) * 3
        scores.rows.append(
            replace(
                blank,
                layer=OUTPUT,
                order=len(features.layers),
                width=0,
                regularization=float(k),
                split=split,
                metric="prediction_depth",
                value=value,
                low=low,
                high=high,
            )
        )
    return scores, Memorized(
        model,
        kind,
        tuple(features.layers[order] for order in orders),
        (answers == given)[:, corrupted],
        (answers == true)[:, corrupted],
        np.stack([_chance(said, given, true, len(classes))[corrupted] for said in answers]),
        depths[corrupted],
        depths[~corrupted],
    )


class _Fitted(NamedTuple):
    """What a layer's linear probe says of each example (n,) without it, and the control task."""

    answers: NDArray[np.int64]
    regularization: float | None
    control: Control


@dataclass(frozen=True)
class _Task:
    """What the linear probes of all layers are fitted on."""

    kind: Kind
    engine: Engine
    given: NDArray[np.int64]
    true: NDArray[np.int64]
    classes: int
    folds: NDArray[np.int64]
    seed: int

    def fit(self, x: NDArray[np.floating]) -> _Fitted:
        """Fit standardized features (n, d) to the given labels, and to true and random ones."""
        grid = GRIDS[self.kind]
        learned, right = self._paths(x, [self.given, self.true], grid, self.folds)
        assert learned.held_out is not None
        strength = float(right.regularization[right.best])
        return _Fitted(
            learned.held_out[learned.chosen].astype(np.int64),
            None if self.kind == "least-squares" else float(learned.tried[learned.chosen]),
            control_task(
                lambda y: _said(x, self._paths(x, [y], [strength], None)[0]),
                _said(x, right),
                self.true,
                self.seed,
            ),
        )

    def _paths(
        self,
        x: NDArray[np.floating],
        labellings: Sequence[NDArray[np.int64]],
        grid: Sequence[float],
        folds: NDArray[np.int64] | None,
    ) -> list[Path]:
        judges = [_named] * len(labellings)
        if self.kind == "logistic":
            sets = [LabelSet(y, self.classes) for y in labellings]
            return self.engine.logistic(x, sets, grid, folds, judges=judges)
        return self.engine.ridge(
            x, [one_hot(y, self.classes) for y in labellings], grid, folds, judges
        )


def _said(x: NDArray[np.floating], path: Path) -> NDArray[np.int64]:
    """Return the classes (n,) that the best point of a path gives the examples it was fitted on."""
    scores = x @ path.coefficients[path.best] + path.intercepts[path.best]
    said: NDArray[np.int64] = scores.argmax(axis=1)
    return said


def _named(scores: NDArray[np.floating], rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """Return the class (m,) that scores (m, k) name; see `Judge`."""
    return np.asarray(scores.argmax(axis=1), np.float32)


def _folds(given: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Return the fold (n,) of each example, the given labels being spread evenly."""
    (draw,) = draws(given, ["all"], [seed], "classification", stream=_STREAM)
    folds = np.empty(len(given), np.int64)
    folds[draw.rows] = draw.folds
    return folds


def _shares(base: Score, said: NDArray[np.int64], task: _Task) -> list[Score]:
    """Return how often the given and the true label of corrupted examples are said."""
    corrupted = task.given != task.true
    rows = []
    for metric, labels in (("given", task.given), ("true", task.true)):
        hits = (said == labels)[corrupted]
        value, low, high = wilson(int(hits.sum()), len(hits))
        rows.append(replace(base, metric=metric, value=value, low=low, high=high))
    return rows


def _control_rows(base: Score, control: Control) -> list[Score]:
    base = replace(base, split="train", regularization=None)
    value, low, high = wilson(int(control.hits.sum()), len(control.hits))
    gap, least, most = mean_interval(control.selectivity)
    return [
        replace(base, metric="control", value=value, low=low, high=high),
        replace(base, metric="selectivity", value=gap, low=least, high=most),
    ]


def _chance(
    said: NDArray[np.int64], given: NDArray[np.int64], true: NDArray[np.int64], classes: int
) -> NDArray[np.float64]:
    """Return (n,) how often the given label is said of others of the true class without it."""
    shape = (classes, classes)
    said_of, given_to, met = (np.zeros(shape, np.int64) for _ in range(3))
    np.add.at(said_of, (true, said), 1)
    np.add.at(given_to, (true, given), 1)
    np.add.at(met, (true[said == given], given[said == given]), 1)
    others = given_to.sum(axis=1)[:, None] - given_to
    share = np.where(others > 0, (said_of - met) / np.maximum(others, 1), np.nan)
    return np.asarray(share[true, given])
