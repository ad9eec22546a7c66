"""`Sink`: what takes the features batch by batch while the network runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from torch import Tensor


class Sink(Protocol):
    """Takes the rows of every layer in order: the training rows, then the test rows.

    Its methods are called outside of inference mode and autocasting, without gradients, so that
    tensors it makes are ordinary ones; the rows themselves are not to be changed in place.
    """

    def begin(self, widths: Mapping[str, int]) -> None:
        """Take layer name -> width, in the order of execution, `input` first.

        Called once, before the first rows.
        """
        ...

    def add(self, name: str, rows: Tensor) -> None:
        """Take the next rows (b, width) of a layer, float32, on the device of the pass.

        While the network runs, all layers get the rows of a batch before the next begins; kept
        features are played layer by layer. A batch never holds rows of both parts; how many it
        holds may change. NaN and infinity come through.
        """
        ...

    def drop(self, name: str) -> None:
        """Forget a layer: it could not be recorded in some batch, and gets no more rows."""
        ...
