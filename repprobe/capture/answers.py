"""Collects what the network itself answers, beside the layers."""

from __future__ import annotations

from typing import Any

import numpy as np

from repprobe.capture.members import logits
from repprobe.capture.outcome import Array
from repprobe.capture.store import Store
from repprobe.feeding import Fed

OUTPUT = "output"
"""The name under which the network's own answer is stored beside the layers."""


class Answers:
    """Stores the network's answers (b, C) to all batches, if every batch has one of that width."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._width: int | None = None

    def add(self, output: Any, batch: Fed) -> None:
        """Take what the network put out for the next examples.

        Where nodes are the examples, they are picked from the answers for all nodes.
        """
        found = logits(output)
        if found is not None and batch.nodes is not None and len(found) == len(batch.x):
            found = found[batch.nodes]
        if found is None or len(found) != batch.count:
            self._give_up()
            return
        found = found.reshape(batch.count, -1)
        if self._width is None:
            self._width = found.shape[1]
            self._store.begin({OUTPUT: self._width}, exact=True)
        if found.shape[1] != self._width:
            self._give_up()
        if self._width:
            self._store.add(OUTPUT, found.float())

    def array(self) -> Array | None:
        """Return the answers (n, C); None if there are none."""
        found = self._store.arrays().get(OUTPUT)
        return None if found is None else found.astype(np.float32, copy=False)

    def _give_up(self) -> None:
        self._width = 0
        self._store.drop(OUTPUT)
