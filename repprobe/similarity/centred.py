"""Features made ready to be compared: float64, centred, of overall size 1."""

from __future__ import annotations

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

_ROUNDING = 1e-12
"""Variance, relative to the square about the origin, that rounding leaves of a constant."""


class Centred:
    """Features (m, d) of m examples, moved to mean 0 and scaled to a Frobenius norm of 1.

    Neither changes CKA or effective rank.

    Attributes
    ----------
    x : float64 (m, d); zeros where a feature is constant.
    known : whether the features were finite and not all constant; if not, nothing can be said.
    """

    def __init__(self, features: NDArray[np.floating]) -> None:
        x = np.asarray(features, np.float64)
        self.known = bool(np.isfinite(x).all()) and x.size > 0
        if self.known:
            largest = float(np.abs(x).max())
            x = x / largest if largest else x
            square = (x * x).sum(axis=0)
            x = x - x.mean(axis=0)
            x[:, (x * x).sum(axis=0) <= _ROUNDING * square] = 0.0
            norm = float(np.linalg.norm(x))
            self.known = norm > 0
            x = x / norm if norm else x
        self.x: NDArray[np.float64] = x

    def __len__(self) -> int:
        return len(self.x)

    @cached_property
    def squares(self) -> NDArray[np.float64]:
        """Squared length of every example, (m,): the diagonal of the Gram matrix."""
        return np.asarray((self.x * self.x).sum(axis=1))

    @cached_property
    def gram(self) -> NDArray[np.float64]:
        """Gram matrix (m, m)."""
        return np.asarray(self.x @ self.x.T)

    def times_gram(self, vector: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the Gram matrix times a vector (m,)."""
        return np.asarray(self.x @ (vector @ self.x))
