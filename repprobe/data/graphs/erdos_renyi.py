"""Connected Erdős–Rényi graphs, many at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from repprobe.data.graphs.parts import spans, starts_of

MOST_NODES = 256
"""Nodes are stored in one byte."""

_BLOCK = 1024


def connected_graphs(
    nodes: NDArray[np.int64], p: NDArray[np.float64], generator: np.random.Generator
) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Draw G(n, p) for each graph, over and over until it is connected.

    Only the generator's `random` is used, whose stream is the same in every version of numpy.

    Parameters
    ----------
    nodes : (G,), n of each graph, 2…256.
    p : (G,), the probability of each edge of the graph.

    Returns
    -------
    edges, starts
        uint8 (2, E), the two ends of each undirected edge, numbered within the graph; and int64
        (G + 1,): graph g has the edges starts[g]…starts[g + 1] − 1.
    """
    later, earlier = np.tril_indices(int(nodes.max()), -1)
    ends = np.stack([earlier, later]).astype(np.uint8)
    waiting = np.arange(len(nodes))
    found = []
    while len(waiting):
        block, waiting = waiting[:_BLOCK], waiting[_BLOCK:]
        tried = np.repeat(block, max(1, _BLOCK // len(block)))
        pairs, starts = _draw(nodes[tried], p[tried], generator)
        connected = np.flatnonzero(_connected(ends[:, pairs], starts, nodes[tried]))
        graphs, first = np.unique(tried[connected], return_index=True)
        places, _ = spans(starts, connected[first])
        kept = connected[first]
        found.append((graphs, starts[kept + 1] - starts[kept], pairs[places]))
        waiting = np.concatenate([waiting, np.setdiff1d(block, graphs)])
    counts = np.zeros(len(nodes), np.int64)
    for graphs, sizes, _ in found:
        counts[graphs] = sizes
    starts = starts_of(counts)
    edges = np.empty((2, int(starts[-1])), np.uint8)
    for graphs, _, pairs in found:
        places, _ = spans(starts, graphs)
        edges[:, places] = ends[:, pairs]
    return edges, starts


def maximum_degrees(
    edges: NDArray[np.uint8], edge_starts: NDArray[np.int64], starts: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Return the largest number of neighbours in each graph."""
    first = np.repeat(starts[:-1], np.diff(edge_starts))
    degrees = sum(np.bincount(first + row, minlength=int(starts[-1])) for row in edges)
    return np.maximum.reduceat(np.asarray(degrees, np.int64), starts[:-1])


def _draw(
    nodes: NDArray[np.int64], p: NDArray[np.float64], generator: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the pairs of nodes that are edges, numbered within each graph, and where it starts."""
    sizes = nodes * (nodes - 1) // 2
    first = starts_of(sizes)
    hits = np.flatnonzero(generator.random(int(first[-1])) < np.repeat(p, sizes))
    starts = np.searchsorted(hits, first)
    return hits - np.repeat(first[:-1], np.diff(starts)), starts


def _connected(
    edges: NDArray[np.uint8], starts: NDArray[np.int64], nodes: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """Tell which graphs are connected: those whose nodes lie in one component of them all."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    first = starts_of(nodes)
    source, target = np.repeat(first[:-1], np.diff(starts)) + edges
    total = int(first[-1])
    matrix: Any = coo_array((np.ones(len(source), np.int8), (source, target)), (total, total))
    _, component = connected_components(matrix, directed=False)
    lowest, highest = (f.reduceat(component, first[:-1]) for f in (np.minimum, np.maximum))
    return np.asarray(lowest == highest)
