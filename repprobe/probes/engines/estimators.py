"""Paths from a library's own estimators: one regularization, label set and fold after the other.

scikit-learn and cuML share one interface, so this is all that their engines have in common.
"""

from __future__ import annotations

import warnings
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from repprobe.probes.engines.border import Distance, Floats, Integers, Judge, LabelSet, Path
from repprobe.probes.engines.held_out import HeldOut, log_softmax, lowest

_TOLERANCE = 1e-6
"""Relative height above the minimum up to which a fit counts as converged."""
_NEVER = -1e3
"""Logit of a class that a fold has no example of."""
_CUTOFF = 1e-6
"""Least singular value, relative to the largest, of a direction that least squares may use."""


class EstimatorEngine(ABC):
    """An engine made of a library's estimators, in float64."""

    name: str
    streams = False

    def __init__(self, arrays: Any) -> None:
        """Compute with the functions of `arrays`: numpy, or cupy for data on the GPU."""
        self._np = arrays

    def logistic(
        self,
        x: Floats,
        labels: Sequence[LabelSet],
        grid: Sequence[float],
        folds: Integers | None,
        whole: bool = False,
        judges: Sequence[Judge] = (),
    ) -> list[Path]:
        """See `border.Engine.logistic`."""
        rows = self._load(x)
        return [
            self._logistic_path(rows, one, grid, folds, whole, judge)
            for one, judge in zip_longest(labels, judges)
        ]

    def ridge(
        self,
        x: Floats,
        targets: Sequence[Floats],
        grid: Sequence[float],
        folds: Integers | None,
        judges: Sequence[Judge] = (),
    ) -> list[Path]:
        """See `border.Engine.ridge`."""
        rows, y = self._load(x), self._load(np.concatenate(list(targets), axis=1))
        fits = self._ridge_fits(rows, y, grid)
        if folds is None:
            left_out = self._leave_one_out(rows, y, grid)
        else:
            left_out = self._leave_folds_out(rows, y, grid, folds)
        ends = np.cumsum([t.shape[1] for t in targets])
        columns = [slice(end - t.shape[1], end) for end, t in zip(ends, targets, strict=True)]
        return [
            self._ridge_path(
                rows,
                y[:, some],
                grid,
                [_Fit(fit.w[:, some], fit.b[some]) for fit in fits],
                [predicted[:, some] for predicted in left_out],
                judge,
            )
            for some, judge in zip_longest(columns, judges)
        ]

    @abstractmethod
    def neighbours(
        self, x: Floats, queries: Floats, k: int, leave_out: bool, distance: Distance = "euclidean"
    ) -> Integers:
        """See `border.Engine.neighbours`."""

    @abstractmethod
    def _logistic_model(self, strength: float) -> Any:
        """Return the estimator for C = `strength`."""

    @abstractmethod
    def _ridge_model(self, alpha: NDArray[np.float64]) -> Any:
        """Return the estimator for a positive alpha per target."""

    @abstractmethod
    def _least_squares_model(self) -> Any:
        """Return the estimator without a penalty."""

    @abstractmethod
    def _host(self, array: Any) -> NDArray[Any]:
        """Return an array of this engine as numpy's."""

    def _load(self, array: Any) -> Any:
        return self._np.asarray(array, dtype=np.float64)

    def _logistic_path(
        self,
        x: Any,
        labels: LabelSet,
        grid: Sequence[float],
        folds: Integers | None,
        whole: bool,
        judge: Judge | None,
    ) -> Path:
        y, classes = labels.y, labels.classes
        held_out = HeldOut(y, judge)
        for strength in () if folds is None else grid:
            scores = np.empty((len(y), classes))
            for out in _each(folds):
                fit = self._logistic_fit(x[self._np.asarray(~out)], y[~out], classes, strength)
                scores[out] = self._host(self._scores(x[self._np.asarray(out)], fit))
            if not held_out.add(scores) and not whole:
                break
        tried = list(grid[: len(held_out.losses)] if folds is not None else grid)
        alone = folds is not None and not whole
        kept = [tried[held_out.best]] if alone else tried
        fits = [self._logistic_fit(x, y, classes, strength) for strength in kept]
        proofs = [self._proof(x, y, fit, c) for c, fit in zip(kept, fits, strict=True)]
        return Path(
            tried=np.array(tried, np.float64),
            held_out_loss=np.array(held_out.losses or [np.nan] * len(tried)),
            regularization=np.array(kept, np.float64),
            coefficients=np.stack([fit.w for fit in fits]),
            intercepts=np.stack([fit.b for fit in fits]),
            objective=np.array([p.objective for p in proofs]),
            gradient_norm=np.array([p.gradient_norm for p in proofs]),
            converged=np.array([p.height <= _TOLERANCE * p.objective for p in proofs]),
            best=0 if alone else held_out.best,
            held_out_scores=held_out.scores,
            held_out=held_out.judged,
        )

    def _logistic_fit(self, x: Any, y: Integers, classes: int, strength: float) -> _Fit:
        present = np.unique(y)
        w, b = np.zeros((x.shape[1], classes)), np.full(classes, _NEVER)
        b[present] = 0
        if len(present) == 1:
            return _Fit(w, b)
        # Of two classes these libraries keep one logit and penalize it as one: that is the
        # multinomial problem with half the penalty and the logit shared out to both sides.
        binary = len(present) == 2
        model = self._logistic_model(2 * strength if binary else strength)
        with warnings.catch_warnings():
            # Whether it has converged is computed, not heard from the library.
            warnings.simplefilter("ignore")
            model.fit(x, self._np.asarray(y))
        sides = np.array([-0.5, 0.5]) if binary else np.ones(len(present))
        w[:, present] = self._host(model.coef_).T * sides
        b[present] = self._host(model.intercept_) * sides
        return _Fit(w, b)

    def _proof(self, x: Any, y: Integers, fit: _Fit, strength: float) -> _Proof:
        arrays, w = self._np, self._np.asarray(fit.w)
        return _certify(arrays, x, arrays.asarray(y), w, self._scores(x, fit), strength)

    def _ridge_path(
        self,
        x: Any,
        y: Any,
        grid: Sequence[float],
        fits: list[_Fit],
        left_out: list[Any],
        judge: Judge | None,
    ) -> Path:
        """Put the fits and what they predict of left-out examples together, one per alpha."""
        n = len(y)
        losses = np.array([float(((y - p) ** 2).sum(axis=1).mean()) for p in left_out])
        known = not np.isnan(losses).all()
        best = lowest(losses)
        objectives, gradients = [], []
        for alpha, fit in zip(grid, fits, strict=True):
            error, w = self._scores(x, fit) - y, self._np.asarray(fit.w)
            objectives.append(float((error**2).sum() + alpha * (w**2).sum()) / n)
            slope, drift = 2 * (x.T @ error + alpha * w) / n, 2 * error.mean(axis=0)
            gradients.append(max(float(abs(slope).max()), float(abs(drift).max())))
        return Path(
            tried=np.array(grid, np.float64),
            held_out_loss=losses,
            regularization=np.array(grid, np.float64),
            coefficients=np.stack([fit.w for fit in fits]),
            intercepts=np.stack([fit.b for fit in fits]),
            objective=np.array(objectives),
            gradient_norm=np.array(gradients),
            converged=np.isfinite(objectives),
            best=best,
            held_out_scores=self._host(left_out[best]) if known else None,
            held_out=np.stack([judge(self._host(p), np.arange(n)) for p in left_out])
            if judge and known
            else None,
        )

    def _ridge_fits(self, x: Any, y: Any, grid: Sequence[float]) -> list[_Fit]:
        """Fit all alphas at once, as one target each: the decomposition is then shared."""
        t = y.shape[1]
        positive = [alpha for alpha in grid if alpha > 0]
        fits: dict[float, _Fit] = {}
        if positive:
            model = self._ridge_model(np.repeat(positive, t))
            model.fit(x, self._np.tile(y, (1, len(positive))))
            w = self._host(model.coef_).reshape(len(positive), t, -1).transpose(0, 2, 1)
            b = self._host(model.intercept_).reshape(len(positive), t)
            fits = {alpha: _Fit(*fit) for alpha, *fit in zip(positive, w, b, strict=True)}
        if len(positive) < len(grid):
            fits[0.0] = self._least_squares_fit(x, y)
        return [fits[float(alpha)] for alpha in grid]

    def _least_squares_fit(self, x: Any, y: Any) -> _Fit:
        """Fit in the directions that are more than rounding noise: the norm is then least."""
        mean = x.mean(axis=0)
        u, s, basis = self._directions(x - mean)
        if not len(s):
            return _Fit(np.zeros((x.shape[1], y.shape[1])), self._host(y.mean(axis=0)))
        model = self._least_squares_model().fit(u * s, y)
        coefficients = self._host(model.coef_).reshape(y.shape[1], -1).T
        w = self._host(basis).T @ coefficients
        b = self._host(model.intercept_).reshape(-1) - self._host(mean) @ w
        return _Fit(w, b)

    def _leave_one_out(self, x: Any, y: Any, grid: Sequence[float]) -> list[Any]:
        """Return per alpha the predictions by each fit without its example.

        Through the hat matrix H, of which only the diagonal is needed: what is left out is off
        by the residual / (1 − H_ii) (Cook & Weisberg 1982, eq. 2.2.4).
        """
        n = len(x)
        u, s, _ = self._directions(x - x.mean(axis=0))
        centred = y - y.mean(axis=0)
        result = []
        for alpha in grid:
            share = s**2 / (s**2 + alpha)
            left = 1 - (u**2 @ share + 1 / n)
            left = self._np.where(left > 1e-9, left, np.nan)
            residual = centred - (u * share) @ (u.T @ centred)
            result.append(y - residual / left[:, None])
        return result

    def _leave_folds_out(self, x: Any, y: Any, grid: Sequence[float], folds: Integers) -> list[Any]:
        predictions = [self._np.empty_like(y) for _ in grid]
        for fold in _each(folds):
            out = self._np.asarray(fold)
            fits = self._ridge_fits(x[~out], y[~out], grid)
            for prediction, fit in zip(predictions, fits, strict=True):
                prediction[out] = self._scores(x[out], fit)
        return predictions

    def _directions(self, centred: Any) -> tuple[Any, Any, Any]:
        """Return U, s and V of the singular values that are more than rounding noise."""
        u, s, v = self._np.linalg.svd(centred, full_matrices=False)
        rank = int((s > _CUTOFF * s[0]).sum())
        return u[:, :rank], s[:rank], v[:rank]

    def _scores(self, x: Any, fit: _Fit) -> Any:
        return x @ self._np.asarray(fit.w) + self._np.asarray(fit.b)


