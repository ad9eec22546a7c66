"""A transition matrix from a file."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from repprobe.errors import UsageError
from repprobe.noise.files import read_table


def read_transition(path: str, labels: NDArray[np.int64], classes: int) -> NDArray[np.float64]:
    """Read T (C, C), T_ij being the probability that class i is labelled j.

    Parameters
    ----------
    path : of a .npy or .npz file, or of a .csv file without a header, one row of T per line.
    labels : (n,) the labels that T is to explain.
    classes : their number C.

    Raises
    ------
    DataError
        The file cannot be read, or holds no numbers.
    UsageError
        T is of another shape, a row is no distribution, or a label that occurs has no
        probability in any row.
    """
    matrix = read_table(Path(path))
    if matrix.shape != (classes, classes):
        raise UsageError(
            f"the matrix in '{path}' is of shape {matrix.shape}; {classes} classes need "
            f"({classes}, {classes})."
        )
    wrong = ~(np.isclose(matrix.sum(1), 1, rtol=0, atol=1e-4) & (matrix >= 0).all(1))
    if wrong.any():
        row = int(np.argmax(wrong))
        raise UsageError(
            f"row {row} of the matrix in '{path}' is no distribution: it sums to "
            f"{matrix[row].sum():.6g}; every row has to be without negative entries and sum to 1."
        )
    impossible = np.setdiff1d(labels, np.flatnonzero(matrix.any(0)))
    if len(impossible):
        raise UsageError(
            f"the matrix in '{path}' gives label {impossible[0]} no probability, but it occurs; "
            "rows are true classes, columns are labels."
        )
    distributions: NDArray[np.float64] = matrix / matrix.sum(1, keepdims=True)
    return distributions
