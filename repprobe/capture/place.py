"""Brings a network to a device without moving the one that was handed over."""

from __future__ import annotations

import contextlib
import copy
from collections.abc import Iterator

import torch
from torch import nn

from repprobe.capture.unwrap import unwrap
from repprobe.errors import UsageError


@contextlib.contextmanager
def placed(module: nn.Module, device: str) -> Iterator[nn.Module]:
    """Give the unwrapped network on a device: itself if it is there, else a copy.

    A copy, since moving a network there and back would exchange the memory of its parameters.

    Raises
    ------
    UsageError
        The device cannot be used here.
    """
    root = unwrap(module)
    try:
        wanted = torch.empty(0, device=device).device
    except (RuntimeError, AssertionError) as error:
        line = str(error).splitlines()[0]
        raise UsageError(f"the device '{device}' cannot be used: {line}") from None
    tensors = (*root.parameters(), *root.buffers())
    if all(tensor.device == wanted for tensor in tensors):
        yield root
    else:
        yield copy.deepcopy(root).to(wanted)


def device_of(module: nn.Module) -> torch.device:
    """Return where the parameters of a placed network are; the CPU if it has none."""
    first = next(module.parameters(), None)
    return torch.device("cpu") if first is None else first.device
