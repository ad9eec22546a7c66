"""The few examples that a network is traced with, and how large examples are."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from repprobe.data.graphs.graphs import Graphs

if TYPE_CHECKING:
    from repprobe.capture.levels import Rows
    from repprobe.data.dataset import Part, Raw
    from repprobe.feeding import Fed

MOST_GRAPHS = 12
"""Graphs that are taken at most, to tell their number, their nodes and their edges apart."""

MOST_NODES = 48
"""Nodes of a single graph that are taken at most."""

SAMPLE = 32
"""Graphs of each part that tell how large the others are."""


def few(part: Part, rows: NDArray[np.int64], count: int) -> Raw:
    """Return `count` raw inputs of a part, the first over again if there are fewer rows.

    Of graphs there may be more: as many as it takes for graphs, nodes and edges to differ in
    number, with the last graph and without it. Of one graph whose nodes are the examples, it is
    a small part, in which every node is one.
    """
    raw = part.inputs(rows[:count])
    if not isinstance(raw, Graphs):
        return raw[np.arange(count) % min(count, len(rows))]
    if raw.nodes is not None:
        return _neighbourhood(raw)
    for number in range(count, MOST_GRAPHS + 1):
        graphs = part.inputs(rows[np.arange(number) % len(rows)])
        assert isinstance(graphs, Graphs)
        if _tells(graphs):
            break
    return graphs


def without_last(batch: Fed) -> Fed:
    """Return a batch of the trace without its last example, or the last third of its nodes."""
    if batch.edges is None:
        return type(batch)(batch.x[:-1], batch.count - 1)
    assert batch.graph is not None
    kept = _kept(len(batch.x))
    if batch.nodes is None:
        kept = int((batch.graph < batch.count - 1).sum())
    inside = (batch.edges < kept).all(0)
    features = batch.edge_features
    return type(batch)(
        batch.x[:kept],
        kept if batch.nodes is not None else batch.count - 1,
        batch.edges[:, inside],
        batch.graph[:kept],
        None if batch.nodes is None else batch.nodes[:kept],
        None if features is None else features[inside],
    )


def rows_per_example(parts: list[tuple[Part, NDArray[np.int64]]]) -> Rows:
    """Return how many nodes and edges a graph has, in the part where they are more.

    It is the mean over a sample. Where nodes are the examples, those of the larger part share
    the whole graph among them.
    """
    nodes = edges = 0.0
    for part, rows in parts:
        picked = np.unique(np.linspace(0, len(rows) - 1, SAMPLE).astype(np.int64))
        raw = part.inputs(rows[picked])
        assert isinstance(raw, Graphs)
        count = raw.count if raw.nodes is None else max(len(r) for _, r in parts)
        nodes = max(nodes, len(raw.x) / count)
        edges = max(edges, raw.edges.shape[1] / count)
    return {"example": 1, "node": nodes, "edge": edges}


def _tells(graphs: Graphs) -> bool:
    """Whether graphs, nodes and edges differ in number, and the last graph adds to each."""
    before = graphs.graph < graphs.count - 1
    nodes, edges = int(before.sum()), int(before[graphs.edges[0]].sum())
    return (
        nodes < len(graphs.x)
        and edges < graphs.edges.shape[1]
        and len({graphs.count - 1, nodes, edges}) == 3
        and len({graphs.count, len(graphs.x), graphs.edges.shape[1]}) == 3
    )


def _neighbourhood(graphs: Graphs) -> Graphs:
    """Return the subgraph on the first nodes that edges lead to, as a graph of its own."""
    reached, first = np.unique(graphs.edges.T, return_index=True)
    order = reached[np.argsort(first)]
    rest = np.setdiff1d(np.arange(len(graphs.x)), reached)
    order = np.concatenate([order, rest])[:MOST_NODES]
    for number in range(len(order), 2, -1):
        graph = _induced(graphs, order[:number])
        kept = _kept(number)
        inside = int((graph.edges < kept).all(0).sum())
        if number != graph.edges.shape[1] and kept != inside < graph.edges.shape[1]:
            return graph
    return _induced(graphs, order)


def _induced(graphs: Graphs, nodes: NDArray[np.int64]) -> Graphs:
    place = np.full(len(graphs.x), -1)
    place[nodes] = np.arange(len(nodes))
    edges = place[graphs.edges]
    inside = (edges >= 0).all(0)
    features = graphs.edge_features
    return Graphs(
        graphs.x[nodes],
        edges[:, inside],
        np.zeros(len(nodes), np.int64),
        len(nodes),
        np.arange(len(nodes)),
        None if features is None else features[inside],
    )


def _kept(nodes: int) -> int:
    """Return how many nodes of a subgraph the smaller pass of a trace has."""
    return nodes - max(1, nodes // 3)
