"""Graphs, and networks for them, of every kind that capture has to read."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn
from torch_geometric.nn import (
    GCNConv,
    GINConv,
    MaxAggregation,
    MeanAggregation,
    MessagePassing,
    SumAggregation,
    global_add_pool,
    global_max_pool,
    global_mean_pool,
)
from torch_geometric.nn.models import GAT, GCN, GIN, GraphSAGE

from repprobe.data.dataset import Data
from repprobe.data.graphs.parts import GraphPart, NodePart, starts_of

POOLS = {"mean": global_mean_pool, "max": global_max_pool, "sum": global_add_pool}

BASIC = {
    "GCN": lambda: GCN(4, 8, 3, 3, norm="graph_norm", dropout=0.5),
    "GraphSAGE": lambda: GraphSAGE(4, 8, 2, 3, dropout=0.2),
    "GIN": lambda: GIN(4, 8, 3, 3, norm="batch_norm", jk="cat"),
    "GAT": lambda: GAT(4, 8, 2, 3, heads=2, jk="max"),
}
"""torch-geometric's own networks: (N, 4) node features become (N, 3)."""


def graph_part(count: int, seed: int, features: int = 4, empty: bool = False) -> GraphPart:
    """Return random graphs of 3 to 9 nodes, whose edges do not come in the graphs' order."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(3, 10, count)
    edges = []
    for g, size in enumerate(sizes):
        full = np.stack(np.triu_indices(size, 1))
        kept = rng.random(full.shape[1]) < 0.5
        edges.append(full[:, kept & (not (empty and g % 3 == 1))])
    return GraphPart(
        rng.standard_normal((sizes.sum(), features)).astype(np.float32),
        starts_of(sizes),
        np.concatenate(edges, 1),
        starts_of(np.array([e.shape[1] for e in edges])),
        rng.integers(0, 3, count),
        mirrored=True,
    )


def graph_data(count: int = 30, empty: bool = False) -> Data:
    """Return graphs in three classes, `count` to train on and half as many to test."""
    train, test = graph_part(count, 0, empty=empty), graph_part(count // 2, 1, empty=empty)
    return Data("graphs", train, test, "classification", ("a", "b", "c"), 1.0, "graphs")


def node_data(nodes: int = 60) -> Data:
    """Return one graph whose nodes are the examples, two thirds of them to train on."""
    rng = np.random.default_rng(2)
    x = rng.standard_normal((nodes, 4)).astype(np.float32)
    edges = rng.integers(0, nodes, (2, 3 * nodes))
    order, labels = rng.permutation(nodes), rng.integers(0, 3, nodes)
    train, test = np.sort(order[: 2 * nodes // 3]), np.sort(order[2 * nodes // 3 :])
    return Data(
        "nodes",
        NodePart(x, edges, train, labels[train]),
        NodePart(x, edges, test, labels[test]),
        "classification",
        ("a", "b", "c"),
        1.0,
        "nodes",
    )


class Pooled(nn.Module):
    """Rounds of messages, a pooling function, a read-out; takes tensors by name."""

    def __init__(self, mode: str, width: int = 8) -> None:
        super().__init__()
        self.conv1, self.conv2 = GCNConv(4, width), GCNConv(width, width)
        self.linear = nn.Linear(width, 3)
        self.mode = mode

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor) -> Tensor:
        x = self.conv1(x, edge_index).tanh()
        x = self.conv2(x, edge_index)
        return self.linear(POOLS[self.mode](x, batch))


class TakesData(nn.Module):
    """As the tutorials write it: one `data` argument, functions in between, a log-softmax."""

    def __init__(self, mode: str = "sum") -> None:
        super().__init__()
        self.conv1, self.conv2 = GCNConv(4, 8), GCNConv(8, 8)
        self.linear = nn.Linear(8, 3)
        self.mode = mode

    def forward(self, data) -> Tensor:
        x = self.conv1(data.x, data.edge_index).relu()
        x = self.conv2(x, data.edge_index)
        x = POOLS[self.mode](x, data.batch, data.num_graphs)
        return self.linear(x).log_softmax(1)


class TakesBatch(TakesData):
    """The same by the name that others give to the vector of each node's graph."""

    def forward(self, batch) -> Tensor:
        return super().forward(batch)


class Aggregated(nn.Module):
    """Pools with a module, and its messages are made by one."""

    def __init__(self, mode: str) -> None:
        super().__init__()
        mlp = nn.Sequential(nn.Linear(4, 6), nn.ReLU(), nn.Linear(6, 6))
        self.conv = GINConv(mlp)
        self.edges = EdgeRound(6, 5)
        kinds = {"mean": MeanAggregation, "max": MaxAggregation, "sum": SumAggregation}
        self.readout = kinds[mode]()
        self.linear = nn.Linear(5, 3)

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor) -> Tensor:
        return self.linear(self.readout(self.edges(self.conv(x, edge_index), edge_index), batch))


class EdgeRound(MessagePassing):
    """A perceptron of both ends of every edge."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__(aggr="sum")
        self.mlp = nn.Sequential(nn.Linear(2 * before, after), nn.ReLU())

    def forward(self, x: Tensor, edge_index: Tensor) -> Tensor:
        return self.propagate(edge_index, x=x)

    def message(self, x_i: Tensor, x_j: Tensor) -> Tensor:
        return self.mlp(torch.cat([x_i, x_j], 1))


class Odd(nn.Module):
    """Puts out what has no row per example, node or edge."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = GCNConv(4, 5)
        self.loops, self.pairs, self.mean = nn.Identity(), nn.Identity(), nn.Identity()
        self.turned, self.heads = nn.Identity(), nn.Identity()
        self.linear = nn.Linear(5, 3)

    def forward(self, x: Tensor, edge_index: Tensor, batch: Tensor) -> Tensor:
        x = self.conv(x, edge_index)
        self.loops(torch.cat([x[edge_index[0]], x]))
        self.pairs(x @ x.T)
        self.mean(x.mean(0))
        self.turned(x.T)
        self.heads(torch.stack([x, -x], 1))
        return self.linear(global_max_pool(x, batch))
