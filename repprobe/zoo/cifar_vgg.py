"""Simonyan and Zisserman's VGG networks as they are made for CIFAR: no layers of 4,096 × 49."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from torch import nn

from repprobe.zoo.arguments import require_one_of, require_positive, scaled

STAGES = {
    11: (1, 1, 2, 2, 2),
    13: (2, 2, 2, 2, 2),
    16: (2, 2, 3, 3, 3),
    19: (2, 2, 4, 4, 4),
}
"""Depth → number of convolutions before each of the five poolings (arXiv 1409.1556, table 1)."""

CHANNELS = (64, 128, 256, 512, 512)

DROPOUT = 0.5

HEADS = {"dropout-last": (0, 3, 6), "plain-last": (0, 3, 5), "dropout-first": (1, 4, 6)}
"""Kind of a head of three linear layers → their places in it."""


class CifarVGG(nn.Module):
    """VGG-11, -13, -16 or -19 for images of 32×32, with or without batch norm.

    State-dict keys are those of the public implementations; the last pooling leaves one pixel.

    Parameters
    ----------
    depth : 11, 13, 16 or 19.
    batch_norm : whether batch norm follows every convolution.
    num_classes : number of outputs.
    in_channels : channels of the input (b, in_channels, 32, 32).
    width : factor on all channels, 1.0 at full size (64, 128, 256, 512, 512).
    hidden : widths of the linear layers before the last: none (kuangliu's pytorch-cifar), or two.
    head : with two of them, "dropout-last" (dropout behind each: chenyaofo's
        pytorch-cifar-models), "plain-last" (none behind the second: weiaicunzai's
        pytorch-cifar100) or "dropout-first" (dropout before each: chengyangfu's). It says their
        names; in evaluation all compute the same.

    Raises
    ------
    UsageError
        An argument has a value that cannot be used.
    """

    def __init__(
        self,
        depth: int = 16,
        batch_norm: bool = True,
        num_classes: int = 10,
        in_channels: int = 3,
        width: float = 1.0,
        hidden: Sequence[int] = (),
        head: str = "dropout-last",
    ) -> None:
        super().__init__()
        require_one_of("depth", str(depth), map(str, STAGES))
        require_one_of("head", head, HEADS)
        require_one_of("hidden", str(len(hidden)), ("0", "2"))
        sizes = {f"hidden[{i}]": units for i, units in enumerate(hidden)}
        require_positive(num_classes=num_classes, in_channels=in_channels, **sizes)
        self.features = nn.Sequential()
        before = in_channels
        for number, channels in zip(STAGES[depth], CHANNELS, strict=True):
            after = scaled(channels, width)
            for _ in range(number):
                self.features.append(nn.Conv2d(before, after, 3, padding=1))
                if batch_norm:
                    self.features.append(nn.BatchNorm2d(after))
                self.features.append(nn.ReLU())
                before = after
            self.features.append(nn.MaxPool2d(2))
        self.flatten = nn.Flatten()
        self.classifier = _classifier([before, *hidden, num_classes], head)

    def forward(self, x: Any) -> Any:
        """Map (b, in_channels, 32, 32) to logits (b, num_classes)."""
        return self.classifier(self.flatten(self.features(x)))


def _classifier(sizes: Sequence[int], head: str) -> nn.Module:
    linear = [nn.Linear(a, b) for a, b in pairwise(sizes)]
    if len(linear) == 1:
        return linear[0]
    parts: list[nn.Module] = []
    for i, layer in enumerate(linear):
        if head == "dropout-first" and i < len(linear) - 1:
            parts.append(nn.Dropout(DROPOUT))
        parts.append(layer)
        if i < len(linear) - 1:
            parts.append(nn.ReLU())
            if head == "dropout-last" or (head == "plain-last" and i == 0):
                parts.append(nn.Dropout(DROPOUT))
    return nn.Sequential(*parts)


def guess_arguments(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any] | None:
    """Read depth and width off the convolutions, and the head off the linear layers."""
    convs = [s for k, s in shapes.items() if k.startswith("features.") and len(s) == 4]
    linear = {k: s for k, s in shapes.items() if k.startswith("classifier.") and len(s) == 2}
    depth = next((d for d, stages in STAGES.items() if sum(stages) == len(convs)), None)
    first, last = shapes.get("features.0.weight", ()), list(linear.values())
    if depth is None or len(first) != 4 or len(last) not in (1, 3):
        return None
    # torchvision's take 7×7 pixels of the last channels
    if last[0][1] != convs[-1][0]:
        return None
    guess: dict[str, Any] = {
        "depth": depth,
        "batch_norm": any(key.endswith("running_mean") for key in shapes),
        "num_classes": last[-1][0],
        "in_channels": first[1],
        "width": first[0] / CHANNELS[0],
    }
    if len(last) == 1:
        return guess
    places = tuple(int(place) for key in linear if (place := key.split(".")[1]).isdigit())
    head = next((name for name, known in HEADS.items() if known == places), None)
    if head is None:
        return None
    return {**guess, "hidden": [shape[0] for shape in last[:-1]], "head": head}
