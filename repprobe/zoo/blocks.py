"""The perceptron that the graph networks are made of."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn


def perceptron(before: int, hidden: int) -> nn.Sequential:
    """Return three linear layers, each followed by a ReLU, the last one too."""
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for i in (1, 2, 3):
        layers[f"linear{i}"] = nn.Linear(before if i == 1 else hidden, hidden)
        layers[f"relu{i}"] = nn.ReLU()
    return nn.Sequential(layers)
