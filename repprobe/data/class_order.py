"""Data whose classes are numbered as a network numbers its outputs."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from repprobe.data.dataset import Data, Part, Raw
from repprobe.errors import UsageError


@dataclass(frozen=True)
class RenumberedPart:
    """Another part with the same inputs, and labels that are numbered in another way.

    Attributes
    ----------
    part : the other part.
    labels : int64 (n,).
    """

    part: Part
    labels: NDArray[np.int64]

    @property
    def whole(self) -> bool:
        return self.part.whole

    def __len__(self) -> int:
        return len(self.part)

    def inputs(self, indices: NDArray[np.int64]) -> Raw:
        return self.part.inputs(indices)


def renumbered(data: Data, order: Sequence[int]) -> Data:
    """Return the data with class c numbered `order[c]`.

    Parameters
    ----------
    data : with C classes.
    order : a permutation of 0 … C − 1: for each class of the data its new number.

    Raises
    ------
    UsageError
        The data have no classes, or `order` is no permutation of them.
    """
    if sorted(order) != list(range(len(data.classes))) or not order:
        raise UsageError(
            f"the order of classes has to name each of the {len(data.classes)} classes of "
            f"'{data.name}' once."
        )
    new = np.asarray(order, np.int64)
    if (new == np.arange(len(new))).all():
        return data
    names = [""] * len(new)
    for old, name in enumerate(data.classes):
        names[new[old]] = name
    told = f"{data.fingerprint} in the order {','.join(map(str, new))}"
    other = data.instance_labels
    return replace(
        data,
        train=RenumberedPart(data.train, new[data.train.labels]),
        test=RenumberedPart(data.test, new[data.test.labels]),
        classes=tuple(names),
        fingerprint=hashlib.sha256(told.encode()).hexdigest(),
        instance_labels=None if other is None else new[other.astype(np.int64)],
    )
