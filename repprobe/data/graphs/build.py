"""From the arrays of a file to a checked part of graphs."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from repprobe.data.graphs.parts import GraphPart, starts_of
from repprobe.data.labels import Labels
from repprobe.errors import DataError

Features = NDArray[np.uint8] | NDArray[np.float32]


def build_graphs(
    x: Features,
    edges: NDArray[np.int64],
    graph: NDArray[np.int64],
    labels: Labels,
    edge_features: NDArray[np.float32] | None,
    origin: str,
) -> GraphPart:
    """Lay graphs out one after the other, edges numbered within each.

    Parameters
    ----------
    x : (N, F), the features of all nodes.
    edges : (2, E), source and target of each edge as rows of `x`, in any order.
    graph : (N,), the graph 0…G − 1 of each node, in increasing order.
    labels : (G,) or (G, t).
    edge_features : (E, D) or None.
    origin : names the file in messages.

    Raises
    ------
    DataError
        The nodes' graphs are out of order or leave one out, their number is not that of the
        labels, or an edge joins two graphs.
    """
    if len(graph) != len(x):
        raise DataError(f"{origin} has features of {len(x)} nodes, but the graphs of {len(graph)}.")
    ranks = np.unique(graph, return_inverse=True)[1]
    back = np.diff(graph, prepend=graph[:1]) < 0
    if (wrong := np.flatnonzero(back | (graph != ranks))).size or not len(graph):
        where = f"node {wrong[0]} is in graph {graph[wrong[0]]}" if wrong.size else "it has no node"
        raise DataError(
            f"the graphs of {origin} do not count up from 0 ({where}); sort the nodes by graph and "
            "leave none empty."
        )
    count = int(graph[-1]) + 1
    if count != len(labels):
        raise DataError(f"{origin} has {count} graphs but {len(labels)} labels.")
    check_edges(edges, len(x), origin)
    source, target = graph[edges]
    if (wrong := np.flatnonzero(source != target)).size:
        raise DataError(
            f"edge {wrong[0]} of {origin} joins a node of graph {source[wrong[0]]} with one of "
            f"graph {target[wrong[0]]}."
        )
    if (np.diff(source) < 0).any():
        order = np.argsort(source, kind="stable")
        edges, source = edges[:, order], source[order]
        edge_features = None if edge_features is None else edge_features[order]
    starts = starts_of(np.bincount(graph))
    local = (edges - starts[source]).astype(np.min_scalar_type(int(np.diff(starts).max()) - 1))
    edge_starts = starts_of(np.bincount(source, minlength=count))
    return GraphPart(x, starts, local, edge_starts, labels, edge_features=edge_features)


def check_edges(edges: NDArray[np.int64], nodes: int, origin: str) -> None:
    """Raise DataError unless every end of an edge is one of the nodes."""
    if (wrong := np.argwhere((edges < 0) | (edges >= nodes))).size:
        side, edge = wrong[0]
        raise DataError(
            f"edge {edge} of {origin} ends in node {edges[side, edge]}, but the {nodes} nodes are "
            f"0…{nodes - 1}."
        )


def as_features(values: NDArray[Any], origin: str) -> Features:
    """Return features as (n, F), bytes as they are and other numbers as float32.

    One number for each is a column. Raises DataError for another type or shape, and for NaN or
    infinity.
    """
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim != 2 or values.dtype.kind not in "biuf" or not values.shape[1]:
        raise DataError(
            f"{origin} are {values.dtype} of shape {values.shape}; need numbers of shape (n, F)."
        )
    if values.dtype == np.uint8:
        return values
    floats = values.astype(np.float32)
    if (bad := ~np.isfinite(floats).all(axis=1)).any():
        raise DataError(f"{origin} hold NaN or infinity at row {int(np.argmax(bad))}.")
    return floats
