"""The device that a user names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from repprobe.errors import UsageError

if TYPE_CHECKING:
    import torch


def usable_device(name: str) -> torch.device:
    """Return the device of that name; "auto" is CUDA where there is one, else the CPU.

    Raises
    ------
    UsageError
        There is no such device, or it cannot be used.
    """
    import torch

    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
    except (RuntimeError, TypeError):
        raise UsageError(f"there is no device '{name}'; take auto, cpu, cuda, cuda:1, …") from None
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"the device '{name}' cannot be used: {reason}") from None
    return device
