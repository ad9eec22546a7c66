"""He et al.'s pre-activation ResNets of any depth for CIFAR; see `preact_resnet` for ResNet-18."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import count, takewhile
from typing import Any

from torch import Tensor, nn

from repprobe.zoo.arguments import require_one_of, require_positive, scaled
from repprobe.zoo.preact_resnet import WIDTH, PreActBlock

EXPANSION = {"basic": 1, "bottleneck": 4}
"""Kind of block → its output channels, in units of the channels of its 3×3 convolutions."""

NORMS = ("first", "none", "last")


class PreActResNet(nn.Module):
    """Four stages of pre-activation blocks on a 3×3 stem (arXiv 1603.05027).

    State-dict keys are those of the public implementations.

    Parameters
    ----------
    blocks : number of blocks of each stage: (3, 4, 6, 3) is ResNet-34 or, with bottlenecks, -50,
        (3, 4, 23, 3) ResNet-101, (3, 8, 36, 3) ResNet-152.
    block : "basic" or "bottleneck" (1×1, 3×3, 1×1).
    num_classes : number of outputs.
    in_channels : channels of the input (b, in_channels, height, width).
    width : factor on all channels, 1.0 at full size (64, 128, 256, 512).
    norm : batch norm outside the blocks, "first", "none" or "last", as `PreActResNet18` has it.

    Raises
    ------
    UsageError
        An argument has a value that cannot be used.
    """

    def __init__(
        self,
        blocks: Sequence[int] = (3, 4, 6, 3),
        block: str = "basic",
        num_classes: int = 10,
        in_channels: int = 3,
        width: float = 1.0,
        norm: str = "none",
    ) -> None:
        super().__init__()
        sizes = {f"blocks[{i}]": number for i, number in enumerate(blocks)}
        require_positive(num_classes=num_classes, in_channels=in_channels, **sizes)
        require_one_of("block", block, EXPANSION)
        require_one_of("norm", norm, NORMS)
        before = channels = scaled(WIDTH, width)
        kind = PreActBottleneck if block == "bottleneck" else PreActBlock
        self.norm, self.stages = norm, [f"layer{i}" for i in range(1, len(blocks) + 1)]
        self.conv1 = nn.Conv2d(in_channels, before, 3, padding=1, bias=False)
        if norm == "first":
            self.bn1 = nn.BatchNorm2d(before)
            self.relu1 = nn.ReLU()
        for stage, number in enumerate(blocks):
            layer = nn.Sequential()
            for i in range(number):
                stride = 2 if stage and i == 0 else 1
                layer.append(kind(before, channels, stride, activated=norm == "first"))
                before = channels * EXPANSION[block]
            self.add_module(self.stages[stage], layer)
            channels *= 2
        if norm == "last":
            self.bn = nn.BatchNorm2d(before)
            self.relu = nn.ReLU()
        self.average = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.linear = nn.Linear(before, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, in_channels, height, width) to logits (b, num_classes)."""
        x = self.conv1(x)
        if self.norm == "first":
            x = self.relu1(self.bn1(x))
        for stage in self.stages:
            x = self.get_submodule(stage)(x)
        if self.norm == "last":
            x = self.relu(self.bn(x))
        logits: Tensor = self.linear(self.flatten(self.average(x)))
        return logits


class PreActBottleneck(nn.Module):
    """Batch norm, ReLU and convolution, three times, beside a shortcut, as in `PreActBlock`."""

    def __init__(self, before: int, channels: int, stride: int, activated: bool) -> None:
        super().__init__()
        after = EXPANSION["bottleneck"] * channels
        projects = stride != 1 or before != after
        self.activated = activated or projects
        self.bn1 = nn.BatchNorm2d(before)
        self.relu1 = nn.ReLU()
        self.conv1 = nn.Conv2d(before, channels, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.relu2 = nn.ReLU()
        self.conv2 = nn.Conv2d(channels, channels, 3, stride=stride, padding=1, bias=False)
        self.bn3 = nn.BatchNorm2d(channels)
        self.relu3 = nn.ReLU()
        self.conv3 = nn.Conv2d(channels, after, 1, bias=False)
        self.shortcut = nn.Sequential()
        if projects:
            self.shortcut.append(nn.Conv2d(before, after, 1, stride=stride, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, before, height, width) to (b, 4 · channels, height / stride, width / stride)."""
        out = self.relu1(self.bn1(x))
        shortcut = self.shortcut(out if self.activated else x)
        out = self.conv2(self.relu2(self.bn2(self.conv1(out))))
        total: Tensor = self.conv3(self.relu3(self.bn3(out))) + shortcut
        return total


def guess_arguments(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any] | None:
    """Read the arguments off the stem, the blocks, the final layer and the norm outside.

    None for ResNet-18, which has a name of its own.
    """
    first, last = shapes.get("conv1.weight", ()), shapes.get("linear.weight", ())
    counts = [
        len(list(takewhile(shapes.__contains__, (f"layer{s}.{i}.bn1.weight" for i in count()))))
        for s in range(1, 5)
    ]
    block = "bottleneck" if "layer1.0.conv3.weight" in shapes else "basic"
    if len(first) != 4 or len(last) != 2 or not all(counts):
        return None
    if (counts, block) == ([2, 2, 2, 2], "basic"):
        return None
    norms = {"bn1.weight": "first", "bn.weight": "last"}
    return {
        "blocks": counts,
        "block": block,
        "num_classes": last[0],
        "in_channels": first[1],
        "width": first[0] / WIDTH,
        "norm": next((norm for key, norm in norms.items() if key in shapes), "none"),
    }
