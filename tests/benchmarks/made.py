"""Features like those of a network's layer, made from a seed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Made(NamedTuple):
    """Standardized features (n, d) in float64, classes (n,), and the fold (n,) of each row."""

    x: NDArray[np.float64]
    y: NDArray[np.int64]
    folds: NDArray[np.int64]


def made(n: int, d: int, classes: int, seed: int = 0) -> Made:
    """Return classes that overlap, in features whose variance falls off like a power law."""
    generator = np.random.default_rng(seed)
    y = np.arange(n) % classes
    spread = np.arange(1, d + 1) ** -0.5
    mixing = np.linalg.qr(generator.normal(size=(d, d)))[0]
    centres = np.random.default_rng(99).normal(size=(classes, d)) * spread * 1.2
    x = (generator.normal(size=(n, d)) * spread + centres[y]) @ mixing
    x = (x - x.mean(0)) / x.std(0)
    return Made(x, y, (np.arange(n) // classes) % 5)
