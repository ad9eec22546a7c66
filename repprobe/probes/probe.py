"""Fitted probes: linear models, or neighbours, from one layer's raw features to scores."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from repprobe.probes.engines import Engine
from repprobe.probes.standardize import Standardization

_BLOCK = 2048


@dataclass(frozen=True)
class LinearProbe:
    """x ↦ x · coefficients + intercepts on raw features; the standardization is folded in.

    Attributes
    ----------
    coefficients, intercepts : (d, k) and (k,), float64.
    regularization : the chosen C or alpha; None for least squares.
    validation : (n, k) scores of the clean examples by fits that did not see them, or None.
    converged, gradient_norm : certificate of an iterative fit; True and NaN for the others.
    """

    coefficients: NDArray[np.float64]
    intercepts: NDArray[np.float64]
    regularization: float | None
    validation: NDArray[np.floating] | None
    converged: bool
    gradient_norm: float

    def scores(self, x: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return (m, k) scores of raw features (m, d)."""
        # In float64, so that a mean far above the spread costs no digits.
        blocks = [x[i : i + _BLOCK] @ self.coefficients for i in range(0, len(x), _BLOCK)]
        return np.concatenate(blocks) + self.intercepts


@dataclass(frozen=True)
class NeighbourProbe:
    """Majority of the k nearest clean examples; of classes that tie, the first."""

    standardization: Standardization
    rows: NDArray[np.floating]
    labels: NDArray[np.int64]
    classes: int
    engine: Engine
    regularization: float
    validation: NDArray[np.floating] | None
    converged: bool = True
    gradient_norm: float = math.nan

    def scores(self, x: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return (m, classes) counts of neighbours for raw features (m, d)."""
        queries = self.standardization.apply(x, self.rows.dtype.type)
        found = self.engine.neighbours(self.rows, queries, int(self.regularization), False)
        return votes(self.labels[found], self.classes)


Probe = LinearProbe | NeighbourProbe


def votes(neighbours: NDArray[np.int64], classes: int) -> NDArray[np.floating]:
    """Count the classes (m, classes) among neighbours' labels (m, k)."""
    counts = np.zeros((len(neighbours), classes), np.float32)
    rows = np.arange(len(neighbours))
    for column in neighbours.T:
        counts[rows, column] += 1
    return counts
