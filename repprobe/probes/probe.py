"""Fitted probes: linear models, or neighbours, from one layer's raw features to scores."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from repprobe.probes.engines import Distance, Engine
from repprobe.probes.scores import HeldOutcomes
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
    validation_error : mean squared error per target on clean examples by fits that did not see
        them; NaN where it is not what the fit is judged by.
    converged, gradient_norm : certificate of an iterative fit; True and NaN for the others.
    held_out : outcomes of the clean examples by fits that did not see them, or None.
    """

    coefficients: NDArray[np.float64]
    intercepts: NDArray[np.float64]
    regularization: float | None
    validation: NDArray[np.floating] | None
    converged: bool
    gradient_norm: float
    validation_error: float = math.nan
    held_out: HeldOutcomes | None = None

    def scores(self, x: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return (m, k) scores of raw features (m, d)."""
        # In float64, so that a mean far above the spread costs no digits.
        blocks = [x[i : i + _BLOCK] @ self.coefficients for i in range(0, len(x), _BLOCK)]
        return np.concatenate(blocks) + self.intercepts


@dataclass(frozen=True)
class NeighbourProbe:
    """Majority of the k nearest clean examples; of classes that tie, the first.

    Near in standardized features, for the cosine too: every feature then counts alike, and the
    mean activation, which all examples share, does not hide the angles between them.

    Attributes
    ----------
    rows, labels : (n, d) standardized features and (n,) classes of the clean examples.
    regularization : k.
    distance : "euclidean" or "cosine".
    validation : (n, classes) votes of the other clean examples on each one.
    held_out : outcomes of these votes.
    """

    standardization: Standardization
    rows: NDArray[np.floating]
    labels: NDArray[np.int64]
    classes: int
    engine: Engine
    distance: Distance
    regularization: float
    validation: NDArray[np.floating] | None
    converged: bool = True
    gradient_norm: float = math.nan
    validation_error: float = math.nan
    held_out: HeldOutcomes | None = None

    def scores(self, x: NDArray[np.floating]) -> NDArray[np.floating]:
        """Return (m, classes) counts of neighbours for raw features (m, d)."""
        queries = self.standardization.apply(x, self.rows.dtype.type)
        k = int(self.regularization)
        found = self.engine.neighbours(self.rows, queries, k, False, self.distance)
        return next(votes(self.labels[found], self.classes, [k]))


Probe = LinearProbe | NeighbourProbe


def votes(
    neighbours: NDArray[np.int64], classes: int, sizes: Sequence[int]
) -> Iterator[NDArray[np.float32]]:
    """Count the classes (m, classes) among the first k of neighbours' labels, per growing k."""
    counts = np.zeros((len(neighbours), classes), np.float32)
    rows = np.arange(len(neighbours))
    counted = 0
    for k in sizes:
        for column in neighbours[:, counted:k].T:
            counts[rows, column] += 1
        counted = k
        yield counts.copy()
