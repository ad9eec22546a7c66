"""LeCun et al.'s LeNet-5 in its common forms, the net of PyTorch's CIFAR tutorial among them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from repprobe.zoo.arguments import require_one_of, require_positive

ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}
POOLS: dict[str, type[nn.Module]] = {"max": nn.MaxPool2d, "avg": nn.AvgPool2d}

FORMS = (("relu", "max"), ("tanh", "avg"), ("sigmoid", "avg"), ("tanh", "max"), ("relu", "avg"))
"""Activation and pooling of the forms in use, the commonest first."""


class LeNet(nn.Module):
    """Two 5×5 convolutions, each activated and pooled, and three linear layers.

    The net of PyTorch's tutorial on CIFAR-10, LeNet of kuangliu's pytorch-cifar (both ReLU and
    maximum, images of 32×32), and LeNet-5 for MNIST (28×28, padded by 2 or not).

    Parameters
    ----------
    num_classes : number of outputs.
    in_channels : channels of the input (b, in_channels, side, side).
    side : height and width of what the first linear layer is given: 5 for images of 32×32, or
        28×28 padded by 2; 4 for 28×28.
    channels, hidden : of the convolutions, and of the linear layers before the last.
    activation : "relu", "tanh" or "sigmoid".
    pool : "max" or "avg", of 2×2 pixels.
    padding : of the first convolution, in pixels.

    Raises
    ------
    UsageError
        An argument has a value that cannot be used.
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 3,
        side: int = 5,
        channels: Sequence[int] = (6, 16),
        hidden: Sequence[int] = (120, 84),
        activation: str = "relu",
        pool: str = "max",
        padding: int = 0,
    ) -> None:
        super().__init__()
        one, two = channels
        three, four = hidden
        require_positive(num_classes=num_classes, in_channels=in_channels, side=side)
        require_one_of("activation", activation, ACTIVATIONS)
        require_one_of("pool", pool, POOLS)
        require_one_of("padding", str(padding), ("0", "2"))
        act, pooling = ACTIVATIONS[activation], POOLS[pool]
        self.conv1 = nn.Conv2d(in_channels, one, 5, padding=padding)
        self.act1, self.pool1 = act(), pooling(2)
        self.conv2 = nn.Conv2d(one, two, 5)
        self.act2, self.pool2 = act(), pooling(2)
        self.flatten = nn.Flatten()
        self.fc1 = nn.Linear(two * side * side, three)
        self.act3 = act()
        self.fc2 = nn.Linear(three, four)
        self.act4 = act()
        self.fc3 = nn.Linear(four, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map (b, in_channels, height, width) to logits (b, num_classes)."""
        x = self.pool1(self.act1(self.conv1(x)))
        x = self.flatten(self.pool2(self.act2(self.conv2(x))))
        logits: Tensor = self.fc3(self.act4(self.fc2(self.act3(self.fc1(x)))))
        return logits


def guess_arguments(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any] | None:
    """Read the sizes off the weights; the commonest activation and pooling are taken."""
    return next(iter(guesses(shapes)), None)


def guesses(shapes: Mapping[str, tuple[int, ...]]) -> list[dict[str, Any]]:
    """Return all arguments that have these shapes: activation, pooling and padding are unseen."""
    one, two = shapes.get("conv1.weight", ()), shapes.get("conv2.weight", ())
    linear = [shapes.get(f"fc{i}.weight", ()) for i in (1, 2, 3)]
    if one[2:] != (5, 5) or two[2:] != (5, 5) or any(len(s) != 2 for s in linear):
        return []
    side = math.isqrt(linear[0][1] // two[0])
    if side < 1 or side * side * two[0] != linear[0][1]:
        return []
    sizes: dict[str, Any] = {"num_classes": linear[2][0], "in_channels": one[1], "side": side}
    sizes |= {"channels": [one[0], two[0]], "hidden": [linear[0][0], linear[1][0]]}
    return [
        {**sizes, "activation": activation, "pool": pool, "padding": padding}
        for padding in ((0, 2) if side == 5 else (0,))
        for activation, pool in FORMS
    ]
