"""How raw inputs become what the network expects: `Preprocessing`, and the names for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from repprobe.errors import UsageError

if TYPE_CHECKING:
    import torch

NAMED = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "cifar10": ((0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)),
    "unit": ((0.0,), (1.0,)),
}
"""Mean and standard deviation per channel, of inputs scaled to 0…1."""


@dataclass(frozen=True)
class Preprocessing:
    """x ↦ (x / unit − mean) / std per channel; `none` leaves the raw values as they are.

    Attributes
    ----------
    name : as the user writes it: "imagenet", "unit", "none", "0.5/0.25", …
    mean, std : one value, or one per channel (axis 1); empty for "none".
    found : how it was found: "option", "default", "checkpoint", …
    """

    name: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    found: str = "option"

    @classmethod
    def parse(cls, text: str, found: str = "option") -> Preprocessing:
        """Read `imagenet`, `cifar10`, `unit`, `none` or MEAN/STD (commas between channels)."""
        if text == "none":
            return cls(text, (), (), found)
        if text in NAMED:
            return cls(text, *NAMED[text], found)
        try:
            mean, std = (tuple(float(v) for v in side.split(",")) for side in text.split("/"))
        except ValueError:
            raise UsageError(
                f"preprocessing '{text}' is neither {', '.join(NAMED)}, none nor MEAN/STD such as "
                "0.5/0.25 or 0.49,0.48,0.45/0.25,0.24,0.26."
            ) from None
        if len(mean) != len(std) or not all(np.isfinite((*mean, *std))) or min(std) <= 0:
            raise UsageError(
                f"preprocessing '{text}' needs as many means as standard deviations, "
                "and standard deviations above 0."
            )
        return cls(text, mean, std, found)

    def check_channels(self, channels: int) -> None:
        """Raise UsageError unless mean and std fit inputs of that many channels."""
        if len(self.mean) > 1 and len(self.mean) != channels:
            raise UsageError(
                f"preprocessing '{self.name}' is for {len(self.mean)} channels, the data have "
                f"{channels}; use unit, none or MEAN/STD."
            )

    def apply(self, raw: NDArray[np.generic], unit: float) -> torch.Tensor:
        """Turn raw inputs (b, channels, …) into the float32 tensor the network takes."""
        import torch

        # A copy, so that a network that works in place never reaches the data.
        return self.scale(torch.from_numpy(np.array(raw, dtype=np.float32)), unit)

    def scale(self, x: torch.Tensor, unit: float) -> torch.Tensor:
        """Turn raw values, as a float32 tensor (b, channels, …), into the inputs, in place."""
        import torch

        if not self.mean:
            return x
        shape = (1, -1, *([1] * (x.ndim - 2)))
        mean = torch.tensor(self.mean, device=x.device).view(shape)
        std = torch.tensor(self.std, device=x.device).view(shape)
        return x.div_(unit).sub_(mean).div_(std)
