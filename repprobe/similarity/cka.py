"""Debiased linear centred kernel alignment (CKA), and its jackknife over examples.

With few examples and many features the usual CKA is near 1 even for unrelated features
(Murphy et al. 2405.01012); with the unbiased estimate of the Hilbert–Schmidt independence
criterion (HSIC) by Song et al. (2012, eq. 5) it is not (Nguyen et al. 2010.15327).
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from repprobe.errors import DataError
from repprobe.similarity.centred import Centred

LEAST = 5
"""Examples below which nothing is said: the estimate takes four, and the jackknife one more."""


def cka(x: NDArray[np.floating] | Centred, y: NDArray[np.floating] | Centred) -> float:
    """Return the debiased linear CKA of two sets of features of the same examples.

    Unbiased HSIC of the two over the geometric mean of each one's HSIC with itself; it does not
    change if features are rotated, moved or scaled as a whole.

    Parameters
    ----------
    x, y : (m, d1) and (m, d2), rows are the same examples.

    Returns
    -------
    −1…1: 1 for the same representation, about 0 for independent ones. NaN for fewer than five
    examples, and if either has NaN or infinity or is constant.

    Raises
    ------
    DataError : the numbers of examples differ.
    """
    return jackknife(x, y)[0]


def jackknife(
    x: NDArray[np.floating] | Centred, y: NDArray[np.floating] | Centred
) -> tuple[float, NDArray[np.float64]]:
    """Return the CKA and the jackknife's pseudo-values over examples, float64 (m,).

    The pseudo-value of example i is m·CKA − (m − 1)·CKA without i; their standard error is that
    of CKA (Tukey 1958). Arguments and errors are those of `cka`.
    """
    x, y = (each if isinstance(each, Centred) else Centred(each) for each in (x, y))
    m = len(x)
    if len(y) != m:
        raise DataError(
            f"features of {m} and of {len(y)} examples cannot be compared; give those of the "
            "same examples."
        )
    if m < LEAST or not (x.known and y.known):
        return math.nan, np.full(m, math.nan)
    both, without = _hsic(x, y)
    own_x, own_y = _hsic(x, x), _hsic(y, y)
    value = _ratio(np.array(both), np.array(own_x[0]), np.array(own_y[0]))
    left_out = _ratio(without, own_x[1], own_y[1])
    return float(value), np.asarray(m * value - (m - 1) * left_out)


def _ratio(
    both: NDArray[np.float64], own_x: NDArray[np.float64], own_y: NDArray[np.float64]
) -> NDArray[np.float64]:
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = both / np.sqrt(np.maximum(own_x, 0) * np.maximum(own_y, 0))
    return np.where(np.isfinite(ratio), np.clip(ratio, -1, 1), math.nan)


def _hsic(x: Centred, y: Centred) -> tuple[float, NDArray[np.float64]]:
    """Return the unbiased HSIC times m(m − 3), and without each example times (m−1)(m−4).

    Song et al. (2012), eq. 5, takes Gram matrices with an empty diagonal. Of centred features
    their row sums are minus the diagonal that was taken away, and what is left are sums over
    examples. Leaving example i out takes its row and column away; that the others are then not
    centred does not matter, since the estimate is the same wherever the origin lies.
    """
    a, b, m = x.squares, y.squares, len(x)
    shared = _shared(x, y) - a * b  # row sums of the product of both matrices, entry by entry
    product, total = float(a @ b), float(shared.sum())
    value = total + a.sum() * b.sum() / ((m - 1) * (m - 2)) - 2 / (m - 2) * product
    n = m - 1
    sums = (2 * a - a.sum()) * (2 * b - b.sum())
    cross = product - 3 * a * b + y.times_gram(a) + x.times_gram(b) + shared
    without = total - 2 * shared + sums / ((n - 1) * (n - 2)) - 2 / (n - 2) * cross
    return float(value), np.asarray(without)


def _shared(x: Centred, y: Centred) -> NDArray[np.float64]:
    """Return the row sums (m,) of the entry-wise product of both Gram matrices.

    By way of the matrices (m, m) or of the features (d1, d2), whichever takes fewer products.
    """
    m, (d1, d2) = len(x), (x.x.shape[1], y.x.shape[1])
    if m * (d1 + d2) < 2 * d1 * d2:
        return np.asarray((x.gram * y.gram).sum(axis=1))
    return np.asarray(((x.x @ (x.x.T @ y.x)) * y.x).sum(axis=1))
