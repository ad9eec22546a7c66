"""How raw inputs become what the network expects: `Preprocessing`, and the names for it."""

from __future__ import annotations

from collections.abc import Sequence
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
    "cifar100": ((0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)),
    "mnist": ((0.1307,), (0.3081,)),
    "half": ((0.5,), (0.5,)),
    "unit": ((0.0,), (1.0,)),
}
"""Mean and standard deviation per channel, of inputs scaled to 0…1; `half` gives −1…1."""

CHANNELS = {"rgb": 3, "bgr": 3, "grey": 1}
"""What a network may take images as, and in how many channels."""

_LUMA = (0.299, 0.587, 0.114)
"""Weights of red, green and blue (ITU-R BT.601, what Pillow and torchvision take)."""


@dataclass(frozen=True)
class Preprocessing:
    """x ↦ (arranged x / unit − mean) / std per channel; `none` keeps the raw values.

    Attributes
    ----------
    name : as the user writes it: "imagenet", "unit", "none", "0.5/0.25", "bgr:imagenet", …
    mean, std : one value, or one per channel (axis 1) of what the network takes, in its order;
        empty for "none".
    found : how it was found: "option", "default", "checkpoint", …
    channels : "rgb", "bgr" or "grey", what images are brought to first; "" takes those of the
        data as they are.
    """

    name: str
    mean: tuple[float, ...]
    std: tuple[float, ...]
    found: str = "option"
    channels: str = ""

    @classmethod
    def parse(cls, text: str, found: str = "option") -> Preprocessing:
        """Read a name, `none`, or MEAN/STD (commas between channels), as CHANNELS:… or alone.

        CHANNELS says what the network takes. `rgb:` repeats grey images to three channels,
        `grey:` makes colours grey, `bgr:` gives blue first; mean and standard deviation are
        written in the order red, green, blue all the same, and belong to the colours.
        """
        channels, colon, values = text.rpartition(":")
        if colon and channels not in CHANNELS:
            raise UsageError(
                f"preprocessing '{text}': '{channels}' is neither {', '.join(CHANNELS)}, which say "
                "what channels the network takes."
            )
        mean, std = _mean_and_std(values, text)
        if channels and len(mean) > 1 and len(mean) != CHANNELS[channels]:
            raise UsageError(
                f"preprocessing '{text}' has {len(mean)} means; {channels} takes 1"
                f"{' or 3' if CHANNELS[channels] == 3 else ''}."
            )
        if channels == "bgr":
            mean, std = mean[::-1], std[::-1]
        return cls(text, mean, std, found, channels)

    @classmethod
    def of(cls, mean: Sequence[float], std: Sequence[float], found: str) -> Preprocessing:
        """Return the preprocessing with this mean and standard deviation, under its name if any.

        Raises UsageError where `parse` would.
        """
        means, stds = (tuple(float(v) for v in side) for side in (mean, std))
        for name, (known_mean, known_std) in NAMED.items():
            spread = max(len(means), len(known_mean))
            pairs = ((means, known_mean), (stds, known_std))
            if all(_spread(a, spread) == _spread(b, spread) for a, b in pairs):
                return cls.parse(name, found)
        sides = (",".join(f"{v:.6g}" for v in side) for side in (means, stds))
        return cls.parse("/".join(sides), found)

    def check_channels(self, channels: int) -> None:
        """Raise UsageError unless inputs of that many channels can be prepared so."""
        if self.channels and channels not in (1, 3):
            raise UsageError(
                f"preprocessing '{self.name}' is for grey or colour images, the data have "
                f"{channels} channels; leave {self.channels}: out."
            )
        taken = self.taken(channels)
        if len(self.mean) > 1 and len(self.mean) != taken:
            hint = f" or rgb:{self.name}, if the network takes colours" if taken == 1 else ""
            raise UsageError(
                f"preprocessing '{self.name}' is for {len(self.mean)} channels, the data have "
                f"{channels}; use unit, none or MEAN/STD{hint}."
            )

    def taken(self, channels: int) -> int:
        """Return how many channels the network is given where the data have `channels`."""
        return CHANNELS.get(self.channels, channels)

    def apply(self, raw: NDArray[np.generic], unit: float) -> torch.Tensor:
        """Turn raw inputs (b, channels, …) into the float32 tensor the network takes."""
        import torch

        # A copy, so that a network that works in place never reaches the data.
        return self.scale(torch.from_numpy(np.array(raw, dtype=np.float32)), unit)

    def scale(self, x: torch.Tensor, unit: float) -> torch.Tensor:
        """Turn raw values, as a float32 tensor (b, channels, …), into the inputs.

        Works in place where the channels stay as they are.
        """
        import torch

        x = self.arrange(x)
        if not self.mean:
            return x
        shape = (1, -1, *([1] * (x.ndim - 2)))
        mean = torch.tensor(self.mean, device=x.device).view(shape)
        std = torch.tensor(self.std, device=x.device).view(shape)
        return x.div_(unit).sub_(mean).div_(std)

    def arrange(self, x: torch.Tensor) -> torch.Tensor:
        """Bring raw values (b, channels, …) to the channels that the network takes."""
        if self.channels == "grey" and x.shape[1] == 3:
            return x[:, :1] * _LUMA[0] + x[:, 1:2] * _LUMA[1] + x[:, 2:] * _LUMA[2]
        if self.channels in ("rgb", "bgr") and x.shape[1] == 1:
            return x.repeat(1, 3, *([1] * (x.ndim - 2)))
        return x.flip(1) if self.channels == "bgr" else x


def _mean_and_std(values: str, text: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    if values == "none":
        return (), ()
    if values in NAMED:
        return NAMED[values]
    try:
        mean, std = (tuple(float(v) for v in side.split(",")) for side in values.split("/"))
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
    return mean, std


def _spread(values: tuple[float, ...], count: int) -> tuple[float, ...]:
    return values * count if len(values) == 1 else values
