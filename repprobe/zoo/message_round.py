"""A round of messages in a graph; importing it imports torch-geometric, which takes a while."""

from __future__ import annotations

import torch
from torch import Tensor
from torch_geometric.nn import MessagePassing

from repprobe.zoo.blocks import perceptron


class MessageRound(MessagePassing):  # type: ignore[misc]
    """A perceptron of the two nodes of each edge, gathered at the edge's target.

    `neighbours` says how, "sum" or "max"; a node without neighbours gets 0.
    """

    def __init__(self, before: int, hidden: int, neighbours: str) -> None:
        super().__init__(aggr=neighbours)
        self.mlp = perceptron(2 * before, hidden)

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        """Map the states (N, before) of the nodes to (N, hidden)."""
        out: Tensor = self.propagate(edge_index, x=x)
        return out

    def message(self, x_i: Tensor, x_j: Tensor) -> Tensor:
        """Return the message (E, hidden) along each edge, to i from j."""
        message: Tensor = self.mlp(torch.cat([x_i, x_j], dim=1))
        return message
