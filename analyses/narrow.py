"""Networks of so few features that no block can be random unharmed."""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

from repprobe.zoo.cifar_resnet import BasicBlock


def cnn(num_classes: int = 10, in_channels: int = 1) -> nn.Module:
    """Return three convolutions without overlap for images of 28 × 28: 96, 48, 24 features."""
    return nn.Sequential(
        OrderedDict(
            stage1=_convolution(in_channels, 6, 7),
            stage2=_convolution(6, 12, 2),
            stage3=_convolution(12, 24, 2),
            flatten=nn.Flatten(),
            linear=nn.Linear(24, num_classes),
        )
    )


def resnet(num_classes: int = 10, in_channels: int = 1) -> nn.Module:
    """Return a stem and two residual blocks with the same numbers of features as `cnn`."""
    return nn.Sequential(
        OrderedDict(
            stem=_convolution(in_channels, 6, 7),
            block1=BasicBlock(6, 12, 2, "B", "shortcut"),
            block2=BasicBlock(12, 24, 2, "B", "shortcut"),
            flatten=nn.Flatten(),
            linear=nn.Linear(24, num_classes),
        )
    )


def gnn(num_classes: int = 10, in_features: int = 51) -> nn.Module:
    """Return two rounds of messages, 24 features each, both read out by their maximum over nodes.

    The answer is read from both (jumping knowledge, arXiv 1806.03536), so that the maximum of the
    first, which its probe sees, is trained as well.
    """
    return _GNN(num_classes, in_features, 24)


class _GNN(nn.Module):
    def __init__(self, num_classes: int, in_features: int, features: int) -> None:
        from torch_geometric.nn import MaxAggregation

        super().__init__()
        self.round1 = _round(in_features, features)
        self.round2 = _round(features, features)
        self.pool = MaxAggregation()
        self.output = nn.Linear(2 * features, num_classes)

    def forward(
        self, x: Tensor, edge_index: Tensor, batch: Tensor, batch_size: int | None = None
    ) -> Tensor:
        first = self.round1(x, edge_index)
        second = self.round2(first, edge_index)
        pooled = self.pool(torch.cat([first, second], dim=1), batch, dim_size=batch_size)
        out: Tensor = self.output(pooled)
        return out


def _round(before: int, after: int) -> nn.Module:
    from repprobe.zoo.message_round import MessageRound

    found = MessageRound(before, after, "sum")
    found.mlp = nn.Sequential(
        OrderedDict(
            linear=nn.Linear(2 * before, after, bias=False),
            bn=nn.BatchNorm1d(after),
            relu=nn.ReLU(),
        )
    )
    return found


def _convolution(before: int, after: int, size: int) -> nn.Sequential:
    return nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(before, after, size, stride=size, bias=False),
            bn=nn.BatchNorm2d(after),
            relu=nn.ReLU(),
        )
    )
