"""The labelled clean training examples that a network is tried on, and never the test part."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from repprobe.data.dataset import Data

LARGE = 64 * 64
"""Pixels up to which an image counts as small; of larger ones fewer are taken."""

LEAST = 200
"""Examples that are taken at least, however large they are."""

PADDING = 4
"""Black pixels around an image before a random crop, as is usual for small images."""

CROPPED = (24, 64)
"""Sides of images, from and to, that such crops are usual for."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Training examples in random order, so that the first few are a sample, too.

    Attributes
    ----------
    raw : (n, channels, height, width), as the data hold them.
    labels : (n,) int64.
    classes : names, in the order of the labels.
    unit : the raw value that stands for 1.0.
    """

    raw: NDArray[np.uint8] | NDArray[np.float32]
    labels: NDArray[np.int64]
    classes: tuple[str, ...]
    unit: float

    @classmethod
    def of(cls, data: Data, examples: int, seed: int = 0) -> Sample | None:
        """Draw from the training part; None where the data are no labelled images.

        Of images above 64 × 64 pixels fewer are drawn, as their number of pixels says, but at
        least 200.
        """
        if not tells(data):
            return None
        _, height, width = data.input_shape
        count = max(LEAST, min(examples, examples * LARGE // (height * width)))
        order = np.random.default_rng(seed).permutation(len(data.train))[: min(count, examples)]
        rows = np.sort(order)
        raw = data.train.inputs(rows)
        assert isinstance(raw, np.ndarray)
        back = np.searchsorted(rows, order)  # increasing rows are fastest to read
        labels = np.asarray(data.train.labels)[order].astype(np.int64)
        return cls(raw[back], labels, data.classes, data.unit)

    def __len__(self) -> int:
        return len(self.labels)

    def first(self, count: int) -> Sample:
        """Return the first examples alone."""
        return replace(self, raw=self.raw[:count], labels=self.labels[:count])

    @cached_property
    def cropped(self) -> Sample | None:
        """The images as training may have seen them; None where their size makes it unusual.

        Each is shifted by up to four pixels, black coming in, and every second one is mirrored.
        """
        height, width = self.raw.shape[2:]
        least, most = CROPPED
        if not (least <= height <= most and least <= width <= most):
            return None
        places = np.random.default_rng(0).integers(0, 2 * PADDING + 1, (len(self), 2))
        padded = np.pad(self.raw, ((0, 0), (0, 0), (PADDING, PADDING), (PADDING, PADDING)))
        found = np.empty_like(self.raw)
        for image, (top, left) in enumerate(places):
            window = padded[image, :, top : top + height, left : left + width]
            found[image] = window[:, :, ::-1] if image % 2 else window
        return replace(self, raw=found)


def tells(data: Data) -> bool:
    """Say whether the data are grey or colour images with labels, which can tell something."""
    if data.task != "classification" or data.of_graphs or len(data.classes) < 2:
        return False
    shape = data.input_shape
    return len(shape) == 3 and shape[0] in (1, 3)
