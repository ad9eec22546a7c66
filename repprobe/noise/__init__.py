"""Label noise: clean labels in, noisy labels out, by the laws of the literature."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from repprobe.errors import UsageError

_STREAM = 1
"""Set apart from the numbers that draw clean labels: else the same seed would draw the corrupted
examples as the clean ones."""


def uniform(
    labels: NDArray[np.int64], ratio: float, classes: int, seed: int = 0
) -> NDArray[np.int64]:
    """Replace labels by uniform ones, the true class included.

    With probability `ratio` a label is drawn from all classes, so that ratio · (C − 1) / C of
    them become wrong (Li et al. 2020, section 5).

    Parameters
    ----------
    labels : (n,) in 0…classes − 1.
    ratio : the noise ratio r, 0…1.
    classes : number of classes C.
    seed : of the draw.

    Raises
    ------
    UsageError
        The ratio is not in [0, 1].
    """
    if not 0 <= ratio <= 1:
        raise UsageError(f"the noise ratio must lie between 0 and 1, not {ratio}.")
    generator = np.random.Generator(np.random.PCG64([seed, _STREAM]))
    # Only `random` is used: its stream is the same in every version of numpy.
    corrupted = generator.random(len(labels)) < ratio
    drawn = np.minimum((generator.random(len(labels)) * classes).astype(np.int64), classes - 1)
    return np.where(corrupted, drawn, labels)
