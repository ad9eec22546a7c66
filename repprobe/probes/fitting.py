"""Fitting one probe: its regularization is chosen inside the clean labels, then it is refitted."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from repprobe.data.dataset import Task
from repprobe.errors import ProbeError, UnknownNameError, UsageError
from repprobe.probes.engines import Engine, Path
from repprobe.probes.folds import stratified_folds
from repprobe.probes.probe import LinearProbe, NeighbourProbe, Probe, votes
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

FOLDS = 5
_SMALL = 20_000_000
"""Features times classes up to which float64 costs nothing that a user would notice."""


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
    seed: int = 0,
) -> Probe:
    """Fit a probe to raw features (n, d) and clean labels.

    Labels are classes (n,) in 0…classes − 1, or regression targets (n, t) with classes = 0. The
    regularization is the one that does best on left-out examples: in accuracy over five
    stratified folds (logistic), in squared error leaving out one example at a time, exactly
    (ridge, on one-hot targets for classes), in accuracy leaving out one at a time (knn).

    Raises
    ------
    ProbeError
        Features are not finite.
    """
    if not np.isfinite(x).all():
        raise ProbeError("features with NaN or infinity cannot be probed.")
    standardization = Standardization.fit(x)
    width = max(classes, 1)
    dtype = np.float64 if x.size * width <= _SMALL else np.float32
    rows = standardization.apply(x, dtype)
    if kind == "knn":
        return _fit_neighbours(standardization, rows, labels.astype(np.int64), classes, engine)
    if kind == "logistic":
        y = labels.astype(np.int64)
        folds = stratified_folds(y, min(FOLDS, len(y)), seed)
        path = engine.logistic(rows, y, classes, GRIDS[kind], folds)
        return _best(path, standardization)
    targets = np.eye(classes)[labels.astype(np.int64)] if classes else labels.astype(np.float64)
    path = engine.ridge(rows, targets, GRIDS[kind], _ridge_folds(kind, rows.shape, labels, seed))
    probe = _best(path, standardization)
    if kind == "ridge":
        return probe
    return LinearProbe(probe.coefficients, probe.intercepts, None, probe.validation, True, math.nan)


def _ridge_folds(
    kind: Kind, shape: tuple[int, ...], labels: NDArray[np.generic], seed: int
) -> NDArray[np.int64] | None:
    """Leave-one-out is blind where least squares passes through every example: then folds."""
    n, d = shape
    if kind == "ridge" or n > d + 1:
        return None
    strata = labels.astype(np.int64) if labels.dtype.kind == "i" else np.zeros(n, np.int64)
    return stratified_folds(strata, min(FOLDS, n), seed)


def _best(path: Path, standardization: Standardization) -> LinearProbe:
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
    )


def _fit_neighbours(
    standardization: Standardization,
    rows: NDArray[np.floating],
    labels: NDArray[np.int64],
    classes: int,
    engine: Engine,
) -> NeighbourProbe:
    grid: Sequence[int] = [int(k) for k in GRIDS["knn"] if k < len(rows)]
    found = labels[engine.neighbours(rows, rows, grid[-1], True)]
    counts = [votes(found[:, :k], classes) for k in grid]
    errors = [float((v.argmax(axis=1) != labels).mean()) for v in counts]
    best = int(np.argmin(errors))
    return NeighbourProbe(
        standardization, rows, labels, classes, engine, float(grid[best]), counts[best]
    )
