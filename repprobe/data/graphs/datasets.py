"""The paper's graph tasks as torch-geometric data sets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import torch
from torch_geometric.data import Data, InMemoryDataset

from repprobe.data.graphs.parts import both_ways
from repprobe.data.graphs.tasks import GRAPHS, Split, task_part


class _Task(InMemoryDataset):  # type: ignore[misc]
    task: ClassVar[str]

    def __init__(
        self,
        split: Split = "train",
        graphs: int = GRAPHS,
        seed: int = 0,
        transform: Callable[[Data], Any] | None = None,
    ) -> None:
        super().__init__(None, transform)
        part, degrees = task_part(self.task, split, graphs, seed)
        one_each = torch.arange(len(part) + 1)
        self.data = Data(
            x=torch.from_numpy(part.x.astype(np.float32)),
            edge_index=torch.from_numpy(both_ways(part.edges.astype(np.int64))),
            y=torch.from_numpy(part.labels.astype(np.float32)),
            maximum_degree=torch.from_numpy(degrees.astype(np.float32)),
        )
        self.slices = {
            "x": torch.from_numpy(part.starts),
            "edge_index": torch.from_numpy(2 * part.edge_starts),
            "y": one_each,
            "maximum_degree": one_each,
        }


class MaximumDegree(_Task):
    """Connected Erdős–Rényi graphs whose target `y` is their maximum degree.

    The node feature is a uniform integer, 1…100, which tells nothing of the target (arXiv
    2012.12896, section 4).

    Parameters
    ----------
    split : "train" and "validation" have graphs of 20–39 nodes, "test" of 50–69.
    graphs : number of training graphs; a fifth as many are for validation, as many for the test.
    seed : of the graphs; `load_data("max-degree")` has those of seed 0.
    transform : what torch-geometric applies to each graph when it is asked for.
    """

    task = "max-degree"


class MaximumFeature(_Task):
    """The same graphs whose target `y` is their largest node feature.

    Features are uniform integers, 1…M − 1, with M uniform on 20…100 for each graph;
    `maximum_degree` is the label that instance-dependent noise puts in place of `y`. Arguments
    are those of `MaximumDegree`.
    """

    task = "max-feature"
