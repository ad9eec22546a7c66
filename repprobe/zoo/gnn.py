"""The paper's graph networks that pass messages: max-sum GNN and max-max GNN."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import count, takewhile
from typing import Any

from torch import Tensor, nn

from repprobe.zoo.arguments import require_positive
from repprobe.zoo.blocks import perceptron


class _GNN(nn.Module):
    """Rounds of messages, a perceptron of each node, the maximum over nodes, a linear read-out."""

    neighbours: str

    def __init__(
        self, num_classes: int = 1, in_features: int = 1, hidden: int = 128, rounds: int = 2
    ) -> None:
        require_positive(
            num_classes=num_classes, in_features=in_features, hidden=hidden, rounds=rounds
        )
        from torch_geometric.nn import MaxAggregation

        from repprobe.zoo.message_round import MessageRound

        super().__init__()
        self.rounds = rounds
        for i in range(1, rounds + 1):
            before = in_features if i == 1 else hidden
            self.add_module(f"round{i}", MessageRound(before, hidden, self.neighbours))
        self.node = perceptron(hidden, hidden)
        self.pool = MaxAggregation()
        self.output = nn.Linear(hidden, num_classes)

    def forward(
        self, x: Tensor, edge_index: Tensor, batch: Tensor, batch_size: int | None = None
    ) -> Tensor:
        """Map the nodes (N, in_features) of B graphs to (B, num_classes).

        `edge_index` is int64 (2, E), `batch` int64 (N,) says each node's graph, and `batch_size`
        is B, one above the last of `batch` if it is not given.
        """
        for i in range(1, self.rounds + 1):
            x = self.get_submodule(f"round{i}")(x, edge_index)
        pooled = self.pool(self.node(x), batch, dim_size=batch_size)
        out: Tensor = self.output(pooled)
        return out


class MaxSumGNN(_GNN):
    """h_u ← Σ_v MLP(h_u, h_v) over the neighbours v of u (arXiv 2012.12896, section 4).

    Parameters
    ----------
    num_classes : number of outputs; 1 for a regression target.
    in_features : features of a node.
    hidden : width of every layer.
    rounds : of messages.

    Raises
    ------
    UsageError
        A number is below 1.
    """

    neighbours = "sum"


class MaxMaxGNN(_GNN):
    """h_u ← max_v MLP(h_u, h_v), with the arguments of the max-sum GNN.

    A node without neighbours gets 0, the smallest value that a message has.
    """

    neighbours = "max"


def guess_arguments(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any] | None:
    """Read the widths off the first round and the read-out, and count the rounds."""
    first, output = shapes.get("round1.mlp.linear1.weight", ()), shapes.get("output.weight", ())
    if len(first) != 2 or len(output) != 2:
        return None
    keys = takewhile(shapes.__contains__, map("round{}.mlp.linear1.weight".format, count(1)))
    return {
        "num_classes": output[0],
        "in_features": first[1] // 2,
        "hidden": output[1],
        "rounds": len(list(keys)),
    }
