"""The torch engine: what `border.Engine` asks for, on CPU or CUDA."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from repprobe.probes.engines.border import Floats, Integers, Path
from repprobe.probes.engines.held_out import HeldOut
from repprobe.probes.engines.torch_engine.decomposition import decompose
from repprobe.probes.engines.torch_engine.logistic import Problems, Solution, solve
from repprobe.probes.engines.torch_engine.neighbours import nearest
from repprobe.probes.engines.torch_engine.ridge import RidgeSystem

_TOLERANCE = 1e-6
"""Relative height above the minimum at which a fit on all examples stops."""
_FOLD_TOLERANCE = 1e-4
"""The same for the folds, whose fits only rank the regularizations."""
_LOGITS = 32_000_000
"""Logits (examples × classes), and pairs of L-BFGS, of the problems that are solved together."""


class TorchEngine:
    """Solves in float32 or float64, whichever the features come in; ridge in float64."""

    name = "torch"

    def __init__(self, device: str = "cpu") -> None:
        self.device = torch.device(device)

    def logistic(
        self, x: Floats, y: Integers, classes: int, grid: Sequence[float], folds: Integers | None
    ) -> Path:
        """See `border.Engine.logistic`; all folds and the fit on all examples go in a batch."""
        rows = self._tensor(x)
        parts = decompose(rows)
        labels = torch.from_numpy(y).to(self.device)
        weights = _weights(len(y), folds).to(parts.z)
        counts = weights.sum(0)
        tolerance = torch.full_like(counts, _FOLD_TOLERANCE)
        tolerance[-1] = _TOLERANCE
        left_out = None if folds is None else torch.from_numpy(folds).to(self.device)
        points: list[Solution] = []
        held_out = HeldOut(y)
        solution: Solution | None = None
        for strength in grid:
            problems = Problems(
                parts.z,
                parts.eigenvalues,
                labels,
                weights / counts,
                1 / (strength * counts),
                tolerance,
            )
            solution = _solve_in_groups(problems, solution or Solution.zeros(problems, classes))
            last = torch.tensor([len(counts) - 1], device=self.device)
            points.append(_finished(problems.pick(last), solution.pick(last)))
            if left_out is None:
                continue
            if not held_out.add(_array(_held_out_logits(parts.z, solution, left_out))):
                break
        return Path(
            regularization=np.array(grid[: len(points)], np.float64),
            coefficients=_array(torch.stack([parts.basis @ p.coefficients[0] for p in points])),
            intercepts=_array(torch.cat([p.intercepts for p in points])),
            objective=_array(torch.cat([p.objective for p in points])).astype(np.float64),
            gradient_norm=_array(torch.cat([p.gradient_norm for p in points])).astype(np.float64),
            converged=_array(torch.cat([p.decrement for p in points]) <= _TOLERANCE),
            held_out_loss=np.array(held_out.losses or [np.nan] * len(points)),
            best=held_out.best,
            held_out_scores=held_out.scores,
        )

    def ridge(
        self, x: Floats, targets: Floats, grid: Sequence[float], folds: Integers | None
    ) -> Path:
        """See `border.Engine.ridge`; solved in float64."""
        rows, y = self._tensor(x).double(), self._tensor(targets).double()
        system = RidgeSystem.of(rows, y)
        fits = [system.coefficients(alpha) for alpha in grid]
        left_out = (
            _left_out_by_fold(rows, y, grid, folds)
            if folds is not None
            else [system.leave_one_out(alpha, y) for alpha in grid]
        )
        losses = np.array([float(((y - p) ** 2).sum(1).mean()) for p in left_out])
        objectives, gradients = [], []
        for alpha, (w, b) in zip(grid, fits, strict=True):
            error = rows @ w + b - y
            objectives.append(float((error**2).sum() + alpha * (w**2).sum()) / len(y))
            gradient = 2 * (rows.T @ error + alpha * w) / len(y)
            gradients.append(float(gradient.abs().max()))
        best = 0 if np.isnan(losses).all() else int(np.nanargmin(losses))
        return Path(
            regularization=np.array(grid, np.float64),
            coefficients=_array(torch.stack([w for w, _ in fits])),
            intercepts=_array(torch.stack([b for _, b in fits])),
            objective=np.array(objectives),
            gradient_norm=np.array(gradients),
            converged=np.isfinite(objectives),
            held_out_loss=losses,
            best=best,
            held_out_scores=None if np.isnan(losses).all() else _array(left_out[best]),
        )

    def neighbours(self, x: Floats, queries: Floats, k: int, leave_out: bool) -> Integers:
        """See `border.Engine.neighbours`."""
        return _array(nearest(self._tensor(x), self._tensor(queries), k, leave_out))

    def _tensor(self, array: Floats) -> Tensor:
        return torch.from_numpy(array).to(self.device)


def _array(tensor: Tensor) -> np.ndarray:
    return tensor.cpu().numpy()


def _weights(n: int, folds: Integers | None) -> Tensor:
    """Return (n, folds + 1) zeros and ones: who takes part in which fit; the last has all."""
    everyone = torch.ones(n, 1)
    if folds is None:
        return everyone
    fold = torch.from_numpy(folds)[:, None]
    return torch.cat([(fold != torch.arange(int(fold.max()) + 1)).float(), everyone], 1)


def _solve_in_groups(problems: Problems, start: Solution) -> Solution:
    """Solve as many problems at a time as fit into memory."""
    count, k = start.intercepts.shape
    each = k * max(len(problems.y), 10 * problems.z.shape[1])
    group = max(1, _LOGITS // each)
    if group >= count:
        return solve(problems, start)
    result = start.pick(torch.arange(count, device=problems.z.device))
    everything = torch.arange(count, device=problems.z.device)
    for which in torch.split(everything, group):
        result.put(which, solve(problems.pick(which), start.pick(which)))
    return result


def _finished(problem: Problems, solution: Solution) -> Solution:
    """Go on in float64 where float32 ran out of digits before the tolerance was reached."""
    if problem.z.dtype == torch.float64 or bool((solution.decrement <= problem.tolerance).all()):
        return solution
    return solve(problem.double(), solution.to(torch.float64)).to(problem.z.dtype)


def _held_out_logits(z: Tensor, solution: Solution, folds: Tensor) -> Tensor:
    """Return (n, k) logits of every example by the fit of the fold that leaves it out."""
    logits = z.new_empty(len(z), solution.intercepts.shape[1])
    for fold in range(int(folds.max()) + 1):
        rows = folds == fold
        logits[rows] = z[rows] @ solution.coefficients[fold] + solution.intercepts[fold]
    return logits


def _left_out_by_fold(x: Tensor, y: Tensor, grid: Sequence[float], folds: Integers) -> list[Tensor]:
    """Return per alpha the (n, k) predictions by the fits of the folds that leave them out."""
    predictions = [torch.empty_like(y) for _ in grid]
    fold = torch.from_numpy(folds).to(x.device)
    for number in range(int(folds.max()) + 1):
        out = fold == number
        system = RidgeSystem.of(x[~out], y[~out])
        for alpha, prediction in zip(grid, predictions, strict=True):
            w, b = system.coefficients(alpha)
            prediction[out] = x[out] @ w + b
    return predictions
