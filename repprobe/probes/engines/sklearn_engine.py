"""The scikit-learn engine: the reference that the others are checked against."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from repprobe.probes.engines.border import Floats, Integers, Path
from repprobe.probes.engines.held_out import HeldOut, log_softmax

_TOLERANCE = 1e-6
_NEVER = -1e3
"""Logit of a class that a fold has no example of."""


class SklearnEngine:
    """Solves in float64 on the CPU, one regularization and one fold after the other."""

    name = "sklearn"

    def logistic(
        self, x: Floats, y: Integers, classes: int, grid: Sequence[float], folds: Integers | None
    ) -> Path:
        """See `border.Engine.logistic`; lbfgs, gradient tolerance 1e-6."""
        x = x.astype(np.float64)
        points: list[tuple[Floats, Floats, float, float, bool]] = []
        held_out = HeldOut(y)
        for strength in grid:
            w, b, converged = _fit_logistic(x, y, classes, strength)
            points.append((w, b, *_logistic_objective(x, y, w, b, strength), converged))
            if folds is None:
                continue
            logits = np.empty((len(y), classes))
            for fold in range(folds.max() + 1):
                out = folds == fold
                w, b, _ = _fit_logistic(x[~out], y[~out], classes, strength)
                logits[out] = x[out] @ w + b
            if not held_out.add(logits):
                break
        return Path(
            regularization=np.array(grid[: len(points)], np.float64),
            coefficients=np.stack([p[0] for p in points]),
            intercepts=np.stack([p[1] for p in points]),
            objective=np.array([p[2] for p in points]),
            gradient_norm=np.array([p[3] for p in points]),
            converged=np.array([p[4] for p in points]),
            held_out_loss=np.array(held_out.losses or [np.nan] * len(points)),
            best=held_out.best,
            held_out_scores=held_out.scores,
        )

    def ridge(
        self, x: Floats, targets: Floats, grid: Sequence[float], folds: Integers | None
    ) -> Path:
        """See `border.Engine.ridge`; singular values, and plain refits for what is left out."""
        x, y = x.astype(np.float64), targets.astype(np.float64)
        fits = [_fit_ridge(x, y, alpha) for alpha in grid]
        if folds is None:
            left_out = [_leave_one_out(x, y, alpha) for alpha in grid]
        else:
            left_out = [_leave_folds_out(x, y, alpha, folds) for alpha in grid]
        losses = np.array([((y - p) ** 2).sum(axis=1).mean() for p in left_out])
        best = 0 if np.isnan(losses).all() else int(np.nanargmin(losses))
        objectives, gradients = [], []
        for alpha, (w, b) in zip(grid, fits, strict=True):
            error = x @ w + b - y
            objectives.append(((error**2).sum() + alpha * (w**2).sum()) / len(y))
            gradients.append(np.abs(2 * (x.T @ error + alpha * w) / len(y)).max())
        return Path(
            regularization=np.array(grid, np.float64),
            coefficients=np.stack([w for w, _ in fits]),
            intercepts=np.stack([b for _, b in fits]),
            objective=np.array(objectives),
            gradient_norm=np.array(gradients),
            converged=np.isfinite(objectives),
            held_out_loss=losses,
            best=best,
            held_out_scores=None if np.isnan(losses).all() else left_out[best],
        )

    def neighbours(self, x: Floats, queries: Floats, k: int, leave_out: bool) -> Integers:
        """See `border.Engine.neighbours`; brute force."""
        from sklearn.neighbors import NearestNeighbors

        index = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(x)
        found: Integers = index.kneighbors(None if leave_out else queries, return_distance=False)
        return found


def _fit_logistic(
    x: Floats, y: Integers, classes: int, strength: float
) -> tuple[Floats, Floats, bool]:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    present = np.unique(y)
    # Of two classes scikit-learn keeps one logit and penalizes it as one: that is the
    # multinomial problem with half the penalty and the logit shared out to both sides.
    binary = len(present) == 2
    model = LogisticRegression(
        C=2 * strength if binary else strength, tol=_TOLERANCE, max_iter=10_000
    )
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", ConvergenceWarning)
        model.fit(x, y)
    sides = np.array([-0.5, 0.5]) if binary else np.ones(len(present))
    w, b = np.zeros((x.shape[1], classes)), np.full(classes, _NEVER)
    w[:, present], b[present] = model.coef_.T * sides, model.intercept_ * sides
    return w, b, not any(issubclass(c.category, ConvergenceWarning) for c in caught)


def _logistic_objective(
    x: Floats, y: Integers, w: Floats, b: Floats, strength: float
) -> tuple[float, float]:
    """Return the objective per example and its gradient's largest entry."""
    n = len(y)
    logp = log_softmax(x @ w + b)
    objective = -logp[np.arange(n), y].mean() + (w**2).sum() / (2 * strength * n)
    residual = np.exp(logp)
    residual[np.arange(n), y] -= 1
    gradient = x.T @ residual / n + w / (strength * n)
    return float(objective), float(max(np.abs(gradient).max(), np.abs(residual.mean(0)).max()))


def _fit_ridge(x: Floats, y: Floats, alpha: float) -> tuple[Floats, Floats]:
    from sklearn.linear_model import LinearRegression, Ridge

    model = LinearRegression() if alpha == 0 else Ridge(alpha=alpha, solver="svd")
    model.fit(x, y)
    return model.coef_.T, np.asarray(model.intercept_)


def _leave_one_out(x: Floats, y: Floats, alpha: float) -> Floats:
    """Predictions by each fit without its example, through the hat matrix."""
    n = len(x)
    centred = x - x.mean(axis=0)
    u, s, _ = np.linalg.svd(centred, full_matrices=False)
    kept = s > 1e-6 * s[0] if s[0] > 0 else s > 0
    share: NDArray[np.float64] = np.where(kept, s**2 / np.maximum(s**2 + alpha, 1e-300), 0)
    hat = (u * share) @ u.T + 1 / n
    left = 1 - np.diag(hat)
    left = np.where(left > 1e-9, left, np.nan)
    result: Floats = y - (y - hat @ y) / left[:, None]
    return result


def _leave_folds_out(x: Floats, y: Floats, alpha: float, folds: Integers) -> Floats:
    predictions = np.empty_like(y)
    for fold in range(folds.max() + 1):
        out = folds == fold
        w, b = _fit_ridge(x[~out], y[~out], alpha)
        predictions[out] = x[out] @ w + b
    return predictions
