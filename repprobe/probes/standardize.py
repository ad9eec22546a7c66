"""Standardization of features by the mean and spread of the clean training labels' rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_BLOCK = 1024


@dataclass(frozen=True)
class Standardization:
    """x ↦ (x − mean) / scale, per feature.

    Attributes
    ----------
    mean, scale : (d,) float64; the scale of a constant feature is 1, as in scikit-learn.
    """

    mean: NDArray[np.float64]
    scale: NDArray[np.float64]

    @classmethod
    def fit(cls, x: NDArray[np.floating]) -> Standardization:
        """Learn mean and (population) standard deviation of features (n, d).

        Two passes in float64, so that a mean far above the spread costs no digits.
        """
        n = len(x)
        blocks = range(0, n, _BLOCK)
        mean = np.zeros(x.shape[1])
        for i in blocks:
            mean += x[i : i + _BLOCK].sum(axis=0, dtype=np.float64)
        mean /= n
        square = np.zeros_like(mean)
        for i in blocks:
            centred = x[i : i + _BLOCK] - mean
            square += np.einsum("ij,ij->j", centred, centred)
        return cls.of(mean, np.sqrt(square / n), x.dtype)

    @classmethod
    def of(
        cls,
        mean: NDArray[np.float64],
        spread: NDArray[np.float64],
        dtype: np.dtype[np.floating] | type[np.floating] = np.float32,
    ) -> Standardization:
        """Standardize by known means and standard deviations (d,) of features held in `dtype`.

        What rounding leaves of a constant feature is no spread.
        """
        rounding = 10 * np.finfo(dtype).eps * np.abs(mean)
        return cls(mean, np.where((spread <= rounding) | (spread == 0), 1.0, spread))

    def apply(self, x: NDArray[np.floating], dtype: type = np.float32) -> NDArray[np.floating]:
        """Return standardized features (n, d) in `dtype`."""
        out: NDArray[np.floating] = np.empty(x.shape, dtype)
        for i in range(0, len(x), _BLOCK):
            out[i : i + _BLOCK] = (x[i : i + _BLOCK] - self.mean) / self.scale
        return out

    def fold_into(
        self, coefficients: NDArray[np.floating], intercepts: NDArray[np.floating]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Rewrite a linear model of standardized features as one of raw features.

        Takes and gives coefficients (d, k) and intercepts (k,).
        """
        raw = coefficients / self.scale[:, None]
        return raw, intercepts - self.mean @ raw
