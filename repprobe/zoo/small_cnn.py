"""A small convolutional network for the digits and Fashion-MNIST, quick to train on a CPU."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

from torch import nn

from repprobe.zoo.arguments import require_positive


class SmallCNN(nn.Sequential):
    """Three stages of two convolutions (3×3, batch norm, ReLU), global average, linear.

    Every operation is a module, so that every activation has a name. Inputs are
    (b, in_channels, height, width) with height and width of at least 4.

    Parameters
    ----------
    num_classes : number of outputs.
    in_channels : channels of the input.
    width : channels of the first stage; the second and third have two and four times as many.

    Raises
    ------
    UsageError
        A number is below 1.
    """

    def __init__(self, num_classes: int = 10, in_channels: int = 1, width: int = 12) -> None:
        require_positive(num_classes=num_classes, in_channels=in_channels, width=width)
        super().__init__(
            OrderedDict(
                stage1=_stage(in_channels, width),
                pool1=nn.MaxPool2d(2),
                stage2=_stage(width, 2 * width),
                pool2=nn.MaxPool2d(2),
                stage3=_stage(2 * width, 4 * width),
                average=nn.AdaptiveAvgPool2d(1),
                flatten=nn.Flatten(),
                linear=nn.Linear(4 * width, num_classes),
            )
        )


def _stage(before: int, after: int) -> nn.Sequential:
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for i, channels in enumerate((before, after), start=1):
        layers[f"conv{i}"] = nn.Conv2d(channels, after, 3, padding=1, bias=False)
        layers[f"bn{i}"] = nn.BatchNorm2d(after)
        layers[f"relu{i}"] = nn.ReLU()
    return nn.Sequential(layers)


def guess_arguments(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any] | None:
    """Read the channels off the first convolution and the classes off the last layer."""
    first, last = shapes.get("stage1.conv1.weight", ()), shapes.get("linear.weight", ())
    if len(first) != 4 or len(last) != 2:
        return None
    return {"num_classes": last[0], "in_channels": first[1], "width": first[0]}
