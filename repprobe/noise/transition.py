"""A transition matrix from a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from repprobe.errors import DataError
from repprobe.noise.files import read_table

_TOLERANCE = 1e-4
"""How far the sum of a row may be from 1: entries are often written with few digits."""


def read_transition(file: Path, classes: Sequence[str]) -> NDArray[np.float64]:
    """Read T (C, C), T_ij being the probability that class i is labelled j; rows sum to 1.

    Parameters
    ----------
    file : .npy, .npz, or .csv without a header, one row of T per line; rows whose sum is off by
        at most 1e-4 are divided by it.
    classes : the C names, for messages.

    Raises
    ------
    DataError
        The file cannot be read or holds no numbers, T is of another shape, or a row is no
        distribution.
    """
    matrix = read_table(file)
    count = len(classes)
    if matrix.shape != (count, count):
        raise DataError(
            f"the matrix in '{file}' has shape {matrix.shape}, but there are {count} classes; it "
            f"must be {count} × {count}, a row for every true class."
        )
    sums = matrix.sum(axis=1)
    wrong = ~((matrix >= 0).all(axis=1) & np.isclose(sums, 1, rtol=0, atol=_TOLERANCE))
    if wrong.any():
        row = int(np.argmax(wrong))
        below = np.flatnonzero(~(matrix[row] >= 0))
        what = f"holds {matrix[row, below[0]]:g}" if len(below) else f"sums to {sums[row]:.6g}"
        raise DataError(
            f"row {row} (true class {classes[row]}) of the matrix in '{file}' {what}; every "
            "entry must be 0 or more, and every row sum to 1."
        )
    distributions: NDArray[np.float64] = matrix / sums[:, None]
    return distributions
