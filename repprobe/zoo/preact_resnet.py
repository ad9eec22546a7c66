"""He et al.'s pre-activation ResNet-18 for CIFAR, as the noisy-label methods train it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from repprobe.zoo.arguments import require_one_of, require_positive, scaled

WIDTH = 64
"""Channels of the first stage at full size."""


class PreActResNet18(nn.Module):
    """Four stages of two pre-activation blocks on a 3×3 stem (arXiv 1603.05027).

    State-dict keys are those of the public implementations. These differ in the batch norm that
    stands outside the blocks, and their checkpoints are told apart by it; `norm` says which one
    is meant. The convolutions and the final layer are the same in all.

    Parameters
    ----------
    num_classes : number of outputs.
    in_channels : channels of the input (b, in_channels, height, width).
    width : factor on all channels, 1.0 at full size (64, 128, 256, 512).
    norm : "first": batch norm and ReLU (`bn1`) after the stem, and blocks whose shortcut starts
        behind their own first ReLU, as in the code of Mixup and DivideMix, which is the paper's;
        "none": no such norm, and shortcuts that pass the input on, as in kuangliu's
        pytorch-cifar; "last": the same with batch norm and ReLU (`bn`) before the average, as He
        et al. have it.

    Raises
    ------
    UsageError
        An argument has a value that cannot be used.
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 3,
        width: float = 1.0,
        norm: str = "first",
    ) -> None:
        super().__init__()
        require_positive(num_classes=num_classes, in_channels=in_channels)
        require_one_of("norm", norm, ("first", "none", "last"))
        before = scaled(WIDTH, width)
        self.norm = norm
        self.conv1 = nn.Conv2d(in_channels, before, 3, padding=1, bias=False)
        if norm == "first":
            self.bn1 = nn.BatchNorm2d(before)
            self.relu1 = nn.ReLU()
        for stage in range(1, 5):
            after = before if stage == 1 else 2 * before
            first = PreActBlock(before, after, 1 if stage == 1 else 2, activated=norm == "first")
            second = PreActBlock(after, after, 1, activated=norm == "first")
            self.add_module(f"layer{stage}", nn.Sequential(first, second))
            before = after
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
        for stage in range(1, 5):
            x = self.get_submodule(f"layer{stage}")(x)
        if self.norm == "last":
            x = self.relu(self.bn(x))
        logits: Tensor = self.linear(self.flatten(self.average(x)))
        return logits


class PreActBlock(nn.Module):
    """Batch norm, ReLU and convolution, twice, beside a shortcut.

    The shortcut is a 1×1 convolution of the activated input where the size changes, and
    elsewhere the input itself: `activated`, behind the first ReLU, or as it came.
    """

    def __init__(self, before: int, after: int, stride: int, activated: bool) -> None:
        super().__init__()
        projects = stride != 1 or before != after
        self.activated = activated or projects
        self.bn1 = nn.BatchNorm2d(before)
        self.relu1 = nn.ReLU()
        self.conv1 = nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(after)
        self.relu2 = nn.ReLU()
        self.conv2 = nn.Conv2d(after, after, 3, padding=1, bias=False)
        self.shortcut = nn.Sequential()
        if projects:
            self.shortcut.append(nn.Conv2d(before, after, 1, stride=stride, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, before, height, width) to (b, after, height / stride, width / stride)."""
        out = self.relu1(self.bn1(x))
        shortcut = self.shortcut(out if self.activated else x)
        out = self.conv2(self.relu2(self.bn2(self.conv1(out))))
        total: Tensor = out + shortcut
        return total


def guess_arguments(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any] | None:
    """Read the arguments off the stem, the final layer and the norm outside the blocks."""
    first, last = shapes.get("conv1.weight", ()), shapes.get("linear.weight", ())
    if len(first) != 4 or len(last) != 2 or "layer4.1.conv2.weight" not in shapes:
        return None
    norms = {"bn1.weight": "first", "bn.weight": "last"}
    norm = next((norm for key, norm in norms.items() if key in shapes), "none")
    return {
        "num_classes": last[0],
        "in_channels": first[1],
        "width": first[0] / WIDTH,
        "norm": norm,
    }
