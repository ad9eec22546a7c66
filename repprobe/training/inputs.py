"""Where the inputs of a training or test part lie, and how a batch of them is made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from repprobe.checkpoints.preprocessing import Preprocessing
from repprobe.data import Graphs, Part
from repprobe.feeding import Fed
from repprobe.training.augment import crop_and_flip

Progress = Callable[[str, int, int], None]

LEAST_ANSWERED = 256
"""Arrays that are answered at a time, at least, where nothing is learned."""

_BLOCK = 1024
"""Inputs that are read at a time."""


class Inputs(Protocol):
    """The inputs of some examples."""

    @property
    def whole(self) -> bool:
        """Whether every batch runs all of one graph, so that small batches save nothing."""
        ...

    def __len__(self) -> int: ...

    def answered_at_once(self, batch_size: int) -> int:
        """Return how many are answered at a time where `batch_size` are learned from."""
        ...

    def fed(self, places: NDArray[np.int64], draws: NDArray[np.float64] | None = None) -> Fed:
        """Return the inputs at `places` on the device, augmented by the draws if there are any."""
        ...


@dataclass(frozen=True, eq=False)
class ArrayInputs:
    """Inputs of one shape, raw and in memory: of images a quarter of what they become.

    Attributes
    ----------
    raw : (n, …) uint8 or float32.
    """

    raw: Tensor
    preprocessing: Preprocessing
    unit: float
    device: torch.device
    whole: bool = False

    def __len__(self) -> int:
        return len(self.raw)

    def answered_at_once(self, batch_size: int) -> int:
        return max(batch_size, LEAST_ANSWERED)

    def fed(self, places: NDArray[np.int64], draws: NDArray[np.float64] | None = None) -> Fed:
        chosen = self.raw[torch.from_numpy(places).to(self.raw.device)].to(self.device)
        if draws is not None:
            chosen = crop_and_flip(chosen, draws)
        return Fed(self.preprocessing.scale(chosen.float(), self.unit), len(places))


@dataclass(frozen=True, eq=False)
class GraphInputs:
    """Graphs, or nodes of one, put together for every batch anew.

    Attributes
    ----------
    rows : (n,) rows of the part.
    """

    part: Part
    rows: NDArray[np.int64]
    preprocessing: Preprocessing
    unit: float
    device: torch.device
    whole: bool = False

    def __len__(self) -> int:
        return len(self.rows)

    def answered_at_once(self, batch_size: int) -> int:
        return batch_size  # graphs need as much room as in training

    def fed(self, places: NDArray[np.int64], draws: NDArray[np.float64] | None = None) -> Fed:
        raw = self.part.inputs(self.rows[places])
        return Fed.of(raw, self.preprocessing, self.unit).to(self.device)


def read_raw(part: Part, rows: NDArray[np.int64], progress: Progress) -> Tensor | None:
    """Read the inputs at increasing `rows` as they are; None for graphs, which stay where they are.

    Raises
    ------
    DataError
        An input cannot be decoded, or its shape differs from the others'.
    """
    raw: Tensor | None = None
    for start in range(0, len(rows), _BLOCK):
        block = part.inputs(rows[start : start + _BLOCK])
        if isinstance(block, Graphs):
            return None
        values = torch.from_numpy(np.ascontiguousarray(block))
        if raw is None:
            raw = torch.empty(len(rows), *values.shape[1:], dtype=values.dtype)
        raw[start : start + len(values)] = values
        progress("read", start + len(values), len(rows))
    return raw


def make_inputs(
    raw: Tensor | None,
    part: Part,
    rows: NDArray[np.int64],
    preprocessing: Preprocessing,
    unit: float,
    device: torch.device,
) -> Inputs:
    """Return the inputs at `rows` of a part, from `raw` if `read_raw` gave any."""
    if raw is None:
        return GraphInputs(part, rows, preprocessing, unit, device, part.whole)
    return ArrayInputs(raw, preprocessing, unit, device)


def usual_preprocessing(raw: Tensor | None, unit: float) -> str:
    """Return mean and standard deviation as MEAN/STD, to four digits; "none" for graphs.

    Of images per channel; of other inputs over all values. A channel without spread is only
    centred.
    """
    if raw is None:
        return "none"
    channels = raw.shape[1] if raw.ndim == 4 else 1
    count, total, squares = 0, torch.zeros(channels).double(), torch.zeros(channels).double()
    for block in torch.split(raw, _BLOCK):
        values = block.double().div_(unit).reshape(len(block), channels, -1)
        count += values.shape[0] * values.shape[2]
        total += values.sum((0, 2))
        squares += values.square().sum((0, 2))
    mean = total / count
    std = (squares / count - mean.square()).clamp(min=0).sqrt()
    std[std < 1e-8] = 1.0
    return "/".join(",".join(f"{v:.4g}" for v in side.tolist()) for side in (mean, std))