class _Fit(NamedTuple):
    """Coefficients (d, k) and intercepts (k,)."""

    w: NDArray[np.float64]
    b: NDArray[np.float64]


class _Proof(NamedTuple):
    """The objective, its gradient's largest entry, and a bound on the height above the minimum."""

    objective: float
    gradient_norm: float
    height: float


def _certify(arrays: Any, x: Any, y: Any, w: Any, scores: Any, strength: float) -> _Proof:
    """Say how far a logistic fit with these scores (n, k) is from the minimum.

    The penalty alone curves the objective by 1/(C·n) in every direction of W, so that it lies at
    most C·n·‖gradient‖²/2 above its minimum over W (Boyd & Vandenberghe 2004, eq. 9.9); for the
    intercepts the curvature is that of the cross-entropy.
    """
    n = len(y)
    rows = arrays.arange(n)
    penalty = 1 / (strength * n)
    logp = log_softmax(scores)
    objective = -logp[rows, y].mean() + penalty * (w**2).sum() / 2
    p = np.exp(logp)
    curvature = (p * (1 - p)).mean(axis=0).clip(np.finfo(np.float64).eps, None)
    p[rows, y] -= 1
    slope, drift = x.T @ p / n + penalty * w, p.mean(axis=0)
    height = ((slope**2).sum() / penalty + (drift**2 / curvature).sum()) / 2
    largest = max(float(abs(slope).max()), float(abs(drift).max()))
    return _Proof(float(objective), largest, float(height))


def _each(folds: Integers | None) -> Iterator[NDArray[np.bool_]]:
    """Yield for each fold the examples (n,) that it leaves out."""
    if folds is not None:
        for fold in range(int(folds.max()) + 1):
            yield folds == fold
