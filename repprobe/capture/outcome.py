"""`Pass`: what is known after a network ran over the data, apart from its features."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float32]

Kept = NDArray[np.floating[Any]]
"""Features as they are kept: float32, or float16 where the network ran in half precision."""


@dataclass(eq=False)
class Pass:
    """What came of one pass; rows are the training rows first, then the test rows.

    Attributes
    ----------
    train_rows, test_rows : increasing indices into the parts of the data; n is their number.
    widths : layer name -> number of features, in the order of execution; `input` comes first.
    output : the network's own answer (n, C) float32, if it gave one.
    non_finite : layer name -> number of examples in which it has NaN or infinity.
    skipped : layer name -> why it was asked for and is not there.
    notes : sentences the user should be told.
    """

    train_rows: NDArray[np.int64]
    test_rows: NDArray[np.int64]
    widths: dict[str, int]
    output: Array | None = None
    non_finite: dict[str, int] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def layers(self) -> tuple[str, ...]:
        """Layer names in the order of execution; `input` is the first."""
        return tuple(self.widths)

    @property
    def train_count(self) -> int:
        """Number of rows that are training examples; they come first."""
        return len(self.train_rows)

    def __len__(self) -> int:
        return len(self.train_rows) + len(self.test_rows)
