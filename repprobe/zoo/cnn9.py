"""Co-teaching's nine-convolution network, the paper's CNN for CIFAR."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from repprobe.errors import DataError
from repprobe.zoo.arguments import require_positive, scaled

WIDTH = 128
"""Channels of the first convolution at full size."""

CHANNELS = (1, 1, 1, 2, 2, 2, 4, 2, 1)
"""Channels of the nine convolutions, in units of the first one's."""

PADDED = 6
"""The first six convolutions keep height and width; the other three take two off each."""

SLOPE, DROPOUT = 0.01, 0.25

SMALLEST = 28
"""Height and width that two poolings and three convolutions without padding leave a pixel of."""


class CNN9(nn.Sequential):
    """Nine 3×3 convolutions, each with batch norm and a leaky ReLU (arXiv 1804.06872, table 2).

    128×3, pool, dropout, 256×3, pool, dropout, then 512, 256 and 128 without padding, global
    average, linear. Dropout leaves out whole channels and does nothing in evaluation. Every
    operation is a module, so that every activation has a name; the names of those with weights,
    and so the state-dict keys, are those of Co-teaching's published code.

    Parameters
    ----------
    num_classes : number of outputs.
    in_channels : channels of the input (b, in_channels, height, width); height and width are at
        least 28.
    width : factor on the channels of all convolutions, 1.0 at full size.

    Raises
    ------
    UsageError
        A number is not above 0, or the factor leaves no channel.
    """

    def __init__(self, num_classes: int = 10, in_channels: int = 3, width: float = 1.0) -> None:
        require_positive(num_classes=num_classes, in_channels=in_channels)
        unit = scaled(WIDTH, width)
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        before = in_channels
        for i, multiple in enumerate(CHANNELS, start=1):
            after = multiple * unit
            layers[f"c{i}"] = nn.Conv2d(before, after, 3, padding=1 if i <= PADDED else 0)
            layers[f"bn{i}"] = nn.BatchNorm2d(after)
            layers[f"relu{i}"] = nn.LeakyReLU(SLOPE)
            if i in (3, 6):
                layers[f"pool{i // 3}"] = nn.MaxPool2d(2)
                layers[f"dropout{i // 3}"] = nn.Dropout2d(DROPOUT)
            before = after
        layers["average"] = nn.AdaptiveAvgPool2d(1)
        layers["flatten"] = nn.Flatten()
        layers["l_c1"] = nn.Linear(before, num_classes)
        super().__init__(layers)

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, in_channels, height, width) to logits (b, num_classes).

        Raises DataError for images that the unpadded convolutions would use up.
        """
        if min(x.shape[2:], default=SMALLEST) < SMALLEST:
            raise DataError(
                f"zoo:cnn9 needs images of at least {SMALLEST}×{SMALLEST} pixels, and these are "
                f"{'×'.join(map(str, x.shape[2:]))}; pass --image-size {SMALLEST}, or take "
                "zoo:small-cnn."
            )
        for layer in self:
            x = layer(x)
        return x


def guess_arguments(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any] | None:
    """Read the channels off the first convolution and the classes off the last layer."""
    first, last = shapes.get("c1.weight", ()), shapes.get("l_c1.weight", ())
    if len(first) != 4 or len(last) != 2:
        return None
    return {"num_classes": last[0], "in_channels": first[1], "width": first[0] / WIDTH}
