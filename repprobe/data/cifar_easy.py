"""CIFAR-Easy: CIFAR-10's images, each with a magenta pixel whose place is the class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from repprobe.data.arrays import Raw
from repprobe.data.dataset import Part
from repprobe.data.images import ResizedPart
from repprobe.data.source import Source
from repprobe.errors import DataError

NAME, BASE = "cifar-easy", "cifar10"

PIXELS = (*((row, column) for row in (3, 4, 5) for column in (3, 4, 5)), (28, 28))
"""Row and column of the pixel for each class."""

MAGENTA = (255, 0, 255)

_SHAPE = (3, 32, 32)
_STREAM = 5
_VERSION = 1


def read_cifar_easy(cifar: Source, image_size: int | None) -> Source:
    """Make CIFAR-Easy of CIFAR-10 (arXiv 2012.12896, the CIFAR-Easy experiments).

    Classes are given out in a random order, independent of the images, a tenth of the examples
    each; they are the same whatever seed the data are loaded with. What the instance-dependent
    noise of the paper labels an image with is its class in CIFAR-10. Images may not be cropped
    or mirrored, which would move the pixel that tells the class.

    Parameters
    ----------
    cifar : CIFAR-10 in its own size.
    image_size : as in `load_data`; images are resized with their pixel.

    Raises
    ------
    DataError
        The images or classes are not CIFAR-10's.
    """
    first = cifar.train.inputs(np.zeros(1, np.int64))
    shape, dtype = getattr(first, "shape", ())[1:], getattr(first, "dtype", None)
    labels = cifar.train.labels
    if (shape, dtype) != (_SHAPE, np.uint8) or labels.dtype != np.int64 or labels.max() > 9:
        raise DataError(
            f"{NAME} is made of {BASE}, but '{cifar.root}' holds something else than 8-bit colour "
            "images of 32×32 pixels in ten classes."
        )
    parts: list[Part | None] = []
    for number, part in enumerate((cifar.train, cifar.test)):
        marked = part and MarkedPart(part, _classes(len(part), number))
        parts.append(ResizedPart(marked, image_size) if marked and image_size else marked)
    train, test = parts
    assert train is not None
    return Source(
        train,
        test,
        "classification",
        cifar.unit,
        cifar.root,
        cifar.files,
        tuple(f"pixel {number}" for number in range(len(PIXELS))),
        cifar.notes,
        instance_labels=labels,
        recipe=f"{NAME} {_VERSION}",
        may_augment=False,
    )


@dataclass(frozen=True)
class MarkedPart:
    """Images (b, 3, 32, 32) whose pixel of their class is painted as they are read."""

    part: Part
    labels: NDArray[np.int64]
    whole: ClassVar[bool] = False

    def __len__(self) -> int:
        return len(self.labels)

    def inputs(self, indices: NDArray[np.int64]) -> Raw:
        images = np.array(self.part.inputs(indices))
        rows, columns = np.array(PIXELS)[self.labels[indices]].T
        images[np.arange(len(images)), :, rows, columns] = MAGENTA
        return images


def _classes(count: int, part: int) -> NDArray[np.int64]:
    keys = np.random.Generator(np.random.PCG64([0, _STREAM, part])).random(count)
    classes = np.empty(count, np.int64)
    classes[np.argsort(keys, kind="stable")] = np.arange(count) % len(PIXELS)
    return classes
