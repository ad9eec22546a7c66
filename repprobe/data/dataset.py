"""`Data`: what a network is probed on — a clean training part, a test part, and the task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from repprobe.data.graphs.graphs import Graphs

Task = Literal["classification", "regression"]

Raw = NDArray[np.uint8] | NDArray[np.float32] | Graphs
"""Raw inputs: what `Part.inputs` gives."""


class Part(Protocol):
    """One part of a data set: labels in memory, inputs read when they are asked for."""

    @property
    def labels(self) -> NDArray[np.int64] | NDArray[np.float64]:
        """Classes (n,) in 0…C−1, or regression targets (n,) or (n, t)."""
        ...

    @property
    def whole(self) -> bool:
        """Whether a batch costs as much as all of the part, as nodes of one graph do."""
        ...

    def __len__(self) -> int: ...

    def inputs(self, indices: NDArray[np.int64]) -> Raw:
        """Return the raw inputs at `indices`, in that order.

        Images are (b, channels, height, width), uint8 (or float32 where the source holds
        floats); graphs, or nodes of one, are `Graphs`; other inputs are float32 of shape
        (b, …). Increasing indices are fastest.

        Raises
        ------
        DataError
            An input cannot be decoded, or its shape differs from the others'.
        """
        ...


@dataclass(frozen=True)
class ArrayPart:
    """A part that lies in memory."""

    array: NDArray[np.uint8] | NDArray[np.float32]
    labels: NDArray[np.int64] | NDArray[np.float64]
    whole: ClassVar[bool] = False

    def __len__(self) -> int:
        return len(self.labels)

    def inputs(self, indices: NDArray[np.int64]) -> NDArray[np.uint8] | NDArray[np.float32]:
        return self.array[indices]


@dataclass(frozen=True)
class SubsetPart:
    """Some rows of another part."""

    part: Part
    rows: NDArray[np.int64]

    @property
    def labels(self) -> NDArray[np.int64] | NDArray[np.float64]:
        return self.part.labels[self.rows]

    @property
    def whole(self) -> bool:
        return self.part.whole

    def __len__(self) -> int:
        return len(self.rows)

    def inputs(self, indices: NDArray[np.int64]) -> Raw:
        return self.part.inputs(self.rows[indices])


@dataclass(frozen=True)
class Data:
    """A data set with labels the user trusts.

    Attributes
    ----------
    name : the name or path it was asked for by.
    train, test : the clean training part and the test part.
    task : "classification" or "regression".
    classes : the C class names in the order of the labels; empty for regression.
    unit : the raw value that stands for 1.0: 255 for 8-bit images, 16 for the digits, 1 for
        inputs that are used as they are.
    fingerprint : hexadecimal digest of what was read; changes when the data change.
    notes : sentences the user should be told, e.g. that the test part was split off.
    instance_labels : another function g(x) of the training inputs, one per label, where the data
        set has one: what its instance-dependent noise replaces labels by.
    may_augment : whether images keep their class when they are cropped or mirrored.
    """

    name: str
    train: Part
    test: Part
    task: Task
    classes: tuple[str, ...]
    unit: float
    fingerprint: str
    notes: tuple[str, ...] = ()
    instance_labels: NDArray[np.int64] | NDArray[np.float64] | None = None
    may_augment: bool = True

    @property
    def input_shape(self) -> tuple[int, ...]:
        """Shape of one raw input, e.g. (3, 32, 32); of one node's features for graphs."""
        first = self.test.inputs(np.arange(1))
        return tuple((first.x if isinstance(first, Graphs) else first).shape[1:])

    @property
    def of_graphs(self) -> bool:
        """Whether the inputs are graphs, or nodes of one."""
        return isinstance(self.test.inputs(np.arange(1)), Graphs)
