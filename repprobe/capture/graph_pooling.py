"""Pools the nodes and edges of every graph in a batch to one row per graph."""

from __future__ import annotations

from functools import cached_property
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor

from repprobe.capture.layer import Level, RowMode
from repprobe.feeding import Fed


class _Order(NamedTuple):
    """Rows in the order of their graphs, and where each graph begins."""

    rows: Tensor
    starts: Tensor


class Grouping:
    """Which example every node and edge of a batch belongs to.

    An edge belongs to the graph of its nodes. Where nodes are the examples, each belongs to
    itself and the others to none.
    """

    def __init__(self, batch: Fed) -> None:
        self._batch = batch

    def pool(self, rows: Tensor, level: Level, mode: RowMode) -> Tensor:
        """Pool values (rows, width) of nodes or edges to (examples, width) float32.

        What `torch_geometric.nn.pool.global_mean_pool` and its fellows give, the same on every
        device and run; 0 for a graph without such rows.
        """
        rows = rows.float()
        if self._batch.nodes is not None:
            return rows[self._batch.nodes]
        if mode == "max":  # of maxima the order does not matter, and this is fastest
            graph = self._graph(level)[:, None].expand_as(rows)
            pooled = rows.new_zeros(self._batch.count, rows.shape[1])
            return pooled.scatter_reduce_(0, graph, rows, "amax", include_self=False)
        order = self._of_edges if level == "edge" else self._of_nodes
        return F.embedding_bag(order.rows, rows, order.starts, mode=mode)

    def holding(self, marked: Tensor, level: Level) -> Tensor:
        """Return which examples (examples,) hold a marked row; `marked` is (rows,), bool."""
        if self._batch.nodes is not None:
            return marked[self._batch.nodes]
        return torch.bincount(self._graph(level)[marked], minlength=self._batch.count) > 0

    def _graph(self, level: Level) -> Tensor:
        """Return the graph of every row."""
        graph, edges = self._batch.graph, self._batch.edges
        assert graph is not None and edges is not None  # they are for graphs
        return graph[edges[0]] if level == "edge" else graph

    @cached_property
    def _of_nodes(self) -> _Order:
        graph = self._graph("node")
        return _Order(torch.arange(len(graph), device=graph.device), self._starts(graph))

    @cached_property
    def _of_edges(self) -> _Order:
        graph, order = torch.sort(self._graph("edge"), stable=True)
        return _Order(order, self._starts(graph))

    def _starts(self, graph: Tensor) -> Tensor:
        return torch.searchsorted(graph, torch.arange(self._batch.count, device=graph.device))
