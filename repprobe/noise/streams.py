"""The random numbers of noise: one stream for every use, the same in every version of numpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from repprobe.errors import UsageError

_NOISE = 1
"""Set apart from the numbers that draw clean labels: else the same seed would draw the corrupted
examples as the clean ones."""


def stream(seed: int, *use: int) -> np.random.Generator:
    """Return the generator for one use, named by numbers from 1 on; no number is uniform noise.

    Only `random` may be asked of it, whose numbers numpy promises to keep. Another stream, or
    another order of draws, breaks every result that was stored with a law and a seed.
    """
    if seed < 0:
        raise UsageError(f"the seed is {seed}; it has to be 0 or more.")
    return np.random.Generator(np.random.PCG64([seed, _NOISE, *use]))


def draw_below(count: int, n: int, random: np.random.Generator) -> NDArray[np.int64]:
    """Draw n whole numbers in 0…count − 1."""
    return np.minimum((random.random(n) * count).astype(np.int64), count - 1)


def draw_probabilities(shape: tuple[int, ...], random: np.random.Generator) -> NDArray[np.float64]:
    """Draw numbers above 0 and below 1, whose quantiles are finite under every distribution."""
    return np.maximum(random.random(shape), 2.0**-54)
