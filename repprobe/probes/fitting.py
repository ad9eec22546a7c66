"""Fitting one probe: its regularization is chosen inside the clean labels, then it is refitted."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from repprobe.data.dataset import Task
from repprobe.errors import ProbeError, UnknownNameError, UsageError
from repprobe.probes.engines import Distance, Engine, LabelSet, Path
from repprobe.probes.outcomes import Outcomes
from repprobe.probes.probe import LinearProbe, NeighbourProbe, Probe, votes
from repprobe.probes.scores import HeldOutcomes
from repprobe.probes.standardize import Standardization

Kind = Literal["logistic", "ridge", "least-squares", "knn"]
KINDS: tuple[Kind, ...] = ("logistic", "ridge", "least-squares", "knn")

GRIDS: dict[Kind, tuple[float, ...]] = {
    "logistic": tuple(float(10 ** (e / 2)) for e in range(-10, 7)),
    "ridge": tuple(float(10 ** (e / 3)) for e in range(-6, 19)),
    "least-squares": (0.0,),
    "knn": (1, 3, 5, 10, 20, 50, 100, 200),
}
"""C, alpha and k that are tried, as scikit-learn means them."""


def default_kind(task: Task) -> Kind:
    """Return the probe that suits a task: logistic for classes, ridge for numbers."""
    return "logistic" if task == "classification" else "ridge"


def check_kind(kind: str, task: Task) -> Kind:
    """Return `kind` if it is a probe for that task, else raise UsageError."""
    if kind not in KINDS:
        raise UnknownNameError.near("probe", kind, KINDS, f"There are {', '.join(KINDS)}.")
    if task == "regression" and kind in ("logistic", "knn"):
        raise UsageError(
            f"the {kind} probe is for classes; for numbers take ridge or least-squares."
        )
    return kind


def fit_probe(
    kind: Kind,
    x: NDArray[np.floating],
    labels: NDArray[np.int64] | NDArray[np.float64],
    classes: int,
    engine: Engine,
    folds: NDArray[np.int64],
    distance: Distance = "euclidean",
) -> Probe:
    """Fit a probe to raw features (n, d) and clean labels.

    Labels are classes (n,) in 0…classes − 1, or regression targets (n, t) with classes = 0;
    `folds` (n,) tells which fit leaves each example out. The regularization is the one that
    does best on left-out examples: in accuracy (logistic), in squared error (ridge, on one-hot
    targets for classes), in accuracy leaving out one at a time by `distance` (knn).

    Raises
    ------
    ProbeError
        Features are not finite.
    """
    if not np.isfinite(x).all():
        raise ProbeError("features with NaN or infinity cannot be probed.")
    standardization = Standardization.fit(x)
    rows = standardization.apply(x)
    if kind == "knn":
        y = labels.astype(np.int64)
        return _fit_neighbours(standardization, rows, y, classes, engine, folds, distance)
    judge = Outcomes(labels, classes).judge
    if kind == "logistic":
        label_set = LabelSet(labels.astype(np.int64), classes)
        (path,) = engine.logistic(rows, [label_set], GRIDS[kind], folds, judges=[judge])
        return linear_probe(path, standardization, folds)
    targets = one_hot(labels, classes)
    (path,) = engine.ridge(rows, [targets], GRIDS[kind], folds, [judge])
    return ridge_probe(kind, path, standardization, folds)


def one_hot(labels: NDArray[np.generic], classes: int) -> NDArray[np.float64]:
    """Return the targets (n, k) of least squares: a column per class, or numbers as they are."""
    return np.eye(classes)[labels.astype(np.int64)] if classes else labels.astype(np.float64)


def ridge_probe(
    kind: Kind, path: Path, standardization: Standardization, folds: NDArray[np.int64]
) -> LinearProbe:
    """Return the best point of a path of ridge, or of least squares, for raw features.

    Its validation figure is the mean squared error on left-out examples, since that is what
    chose the penalty and what sufficient statistics can tell.
    """
    probe = linear_probe(path, standardization, folds)
    error = float(path.held_out_loss[path.chosen]) / probe.coefficients.shape[1]
    return replace(
        probe,
        regularization=probe.regularization if kind == "ridge" else None,
        validation=None,
        validation_error=error,
        converged=True,
        gradient_norm=math.nan,
    )


def linear_probe(
    path: Path, standardization: Standardization, folds: NDArray[np.int64]
) -> LinearProbe:
    """Return the best point of a path as a probe on raw features.

    `folds` (n,) are those that the path was judged by, if its judge gave outcomes.
    """
    best = path.best
    coefficients, intercepts = standardization.fold_into(
        path.coefficients[best].astype(np.float64), path.intercepts[best].astype(np.float64)
    )
    return LinearProbe(
        coefficients,
        intercepts,
        float(path.regularization[best]),
        path.held_out_scores,
        bool(path.converged[best]),
        float(path.gradient_norm[best]),
        held_out=None if path.held_out is None else HeldOutcomes(path.held_out, path.chosen, folds),
    )


def _fit_neighbours(
    standardization: Standardization,
    rows: NDArray[np.floating],
    labels: NDArray[np.int64],
    classes: int,
    engine: Engine,
    folds: NDArray[np.int64],
    distance: Distance,
) -> NeighbourProbe:
    """Search once, for the largest k; each k is judged leaving one example out."""
    grid = [int(k) for k in GRIDS["knn"] if k < len(rows)]
    found = labels[engine.neighbours(rows, rows, grid[-1], True, distance)]
    best, left_out = 0, None
    outcomes = np.empty((len(grid), len(rows)), np.float32)
    for point, counts in enumerate(votes(found, classes, grid)):
        outcomes[point] = counts.argmax(axis=1) == labels
        if left_out is None or outcomes[point].sum() > outcomes[best].sum():
            best, left_out = point, counts
    return NeighbourProbe(
        standardization,
        rows,
        labels,
        classes,
        engine,
        distance,
        float(grid[best]),
        left_out,
        held_out=HeldOutcomes(outcomes, best, folds),
    )
