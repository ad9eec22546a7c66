"""Zagoruyko and Komodakis's wide residual networks for CIFAR: WRN-28-10 and its kin."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count, takewhile
from typing import Any

from torch import Tensor, nn

from repprobe.errors import UsageError
from repprobe.zoo.arguments import require_one_of, require_positive

STAGES = (1, 2, 3)


class WideResNet(nn.Module):
    """Three stages of pre-activation blocks, `width` times as wide (arXiv 1605.07146).

    The two public implementations that most checkpoints come from differ in names and in what
    they compute; `naming` says which one is meant.

    Parameters
    ----------
    depth : 6n + 4, i.e. 10, 16, 22, 28, …
    width : factor on the channels 16, 32, 64 of the stages.
    num_classes : number of outputs.
    in_channels : channels of the input (b, in_channels, height, width).
    naming : "block" (`block1.layer.0.conv1`, `fc`: xternalz's code, where a block's first
        convolution has the stride and a projection takes the activated input) or "layer"
        (`layer1.0.conv1`, `linear`: meliketoy's, where the second one has the stride and a
        projection takes the input as it came).
    bias : whether the convolutions have biases, as meliketoy's have.
    stem : channels of the first convolution.

    Raises
    ------
    UsageError
        An argument has a value that cannot be used.
    """

    def __init__(
        self,
        depth: int = 28,
        width: int = 10,
        num_classes: int = 10,
        in_channels: int = 3,
        naming: str = "block",
        bias: bool = False,
        stem: int = 16,
    ) -> None:
        super().__init__()
        require_positive(
            depth=depth, width=width, num_classes=num_classes, in_channels=in_channels, stem=stem
        )
        if depth < 10 or depth % 6 != 4:
            raise UsageError(f"depth must be 6n + 4 (10, 16, 22, 28, …), not {depth}.")
        require_one_of("naming", naming, ("block", "layer"))
        self.naming, before = naming, stem
        self.conv1 = nn.Conv2d(in_channels, before, 3, padding=1, bias=bias)
        for stage in STAGES:
            after = stem * width * 2 ** (stage - 1)
            layer = nn.Sequential()
            for i in range((depth - 4) // 6):
                stride = 2 if stage > 1 and i == 0 else 1
                layer.append(Block(before, after, stride, naming, bias))
                before = after
            if naming == "block":
                holder = nn.Sequential()
                holder.add_module("layer", layer)
                self.add_module(f"block{stage}", holder)
            else:
                self.add_module(f"layer{stage}", layer)
        self.bn1 = nn.BatchNorm2d(before)
        self.relu = nn.ReLU()
        self.average = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.add_module(_head(naming), nn.Linear(before, num_classes))

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, in_channels, height, width) to logits (b, num_classes)."""
        x = self.conv1(x)
        for stage in STAGES:
            x = self.get_submodule(f"{self.naming}{stage}")(x)
        x = self.flatten(self.average(self.relu(self.bn1(x))))
        logits: Tensor = self.get_submodule(_head(self.naming))(x)
        return logits


class Block(nn.Module):
    """Batch norm, ReLU and 3×3 convolution, twice, beside a shortcut."""

    def __init__(self, before: int, after: int, stride: int, naming: str, bias: bool) -> None:
        super().__init__()
        first, second = (stride, 1) if naming == "block" else (1, stride)
        self.bn1 = nn.BatchNorm2d(before)
        self.relu1 = nn.ReLU()
        self.conv1 = nn.Conv2d(before, after, 3, first, padding=1, bias=bias)
        self.bn2 = nn.BatchNorm2d(after)
        self.relu2 = nn.ReLU()
        self.conv2 = nn.Conv2d(after, after, 3, second, padding=1, bias=bias)
        self.projects = before != after or stride != 1
        self.activated = self.projects and naming == "block"
        if naming == "block":
            if self.projects:
                self.convShortcut = nn.Conv2d(before, after, 1, stride, bias=bias)
        else:
            self.shortcut = nn.Sequential()
            if self.projects:
                self.shortcut.append(nn.Conv2d(before, after, 1, stride, bias=bias))

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, before, height, width) to (b, after, height / stride, width / stride)."""
        out = self.relu1(self.bn1(x))
        if self.activated:
            beside: Tensor = self.convShortcut(out)
        else:
            beside = self.shortcut(x) if self.projects else x
        total: Tensor = self.conv2(self.relu2(self.bn2(self.conv1(out)))) + beside
        return total


def _head(naming: str) -> str:
    return "fc" if naming == "block" else "linear"


def guess_arguments(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any] | None:
    """Read the arguments off the stem, the first stage and the final layer."""
    naming = "block" if "block1.layer.0.conv1.weight" in shapes else "layer"
    stage = "block1.layer" if naming == "block" else "layer1"
    first, last = shapes.get("conv1.weight", ()), shapes.get(f"{_head(naming)}.weight", ())
    block = shapes.get(f"{stage}.0.conv1.weight", ())
    keys = (f"{stage}.{i}.conv1.weight" for i in count())
    number = len(list(takewhile(shapes.__contains__, keys)))
    if len(first) != 4 or len(last) != 2 or len(block) != 4 or "layer4.0.conv1.weight" in shapes:
        return None
    # a post-activation network has the norm of its stem under the same name, and as narrow
    if shapes.get("bn1.weight") != (last[1],) or block[0] % first[0]:
        return None
    guess: dict[str, Any] = {
        "depth": 6 * number + 4,
        "width": block[0] // first[0],
        "num_classes": last[0],
        "in_channels": first[1],
        "naming": naming,
        "bias": "conv1.bias" in shapes,
    }
    return guess if first[0] == 16 else {**guess, "stem": first[0]}
