"""Ridge and least squares: one decomposition serves every penalty and leaves out each example."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from repprobe.probes.engines.torch_engine.decomposition import CUTOFF, Decomposition, decompose


@dataclass(frozen=True)
class RidgeSystem:
    """Centred features and targets, decomposed; everything in float64.

    Attributes
    ----------
    parts : the decomposition of the centred features (n, d).
    projected : (r, k) zᵀ(targets − their mean).
    feature_mean, target_mean : (d,) and (k,).
    """

    parts: Decomposition
    projected: Tensor
    feature_mean: Tensor
    target_mean: Tensor

    @classmethod
    def of(cls, x: Tensor, targets: Tensor) -> RidgeSystem:
        """Set up the system of features (n, d) and targets (n, k)."""
        x, targets = x.double(), targets.double()
        feature_mean, target_mean = x.mean(0), targets.mean(0)
        parts = decompose(x - feature_mean)
        return cls(parts, parts.z.T @ (targets - target_mean), feature_mean, target_mean)

    def shrinkage(self, alpha: float) -> Tensor:
        """Return (r,) 1 / (n · eigenvalue + alpha); 0 for directions that don't count."""
        squared = self.parts.eigenvalues * len(self.parts.z)
        counts = self.parts.eigenvalues > CUTOFF * self.parts.eigenvalues[0]
        return torch.where(counts, 1 / (squared + alpha).clamp_min(1e-300), 0)

    def coefficients(self, alpha: float) -> tuple[Tensor, Tensor]:
        """Return coefficients (d, k) and intercepts (k,) of the ridge fit."""
        w = self.parts.basis @ (self.shrinkage(alpha)[:, None] * self.projected)
        return w, self.target_mean - self.feature_mean @ w

    def leave_one_out(self, alpha: float, targets: Tensor) -> Tensor:
        """Return (n, k) predictions for each example by the fit without it, exactly.

        y_i − ŷ_i = (y_i − fit_i) / (1 − h_ii), h the hat matrix including the intercept's 1/n
        (Allen 1974). NaN where a fit passes through every example, so that 1 − h_ii = 0.
        """
        z, n = self.parts.z, len(self.parts.z)
        shrinkage = self.shrinkage(alpha)
        left = 1 - 1 / n - (z * z) @ shrinkage
        left = torch.where(left > 1e-9, left, torch.nan)
        fit = self.target_mean + z @ (shrinkage[:, None] * self.projected)
        return targets - (targets - fit) / left[:, None]
