"""`Precision`: the floating-point type that the forward pass computes in."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from repprobe.capture.place import device_of
from repprobe.errors import UnknownNameError, UsageError

SMALLEST = 2.0**-16
"""Below it float16, whose steps are 2^-24 there, keeps fewer than eight bits of a value."""

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class Precision:
    """Runs a network in a type, by torch's automatic casting.

    Convolutions and matrix products are cast, their parameters with them; what follows has the
    type it is given, or float32 where torch's list for the device says so. Sums inside norms and
    softmax are float32. Networks whose own parameters are half precision run as they are.

    Attributes
    ----------
    name : "float32", "bfloat16" or "float16".
    """

    name: str = "float32"

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise UsageError(f"--dtype takes a name such as 'bfloat16', not {self.name!r}.")
        if self.name not in DTYPES:
            hint = f"There are {', '.join(DTYPES)}."
            raise UnknownNameError.near("floating-point type", self.name, DTYPES, hint)

    @property
    def is_half(self) -> bool:
        """Whether values are rounded to 16 bits."""
        return self.name != "float32"

    def check_device(self, device: torch.device) -> None:
        """Raise UsageError if that device has no kernels worth the name."""
        if self.name == "float16" and device.type == "cpu":
            raise UsageError(
                "float16 is for GPUs, on the CPU it is many times slower than float32 and lacks "
                "kernels; take --dtype bfloat16 or float32."
            )

    @contextlib.contextmanager
    def applied(self, module: nn.Module) -> Iterator[None]:
        """Cast what the network computes inside the block."""
        own = {p.dtype for p in module.parameters() if p.is_floating_point()}
        casting = self.is_half and own <= {torch.float32, torch.float64}
        with torch.autocast(device_of(module).type, DTYPES[self.name], enabled=casting):
            yield


@contextlib.contextmanager
def uncast(device: torch.device) -> Iterator[None]:
    """Compute in the types that tensors have, whatever is cast around the block."""
    with torch.autocast(device.type, enabled=False):
        yield


def fits_half(rows: Tensor) -> bool:
    """Whether features (b, width) can be kept as float16.

    They cannot if a finite value is beyond its range, or if most values of a column are nonzero
    and all of them are below `SMALLEST`.
    """
    size = rows.abs()
    finite = size.isfinite()
    largest = size.where(finite, 0).amax(0)
    crowded = 2 * rows.count_nonzero(0) > len(rows)
    tiny = crowded & (largest > 0) & (largest < SMALLEST)
    return not bool((tiny | (largest > torch.finfo(torch.float16).max)).any())
