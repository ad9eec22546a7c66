"""Ridge and least squares from rows: one decomposition serves every penalty and example."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from repprobe.probes.engines.border import Judge, Path
from repprobe.probes.engines.held_out import lowest
from repprobe.probes.engines.torch_engine.arrays import array
from repprobe.probes.engines.torch_engine.decomposition import CUTOFF, decompose

_NUMBERS = 8_000_000
"""Predictions (examples × targets × penalties) that are held at a time."""


class RowRidge:
    """The ridge path of several sets of targets, each example left out in turn, exactly.

    Everything is in float64.

    Parameters
    ----------
    x : (n, d) standardized features.
    y : (n, k) the targets of all sets side by side.
    """

    def __init__(self, x: Tensor, y: Tensor) -> None:
        self.feature_mean, self.target_mean = x.mean(0), y.mean(0)
        self.targets = y - self.target_mean
        self.parts = decompose(x - self.feature_mean)
        self.projected = self.parts.z.T @ self.targets

    def paths(
        self, targets: Sequence[int], grid: Sequence[float], judges: Sequence[Judge] = ()
    ) -> list[Path]:
        """Return a path per set of targets, these being the sets' numbers of columns."""
        group = max(1, _NUMBERS // self.targets.numel())
        sets = [slice(*ends) for ends in itertools.pairwise(np.cumsum([0, *targets]).tolist())]
        every = np.arange(len(self.targets))
        fits, judged = [], [list[NDArray[np.float32]]() for _ in judges]
        for i in range(0, len(grid), group):
            left_out = self._left_out(grid[i : i + group])
            fits.append(self._fits(grid[i : i + group], left_out))
            for judge, said, some in zip(judges, judged, sets, strict=bool(judges)):
                said += [judge(array(scores), every) for scores in left_out[:, :, some]]
        w, squares, gradient, losses = (torch.cat(parts) for parts in zip(*fits, strict=True))
        found = []
        for place, some in enumerate(sets):
            loss = array(losses[:, some].sum(1))
            best = lowest(loss)
            objective = array(squares[:, some].sum(1))
            coefficients = w[:, :, some]
            found.append(
                Path(
                    tried=np.array(grid, np.float64),
                    held_out_loss=loss,
                    regularization=np.array(grid, np.float64),
                    coefficients=array(coefficients),
                    intercepts=array(self.target_mean[some] - self.feature_mean @ coefficients),
                    objective=objective,
                    gradient_norm=array(gradient[:, :, some].abs().amax((1, 2))),
                    converged=np.isfinite(objective),
                    best=best,
                    held_out_scores=None
                    if np.isnan(loss).all()
                    else array(self._left_out(grid[best : best + 1])[0][:, some]),
                    held_out=np.stack(judged[place])
                    if judges and not np.isnan(loss).all()
                    else None,
                )
            )
        return found

    def _fits(
        self, grid: Sequence[float], left_out: Tensor
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return coefficients, objectives, gradients and losses of left-out examples.

        Shapes (T, d, k), (T, k), (T, d, k), (T, k); objectives and losses per example.
        """
        n, basis = len(self.targets), self.parts.basis
        v = self._shrinkage(grid)[:, :, None] * self.projected
        error = self._product(v) - self.targets
        alphas = self._alphas(grid)
        squares = ((error * error).sum(1) + alphas * (v * v).sum(1)) / n
        r, k = self.projected.shape
        flat = error.permute(1, 0, 2).reshape(n, -1)
        slope = (self.parts.z.T @ flat).view(r, -1, k).permute(1, 0, 2) + alphas[:, None] * v
        losses = ((left_out - self.targets - self.target_mean) ** 2).mean(1)
        return basis @ v, squares, 2 * (basis @ slope) / n, losses

    def _left_out(self, grid: Sequence[float]) -> Tensor:
        """Return (T, n, k) predictions for each example by the fit without it.

        y_i − ŷ_i = (y_i − fit_i) / (1 − h_ii), h the hat matrix including the intercept's 1/n
        (Allen 1974). NaN where a fit passes through every example, so that 1 − h_ii = 0.
        """
        z, shrinkage = self.parts.z, self._shrinkage(grid)
        left = 1 - 1 / len(z) - shrinkage @ (z * z).T
        left = torch.where(left > 1e-9, left, torch.nan)
        error = self.targets - self._product(shrinkage[:, :, None] * self.projected)
        return self.target_mean + self.targets - error / left[:, :, None]

    def _product(self, v: Tensor) -> Tensor:
        """Return (T, n, k) z @ v for v (T, r, k), in one product."""
        count, r, k = v.shape
        flat = self.parts.z @ v.permute(1, 0, 2).reshape(r, -1)
        return flat.view(-1, count, k).permute(1, 0, 2)

    def _shrinkage(self, grid: Sequence[float]) -> Tensor:
        """Return (T, r) 1 / (n · eigenvalue + alpha); 0 for directions that don't count."""
        values = self.parts.eigenvalues
        inverse = 1 / (values * len(self.targets) + self._alphas(grid)).clamp_min(1e-300)
        return torch.where(values > CUTOFF * values[0], inverse, 0)

    def _alphas(self, grid: Sequence[float]) -> Tensor:
        return self.projected.new_tensor(list(grid))[:, None]
