"""The scikit-learn engine: the reference that the others are checked against."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from repprobe.probes.engines.border import Distance, Floats, Integers
from repprobe.probes.engines.estimators import EstimatorEngine

_GRADIENT = 1e-9
"""Largest entry of the objective's gradient at which lbfgs stops."""


class SklearnEngine(EstimatorEngine):
    """LogisticRegression (lbfgs), Ridge (svd), LinearRegression and NearestNeighbors (brute)."""

    name = "sklearn"

    def __init__(self) -> None:
        super().__init__(np)

    def neighbours(
        self, x: Floats, queries: Floats, k: int, leave_out: bool, distance: Distance = "euclidean"
    ) -> Integers:
        """See `border.Engine.neighbours`; of equally near rows any may come first."""
        from sklearn.neighbors import NearestNeighbors

        index = NearestNeighbors(n_neighbors=k, algorithm="brute", metric=distance).fit(x)
        found: Integers = index.kneighbors(None if leave_out else queries, return_distance=False)
        return found

    def _logistic_model(self, strength: float) -> Any:
        from sklearn.linear_model import LogisticRegression

        return LogisticRegression(C=strength, tol=_GRADIENT, max_iter=10_000)

    def _ridge_model(self, alpha: NDArray[np.float64]) -> Any:
        from sklearn.linear_model import Ridge

        return Ridge(alpha=alpha, solver="svd")

    def _least_squares_model(self) -> Any:
        from sklearn.linear_model import LinearRegression

        return LinearRegression()

    def _host(self, array: Any) -> NDArray[Any]:
        return np.asarray(array)
