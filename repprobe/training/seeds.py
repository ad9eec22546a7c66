"""Streams of random numbers: every use has its own, and every epoch starts its streams anew.

A run that is taken up again draws what it would have drawn without the break, since an epoch's
numbers follow from the run's seed and the number of the epoch alone.
"""

from __future__ import annotations

from enum import IntEnum

import numpy as np


class Stream(IntEnum):
    """What numbers are drawn for. Changing these breaks the repetition of stored runs."""

    WEIGHTS = 101
    ORDER = 102
    NETWORK = 103
    METHOD = 104
    SAMPLE = 105
    LIMIT = 106
    TUNING = 107


def numbers(seed: int, stream: Stream, *place: int) -> np.random.Generator:
    """Return the generator of a stream; `place` is the epoch and the like.

    Only its `random` is to be used: that stream is the same in every version of numpy.
    """
    return np.random.Generator(np.random.PCG64([seed, stream, *place]))


def torch_seed(seed: int, stream: Stream, *place: int) -> int:
    """Return a seed below 2⁵³ for torch's own generators."""
    return int(numbers(seed, stream, *place).random() * 2**53)
