"""The torch engine's logistic path against scikit-learn's LogisticRegressionCV."""

from __future__ import annotations

import warnings

import numpy as np
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.model_selection import PredefinedSplit

from repprobe.probes.engines import LabelSet, get_engine

from .harness import Report
from .made import made

GRID = tuple(float(c) for c in np.logspace(-4, 0, 9))


def run(report: Report) -> None:
    """5,000 × 1,024, 10 classes, 9 values of C, 5 folds, every fit of the path included."""
    compare(report, 5000, 1024, 10)


def compare(report: Report, n: int, d: int, classes: int, pairs: int = 5) -> None:
    """Time both; equal if the objectives of the fits to all examples are, at every point."""
    x, y, folds = made(n, d, classes)
    engine = get_engine("torch")

    def ours() -> object:
        return engine.logistic(x, [LabelSet(y, classes)], GRID, folds, whole=True)

    # It warns of defaults that will change in other versions.
    warnings.simplefilter("ignore", FutureWarning)

    def peer() -> object:
        return LogisticRegressionCV(
            Cs=GRID, cv=PredefinedSplit(folds), tol=1e-6, max_iter=10_000
        ).fit(x, y)

    (path,) = engine.logistic(x, [LabelSet(y, classes)], GRID, folds, whole=True)
    off = max(
        abs(path.objective[i] / _objective(x, y, strength) - 1) for i, strength in enumerate(GRID)
    )
    report.compare(
        f"logistic path, {n:,} × {d:,} × {classes}, {len(GRID)} C, 5 folds",
        ("torch engine, with 9 fits to all", ours),
        ("LogisticRegressionCV, with 1", peer),
        demand=1 / 15,
        equal=bool(off <= 1e-5 and path.converged.all()),
        note=f"objectives differ by {off:.1e} at most",
        pairs=pairs,
        warm_up=False,
    )


def _objective(x: np.ndarray, y: np.ndarray, strength: float) -> float:
    """Return what scikit-learn reaches when asked for more digits than it is timed with."""
    model = LogisticRegression(C=strength, tol=1e-8, max_iter=10_000).fit(x, y)
    logp = model.predict_log_proba(x)[np.arange(len(y)), y]
    return float(-logp.mean() + (model.coef_**2).sum() / (2 * strength * len(y)))
