"""`Source`: what a reader found in one place, before it is checked, split and named."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from repprobe.data.dataset import Part, Task


@dataclass(frozen=True)
class Source:
    """The parts a reader found, and the files they are read from.

    Attributes
    ----------
    train : the training part, or everything where there is no test part.
    test : the test part, or None.
    task : as the type of the labels says.
    unit : the raw value that stands for 1.0.
    root : the folder or file that was read, for messages.
    files : every file the parts depend on, in order; empty for embedded arrays.
    classes : class names in the order of the labels; empty where the source has none.
    notes : sentences the user should be told.
    instance_labels : another label of each training example, for instance-dependent noise.
    recipe : what was made of the files, in words that change when it does; "" for nothing.
    may_augment : as in `Data`.
    """

    train: Part
    test: Part | None
    task: Task
    unit: float
    root: Path
    files: tuple[Path, ...] = ()
    classes: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    instance_labels: NDArray[np.int64] | NDArray[np.float64] | None = None
    recipe: str = ""
    may_augment: bool = True
