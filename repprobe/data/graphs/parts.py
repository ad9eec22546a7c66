"""Parts whose inputs are graphs: many graphs one after the other, or the nodes of a single one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from repprobe.data.graphs.graphs import Graphs
from repprobe.data.labels import Labels

Integers = NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class GraphPart:
    """G graphs in memory, laid out compactly; a batch is put together when it is asked for.

    Attributes
    ----------
    x : (N, F) uint8 or float32, the features of all graphs' nodes.
    starts : int64 (G + 1,); graph g has the nodes starts[g]…starts[g + 1] − 1.
    edges : integers (2, E), source and target of each edge, numbered from 0 within their graph.
    edge_starts : int64 (G + 1,), the same for the edges.
    labels : classes (G,), or targets (G,) or (G, t).
    mirrored : whether an edge stands there once for both of its directions.
    edge_features : float32 (E, D), or None.
    """

    x: NDArray[np.uint8] | NDArray[np.float32]
    starts: NDArray[np.int64]
    edges: Integers
    edge_starts: NDArray[np.int64]
    labels: Labels
    mirrored: bool = False
    edge_features: NDArray[np.float32] | None = None
    whole: ClassVar[bool] = False

    def __len__(self) -> int:
        return len(self.labels)

    def inputs(self, indices: NDArray[np.int64]) -> Graphs:
        nodes, graph = spans(self.starts, indices)
        chosen, owner = spans(self.edge_starts, indices)
        sizes = self.starts[indices + 1] - self.starts[indices]
        shift = (np.cumsum(sizes) - sizes)[owner]
        edges = np.stack([row[chosen] + shift for row in self.edges])
        features = None if self.edge_features is None else self.edge_features[chosen]
        if self.mirrored:
            edges = both_ways(edges)
            features = None if features is None else features.repeat(2, axis=0)
        x = self.x[nodes].astype(np.float32, copy=False)
        return Graphs(x, edges, graph, len(indices), edge_features=features)

    def arrays(self) -> list[NDArray[Any]]:
        """Return everything that makes up the part."""
        features = [] if self.edge_features is None else [self.edge_features]
        return [self.x, self.starts, self.edges, self.edge_starts, self.labels, *features]


@dataclass(frozen=True, eq=False)
class NodePart:
    """Some nodes of one graph; every batch of them comes with the whole graph.

    Attributes
    ----------
    x : float32 (N, F), the features of all nodes.
    edges : int64 (2, E), source and target of each edge.
    nodes : int64 (n,), the nodes that are the part's examples.
    labels : classes (n,), or targets (n,) or (n, t), of these nodes.
    edge_features : float32 (E, D), or None.
    whole : true: a batch costs as much as all of the part.
    """

    x: NDArray[np.float32]
    edges: NDArray[np.int64]
    nodes: NDArray[np.int64]
    labels: Labels
    edge_features: NDArray[np.float32] | None = None
    whole: ClassVar[bool] = True

    def __len__(self) -> int:
        return len(self.labels)

    def inputs(self, indices: NDArray[np.int64]) -> Graphs:
        nodes = self.nodes[indices]
        graph = np.zeros(len(self.x), np.int64)
        return Graphs(self.x, self.edges, graph, len(nodes), nodes, self.edge_features)


def both_ways(edges: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return each edge (2, E), followed by the same one the other way round (2, 2E)."""
    found = np.empty((2, edges.shape[1], 2), np.int64)
    found[:, :, 0], found[:, :, 1] = edges, edges[::-1]
    return found.reshape(2, -1)


def starts_of(counts: Integers) -> NDArray[np.int64]:
    """Return where each of several runs of these lengths starts, and where the last one ends."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])


def spans(
    starts: NDArray[np.int64], chosen: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the places starts[c]…starts[c + 1] − 1 of each chosen c, and the rank of their c."""
    counts = starts[chosen + 1] - starts[chosen]
    ends = np.cumsum(counts)
    owner = np.repeat(np.arange(len(chosen)), counts)
    places = np.arange(int(counts.sum())) + (starts[chosen] - ends + counts)[owner]
    return places, owner
