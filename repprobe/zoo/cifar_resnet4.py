"""He et al.'s ResNet-18, -34, -50, -101 and -152 as they are made for CIFAR: on a 3×3 stem."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from itertools import count, takewhile
from typing import Any

from torch import Tensor, nn

from repprobe.zoo.arguments import require_one_of, require_positive

EXPANSION = {"basic": 1, "bottleneck": 4}
"""Kind of block → its output channels, in units of the channels of its 3×3 convolutions."""

KERNELS = {"basic": (3, 3), "bottleneck": (1, 3, 1)}


class CifarResNet4(nn.Module):
    """Four stages of residual blocks on a 3×3 stem without pooling (arXiv 1512.03385).

    State-dict keys are those of the public implementations for CIFAR.

    Parameters
    ----------
    blocks : number of blocks of each stage: (2, 2, 2, 2) is ResNet-18, (3, 4, 6, 3) ResNet-34 or,
        with bottlenecks, -50, (3, 4, 23, 3) ResNet-101, (3, 8, 36, 3) ResNet-152.
    block : "basic" (two 3×3 convolutions) or "bottleneck" (1×1, 3×3, 1×1).
    num_classes : number of outputs.
    in_channels : channels of the input (b, in_channels, height, width).
    width : channels of the first stage; each further one has twice as many.
    naming : "shortcut" (`layer1.0.shortcut.0`, `linear`: kuangliu's pytorch-cifar), "downsample"
        (`layer1.0.downsample.0`, `fc`: torchvision's, with its stem exchanged) or "residual"
        (`conv2_x.0.residual_function.0`, `fc`: weiaicunzai's pytorch-cifar100).
    stem_pool : whether a 3×3 max-pooling of stride 2 follows the stem, as in torchvision's code
        where only the convolution was exchanged.

    Raises
    ------
    UsageError
        An argument has a value that cannot be used.
    """

    def __init__(
        self,
        blocks: Sequence[int] = (2, 2, 2, 2),
        block: str = "basic",
        num_classes: int = 10,
        in_channels: int = 3,
        width: int = 64,
        naming: str = "shortcut",
        stem_pool: bool = False,
    ) -> None:
        super().__init__()
        sizes = {f"blocks[{i}]": number for i, number in enumerate(blocks)}
        require_positive(num_classes=num_classes, in_channels=in_channels, width=width, **sizes)
        require_one_of("block", block, EXPANSION)
        require_one_of("naming", naming, ("shortcut", "downsample", "residual"))
        self.naming = naming
        conv = nn.Conv2d(in_channels, width, 3, padding=1, bias=False)
        if naming == "residual":
            self.conv1: nn.Module = nn.Sequential(conv, nn.BatchNorm2d(width), nn.ReLU())
        else:
            self.conv1, self.bn1, self.relu = conv, nn.BatchNorm2d(width), nn.ReLU()
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1) if stem_pool else nn.Identity()
        self.stages, before = [], width
        for stage, number in enumerate(blocks, start=1):
            layer = nn.Sequential()
            for i in range(number):
                stride = 2 if stage > 1 and i == 0 else 1
                layer.append(Block(before, width * 2 ** (stage - 1), stride, block, naming))
                before = width * 2 ** (stage - 1) * EXPANSION[block]
            self.stages.append(_stage(naming).format(stage + (naming == "residual")))
            self.add_module(self.stages[-1], layer)
        self.average = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.head = _head(naming)
        self.add_module(self.head, nn.Linear(before, num_classes))

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, in_channels, height, width) to logits (b, num_classes)."""
        x = self.conv1(x)
        if self.naming != "residual":
            x = self.relu(self.bn1(x))
        x = self.maxpool(x)
        for stage in self.stages:
            x = self.get_submodule(stage)(x)
        logits: Tensor = self.get_submodule(self.head)(self.flatten(self.average(x)))
        return logits


class Block(nn.Module):
    """Convolutions, each with batch norm, beside a shortcut: relu(f(x) + shortcut(x)).

    Of a bottleneck it is the 3×3 convolution that has the stride.
    """

    def __init__(self, before: int, channels: int, stride: int, kind: str, naming: str) -> None:
        super().__init__()
        self.naming, after = naming, channels * EXPANSION[kind]
        parts: OrderedDict[str, nn.Module] = OrderedDict()
        strided = KERNELS[kind].index(3)
        size, last = before, len(KERNELS[kind])
        for i, kernel in enumerate(KERNELS[kind], start=1):
            out = after if i == last else channels
            step = stride if i == strided + 1 else 1
            parts[f"conv{i}"] = nn.Conv2d(size, out, kernel, step, kernel // 2, bias=False)
            parts[f"bn{i}"] = nn.BatchNorm2d(out)
            if i < last:
                parts[f"relu{i}"] = nn.ReLU()
            size = out
        if naming == "residual":
            self.residual_function = nn.Sequential(*parts.values())
        else:
            self.parts = list(parts)
            for name, part in parts.items():
                self.add_module(name, part)
        self.branch = "downsample" if naming == "downsample" else "shortcut"
        shortcut = nn.Sequential()
        if stride != 1 or before != after:
            shortcut.append(nn.Conv2d(before, after, 1, stride, bias=False))
            shortcut.append(nn.BatchNorm2d(after))
        self.add_module(self.branch, shortcut)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, before, height, width) to (b, after, height / stride, width / stride)."""
        out = x
        if self.naming == "residual":
            out = self.residual_function(x)
        else:
            for name in self.parts:
                out = self.get_submodule(name)(out)
        total: Tensor = self.relu(out + self.get_submodule(self.branch)(x))
        return total


def _stage(naming: str) -> str:
    return "conv{}_x" if naming == "residual" else "layer{}"


def _head(naming: str) -> str:
    return "linear" if naming == "shortcut" else "fc"


def guess_arguments(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any] | None:
    """Read the arguments off the stem, the number of blocks and the final layer."""
    return next(iter(guesses(shapes)), None)


def guesses(shapes: Mapping[str, tuple[int, ...]]) -> list[dict[str, Any]]:
    """Return the arguments that have the same shapes: with torchvision's names a pool is unseen."""
    naming = "residual" if "conv2_x.0.residual_function.0.weight" in shapes else "shortcut"
    if naming == "shortcut" and "fc.weight" in shapes:
        naming = "downsample"
    residual = naming == "residual"
    first = shapes.get("conv1.0.weight" if residual else "conv1.weight", ())
    last = shapes.get(f"{_head(naming)}.weight", ())
    part = "residual_function.{}.weight" if residual else "conv{}.weight"
    stages = range(2, 6) if residual else range(1, 5)
    second, third = (3, 6) if residual else (2, 3)

    def key(stage: int, block: int, number: int) -> str:
        return f"{_stage(naming).format(stage)}.{block}.{part.format(number)}"

    counts = [
        len(list(takewhile(shapes.__contains__, (key(s, i, second) for i in count()))))
        for s in stages
    ]
    if len(first) != 4 or first[2:] != (3, 3) or len(last) != 2 or not all(counts):
        return []
    guess = {
        "blocks": counts,
        "block": "bottleneck" if key(stages[0], 0, third) in shapes else "basic",
        "num_classes": last[0],
        "in_channels": first[1],
        "width": first[0],
        "naming": naming,
    }
    return [guess, {**guess, "stem_pool": True}] if naming == "downsample" else [guess]
