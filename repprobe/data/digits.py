"""The digits embedded in scikit-learn: 1,797 images of 8×8, values 0…16, no test part."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from repprobe.data.arrays import Raw, array_part
from repprobe.data.source import Source

UNIT = 16.0
"""The raw value of full ink."""


def read_digits(image_size: int | None) -> Source:
    """Return the digits as uint8 (1797, 1, 8, 8); as float32 where they are resized."""
    from sklearn.datasets import load_digits

    bunch = load_digits()
    images: Raw = bunch.images[:, None].astype(np.uint8)
    if image_size is not None:
        # Seventeen gray levels are too coarse to round interpolated values to.
        images = images.astype(np.float32)
    whole = array_part(images, bunch.target.astype(np.int64), image_size, "digits")
    return Source(whole, None, "classification", UNIT, Path("digits"))
