"""Networks that halve their features in every block, so that no block can be random unharmed."""

from __future__ import annotations

from collections import OrderedDict

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


def gnn(num_classes: int = 10, in_features: int = 1) -> nn.Module:
    """Return two rounds of messages, of 40 and 20 features, and the maximum over nodes."""
    return _GNN(num_classes, in_features)


class _GNN(nn.Module):
    def __init__(self, num_classes: int, in_features: int) -> None:
        from torch_geometric.nn import MaxAggregation

        from repprobe.zoo.message_round import MessageRound

        super().__init__()
        self.round1 = MessageRound(in_features, 40, "sum")
        self.round2 = MessageRound(40, 20, "sum")
        self.pool = MaxAggregation()
        self.output = nn.Linear(20, num_classes)

    def forward(
        self, x: Tensor, edge_index: Tensor, batch: Tensor, batch_size: int | None = None
    ) -> Tensor:
        x = self.round2(self.round1(x, edge_index), edge_index)
        out: Tensor = self.output(self.pool(x, batch, dim_size=batch_size))
        return out


def _convolution(before: int, after: int, size: int) -> nn.Sequential:
    return nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(before, after, size, stride=size, bias=False),
            bn=nn.BatchNorm2d(after),
            relu=nn.ReLU(),
        )
    )
