"""The cuML engine: NVIDIA's estimators on the GPU, for comparison with the torch engine's."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from typing import Any

import numpy as np
from numpy.typing import NDArray

from repprobe.errors import UsageError
from repprobe.probes.engines.border import Distance, Floats, Integers
from repprobe.probes.engines.estimators import EstimatorEngine

_STOP = 1e-8
"""Gradient's length, relative to the objective, at which the quasi-Newton solver stops."""
_SPARE = 16
"""Candidates beyond k: cuML searches in float32, and near duplicates may come out of order."""
_ENTRIES = 64_000_000
"""Entries of candidate rows held at a time."""


class CumlEngine(EstimatorEngine):
    """LogisticRegression (qn), Ridge (svd), LinearRegression and NearestNeighbors (brute).

    In float64, without warm starts: cuML's estimators have none. Their solver does not tell
    whether it converged; the gradient at its solution does.
    """

    name = "cuml"

    def __init__(self, device: str = "cuda") -> None:
        """Check that cuML can run on `device`; nothing is computed yet.

        Raises
        ------
        UsageError
            There is no CUDA device, the device is another one, or cuML is not installed.
        """
        _check(device)
        super().__init__(import_module("cupy"))
        self._cuml = import_module("cuml")
        number = device.partition(":")[2]
        if number:
            self._np.cuda.Device(int(number)).use()

    def neighbours(
        self, x: Floats, queries: Floats, k: int, leave_out: bool, distance: Distance = "euclidean"
    ) -> Integers:
        """See `border.Engine.neighbours`; candidates from cuML, measured again in float64."""
        rows, asked = self._load(x), self._load(queries)
        if distance == "cosine":
            rows, asked = self._directed(rows, 0), self._directed(asked, 1)
        count = min(len(x), k + leave_out + _SPARE)
        index = self._cuml.neighbors.NearestNeighbors(
            n_neighbors=count, algorithm="brute", metric="euclidean", output_type="numpy"
        )
        index.fit(rows.astype(np.float32))
        found = index.kneighbors(asked.astype(np.float32), return_distance=False)
        found = np.sort(self._host(found), axis=1)
        apart = self._distances(rows, asked, found)
        if leave_out:
            apart[found == np.arange(len(found))[:, None]] = np.inf
        order = np.argsort(apart, axis=1, kind="stable")[:, :k]
        return np.take_along_axis(found, order, axis=1).astype(np.int64)

    def _distances(self, rows: Any, asked: Any, found: Integers) -> NDArray[np.float64]:
        """Return the squared distances (m, c) from each query to its candidates (m, c)."""
        apart = np.empty(found.shape)
        block = max(1, _ENTRIES // (found.shape[1] * rows.shape[1]))
        for start in range(0, len(found), block):
            part = slice(start, start + block)
            difference = rows[self._np.asarray(found[part])] - asked[part][:, None, :]
            apart[part] = self._host((difference**2).sum(axis=2))
        return apart

    def _directed(self, x: Any, side: int) -> Any:
        """Return unit vectors (n, d + 2), whose distances rank as the cosine does.

        A row of zeros goes along one of two further axes, its own for each `side` of the search,
        so that it is at right angles to everything.
        """
        length = self._np.sqrt((x**2).sum(axis=1, keepdims=True))
        empty = length == 0
        further = self._np.zeros((len(x), 2))
        further[:, side] = empty[:, 0]
        return self._np.concatenate([x / self._np.where(empty, 1, length), further], axis=1)

    def _logistic_model(self, strength: float) -> Any:
        return self._cuml.linear_model.LogisticRegression(
            C=strength,
            penalty="l2",
            tol=_STOP,
            max_iter=10_000,
            linesearch_max_iter=100,
            output_type="numpy",
        )

    def _ridge_model(self, alpha: NDArray[np.float64]) -> Any:
        # The eigenvalue solver takes one target at a time, and squares the condition number.
        return self._cuml.linear_model.Ridge(
            alpha=self._np.asarray(alpha), solver="svd", output_type="numpy"
        )

    def _least_squares_model(self) -> Any:
        return self._cuml.linear_model.LinearRegression(algorithm="svd", output_type="numpy")

    def _host(self, array: Any) -> NDArray[Any]:
        return np.asarray(self._np.asnumpy(array))


def _check(device: str) -> None:
    """Raise UsageError for what is missing: a CUDA device, or the package."""
    import torch

    if not torch.cuda.is_available():
        raise UsageError(
            "the engine 'cuml' needs a CUDA device and there is none (and the package cuml: "
            "pip install 'repprobe[gpu]'); take --engine torch."
        )
    if not device.startswith("cuda"):
        raise UsageError(
            f"the engine 'cuml' runs on CUDA devices only, not on '{device}'; take --device cuda."
        )
    if find_spec("cuml") is None:
        raise UsageError(
            "the engine 'cuml' needs the package cuml: pip install 'repprobe[gpu]', or "
            "'repprobe[gpu-cu12]' for CUDA 12."
        )
