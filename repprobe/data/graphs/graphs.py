"""`Graphs`: raw inputs that are graphs, several of them as one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Graphs:
    """Several graphs whose nodes stand in a row; or one graph, of whose nodes some are examples.

    Attributes
    ----------
    x : float32 (N, F), the features of all nodes.
    edges : int64 (2, E), source and target of each edge, as rows of `x`; an undirected edge
        stands there twice.
    graph : int64 (N,), increasing: the graph 0, 1, … that each node belongs to.
    count : number of examples: of graphs, or of the nodes named below.
    nodes : int64 (count,), the rows of `x` that are the examples; None where graphs are.
    edge_features : float32 (E, D), or None.
    """

    x: NDArray[np.float32]
    edges: NDArray[np.int64]
    graph: NDArray[np.int64]
    count: int
    nodes: NDArray[np.int64] | None = None
    edge_features: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return self.count
