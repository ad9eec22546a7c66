"""`Job`: what was asked for, checked; and what of it the network turns out to allow."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from repprobe.capture import cache
from repprobe.capture.choose import choose
from repprobe.capture.inputs import Inputs
from repprobe.capture.layer import PoolMode, Trace
from repprobe.capture.place import placed
from repprobe.capture.pooling import Pooling
from repprobe.capture.precision import Precision
from repprobe.capture.sweep import Sweep
from repprobe.capture.trace import EXAMPLES, trace
from repprobe.errors import CaptureError, UsageError
from repprobe.feeding import Fed
from repprobe.memory_format import fastest_format

if TYPE_CHECKING:
    from repprobe.checkpoints.model import Model
    from repprobe.data.dataset import Data

Progress = Callable[[str, int, int], None]
"""Called with the stage, the examples done, and all examples."""


@dataclass(frozen=True)
class Job:
    """The arguments of `capture` and `stream` that say what is to be recorded."""

    inputs: Inputs
    pooling: Pooling
    patterns: tuple[str, ...]
    batch_size: int | None
    device: str
    precision: Precision

    @classmethod
    def of(
        cls,
        model: Model,
        data: Data,
        train_rows: NDArray[np.int64],
        test_rows: NDArray[np.int64] | None,
        *,
        layers: Sequence[str],
        pool: str,
        width: int,
        batch_size: int | None,
        device: str,
        dtype: str,
        seed: int,
    ) -> Job:
        """Check the arguments; they are described, and errors listed, at `capture`."""
        if batch_size is not None and batch_size < 1:
            raise UsageError(f"the batch size must be 1 or more, not {batch_size}.")
        return cls(
            Inputs.of(model, data, train_rows, test_rows),
            Pooling(cast("PoolMode", pool), width, seed),
            tuple(layers),
            batch_size,
            device,
            Precision(dtype),
        )

    def key(self) -> dict[str, Any]:
        """Return everything that shapes the features, for the cache."""
        return {
            **cache.model_key(self.inputs.model),
            **cache.inputs_key(self.inputs),
            **cache.machine_key(self.device, self.inputs.of_graphs),
            "dtype": self.precision.name,
            "layers": list(self.patterns),
            "pooling": [self.pooling.mode, self.pooling.width, self.pooling.seed],
            "batch_size": self.batch_size,
        }

    @contextlib.contextmanager
    def planned(self) -> Iterator[Sweep]:
        """Place and trace the network, choose its layers, and give what can now be run."""
        inputs = self.inputs
        with placed(inputs.model.module, self.device) as module:
            self.precision.check_device(torch.device(self.device))
            few = inputs.prepared(inputs.few(EXAMPLES), module)
            run, memory_format = self._traced(module, few)
            choice = choose(run, self.patterns)
            yield Sweep(self, module, run, choice, memory_format)

    def _traced(self, module: nn.Module, few: Fed) -> tuple[Trace, torch.memory_format]:
        memory_format = fastest_format(module, few)
        with self.precision.applied(module):
            try:
                inputs = few.in_format(memory_format)
                return trace(module, inputs, self.pooling.seed), memory_format
            except CaptureError:  # e.g. by `Tensor.view`, which not every order allows
                return trace(module, few, self.pooling.seed), torch.contiguous_format
