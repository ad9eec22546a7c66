"""Stratified folds of the clean labels: who is left out of which fit."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_STREAM = 2
"""Set apart from the numbers that draw the clean labels themselves."""


def stratified_folds(labels: NDArray[np.int64], count: int, seed: int = 0) -> NDArray[np.int64]:
    """Return for each example (n,) the fold 0…count−1 that leaves it out.

    Every class is dealt out evenly, in seeded order, the deal going on from class to class so
    that the folds are of equal size. A class with fewer examples than folds is missing from
    some, never from all fits.
    """
    keys = np.random.Generator(np.random.PCG64([seed, _STREAM])).random(len(labels))
    order = np.lexsort((keys, labels))
    folds = np.empty(len(labels), np.int64)
    folds[order] = np.arange(len(labels)) % count
    return folds
