"""Batches of inputs for a network: chosen rows, read ahead, preprocessed, on its device."""

from __future__ import annotations

import contextlib
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from repprobe.capture import examples
from repprobe.capture.levels import ONE_EACH, Rows
from repprobe.capture.place import device_of
from repprobe.data.graphs.graphs import Graphs
from repprobe.errors import DataError
from repprobe.feeding import Fed

if TYPE_CHECKING:
    import torch

    from repprobe.checkpoints.model import Model
    from repprobe.data.dataset import Data, Part, Raw


@dataclass(frozen=True)
class Inputs:
    """The rows of a data set that a network is run on: of the training part, then of the test."""

    model: Model
    data: Data
    train_rows: NDArray[np.int64]
    test_rows: NDArray[np.int64]

    @classmethod
    def of(
        cls,
        model: Model,
        data: Data,
        train_rows: NDArray[np.int64],
        test_rows: NDArray[np.int64] | None,
    ) -> Inputs:
        """Sort and check the rows; `test_rows` None stands for all.

        Raises
        ------
        DataError
            There is no such row.
        UsageError
            The preprocessing is for another number of channels.
        """
        model.preprocessing.check_channels(data.input_shape[0] if data.input_shape else 1)
        every = np.arange(len(data.test)) if test_rows is None else test_rows
        inputs = cls(
            model,
            data,
            _checked("training", data.train, train_rows),
            _checked("test", data.test, every),
        )
        if len(inputs) == 0:
            raise DataError("there are no rows to run the network on.")
        return inputs

    def __len__(self) -> int:
        return len(self.train_rows) + len(self.test_rows)

    def few(self, count: int) -> Raw:
        """Return `count` raw inputs for the trace; see `examples.few`."""
        part, rows = self._parts[0]
        return examples.few(part, rows, count)

    @cached_property
    def rows(self) -> Rows:
        """Return how many rows an example has at each level, by estimate."""
        return examples.rows_per_example(self._parts) if self.of_graphs else ONE_EACH

    @property
    def of_graphs(self) -> bool:
        """Whether the inputs are graphs, or nodes of one."""
        return isinstance(self._one, Graphs)

    @property
    def whole(self) -> bool:
        """Whether the examples are nodes of one graph, which goes through the network whole."""
        return isinstance(self._one, Graphs) and self._one.nodes is not None

    @cached_property
    def _one(self) -> Raw:
        part, rows = self._parts[0]
        return part.inputs(rows[:1])

    @property
    def _parts(self) -> list[tuple[Part, NDArray[np.int64]]]:
        """The parts that rows are taken of, with these rows."""
        both = ((self.data.train, self.train_rows), (self.data.test, self.test_rows))
        return [(part, rows) for part, rows in both if len(rows)]

    def prepared(self, raw: Raw, like: torch.nn.Module, integers: bool = False) -> Fed:
        """Return what the network takes, with the type and on the device of its parameters."""
        import torch

        batch = Fed.of(raw, self.model.preprocessing, self.data.unit)
        parameters = (p for p in like.parameters() if p.is_floating_point())
        first = next(parameters, None)
        device = device_of(like)
        if integers:
            return batch.with_x(batch.x.long()).to(device)
        return batch.to(device, first.dtype if first is not None else torch.float32)

    def batches(self, size: int, start: int = 0) -> Generator[Raw, None, None]:
        """Yield the raw inputs from `start` on, the next batch being read while the last is used.

        A batch holds rows of one part only.
        """
        train = len(self.train_rows)
        spans: Sequence[tuple[Part, NDArray[np.int64]]] = [
            (part, rows[first : first + size])
            for part, rows, begin in (
                (self.data.train, self.train_rows, min(start, train)),
                (self.data.test, self.test_rows, max(start - train, 0)),
            )
            for first in range(begin, len(rows), size)
        ]
        with contextlib.ExitStack() as stack:
            reader = stack.enter_context(ThreadPoolExecutor(1, "repprobe-inputs"))
            coming = reader.submit(spans[0][0].inputs, spans[0][1])
            for part, rows in spans[1:]:
                raw = coming.result()
                coming = reader.submit(part.inputs, rows)
                yield raw
            yield coming.result()


def _checked(name: str, part: Part, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    rows = np.unique(np.asarray(rows, dtype=np.int64))
    if len(rows) and (rows[0] < 0 or rows[-1] >= len(part)):
        raise DataError(
            f"the {name} part has rows 0 to {len(part) - 1}; there is no row "
            f"{rows[0] if rows[0] < 0 else rows[-1]}."
        )
    return rows
