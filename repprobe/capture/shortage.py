"""What to make of an allocation that failed."""

from __future__ import annotations

import re

import torch

from repprobe.errors import CaptureError

_SAID = re.compile("(out of|allocate) memory|bad_alloc|ALLOC_FAILED")


def is_shortage(error: BaseException) -> bool:
    """Whether an exception says that memory was short, on whatever device."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and _SAID.search(str(error)) is not None


def no_room(whole: bool = False) -> CaptureError:
    """Return the error for a network that not one example, or no graph as a whole, goes through."""
    if whole:
        return CaptureError(
            "there is not enough memory for the graph, which goes through the network whole; free "
            "some, lower --width, or choose another --device."
        )
    return CaptureError(
        "there is not enough memory for a single example; free some, lower --image-size or "
        "--width, or choose another --device."
    )
