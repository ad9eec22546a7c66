"""Effective rank: over how many directions the features of a layer are spread."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from repprobe.similarity.centred import Centred

_ROUNDING = 1e-13
"""Eigenvalue, relative to the sum of all, that rounding leaves where there is none."""


def effective_rank(features: NDArray[np.floating] | Centred) -> float:
    """Return the effective rank of centred features (m, d) (Roy & Vetterli 2007, def. 1).

    It is exp of the entropy of the singular values, normalized to sum 1: between 1 and
    min(m − 1, d), and the latter if all directions carry the same. It grows with the number of
    examples, so compare what was measured on as many. NaN if features are NaN or infinite or
    all are constant.
    """
    x = features if isinstance(features, Centred) else Centred(features)
    if not x.known:
        return math.nan
    wide = x.x.shape[1] > len(x)
    squares = np.linalg.eigvalsh(x.gram if wide else x.x.T @ x.x)
    values = np.sqrt(squares[squares > _ROUNDING])
    shares = values / values.sum()
    return float(np.exp(-(shares * np.log(shares)).sum()))
