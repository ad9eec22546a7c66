"""DeepSets: a network for graphs that looks at the nodes alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from repprobe.zoo.arguments import require_positive
from repprobe.zoo.blocks import perceptron


class DeepSets(nn.Module):
    """MLP¹(max_u MLP⁰(x_u)) and a linear read-out (arXiv 2012.12896, section 4).

    Parameters
    ----------
    num_classes : number of outputs; 1 for a regression target.
    in_features : features of a node.
    hidden : width of every layer.

    Raises
    ------
    UsageError
        A number is below 1.
    """

    def __init__(self, num_classes: int = 1, in_features: int = 1, hidden: int = 128) -> None:
        require_positive(num_classes=num_classes, in_features=in_features, hidden=hidden)
        from torch_geometric.nn import MaxAggregation

        super().__init__()
        self.node = perceptron(in_features, hidden)
        self.pool = MaxAggregation()
        self.set = perceptron(hidden, hidden)
        self.output = nn.Linear(hidden, num_classes)

    def forward(
        self,
        x: Tensor,
        edge_index: Tensor | None,
        batch: Tensor,
        batch_size: int | None = None,
    ) -> Tensor:
        """Map the nodes (N, in_features) of B graphs to (B, num_classes); edges are not used.

        `batch` is int64 (N,), each node's graph, and `batch_size` is B, one above the last of
        `batch` if it is not given.
        """
        pooled = self.pool(self.node(x), batch, dim_size=batch_size)
        out: Tensor = self.output(self.set(pooled))
        return out


def guess_arguments(shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Any] | None:
    """Read the widths off the first layer and the read-out."""
    first, output = shapes.get("node.linear1.weight", ()), shapes.get("output.weight", ())
    if len(first) != 2 or len(output) != 2 or "set.linear1.weight" not in shapes:
        return None
    return {"num_classes": output[0], "in_features": first[1], "hidden": output[1]}
