"""How a batch reaches a network: raw inputs become tensors, and the network is called with them."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from repprobe.data.dataset import Raw
from repprobe.data.graphs.graphs import Graphs
from repprobe.errors import CaptureError

if TYPE_CHECKING:
    import torch
    from torch import Tensor, nn

    from repprobe.checkpoints.preprocessing import Preprocessing


@dataclass(frozen=True, eq=False)
class Fed:
    """A batch of examples as a network takes it.

    Attributes
    ----------
    x : the inputs (count, …); of graphs, the features of all nodes (N, F).
    count : number of examples.
    edges : int64 (2, E), or None where the inputs are no graphs.
    graph : int64 (N,), the graph each node belongs to.
    nodes : int64 (count,), the nodes that are the examples; None where whole graphs are.
    edge_features : (E, D), or None.
    """

    x: Tensor
    count: int
    edges: Tensor | None = None
    graph: Tensor | None = None
    nodes: Tensor | None = None
    edge_features: Tensor | None = None

    @classmethod
    def of(cls, raw: Raw, preprocessing: Preprocessing, unit: float) -> Fed:
        """Preprocess raw inputs; the tensors are float32 and int64, on the CPU, and copies."""
        if not isinstance(raw, Graphs):
            return cls(preprocessing.apply(raw, unit), len(raw))
        import torch

        def copied(values: NDArray[Any] | None) -> Tensor | None:
            return None if values is None else torch.from_numpy(np.array(values))

        return cls(
            preprocessing.apply(raw.x, unit),
            raw.count,
            copied(raw.edges),
            copied(raw.graph),
            copied(raw.nodes),
            copied(raw.edge_features),
        )

    def __len__(self) -> int:
        return self.count

    def to(self, device: torch.device | str, dtype: torch.dtype | None = None) -> Fed:
        """Move the tensors to a device; floating-point ones also to `dtype`, where given."""

        def moved(tensor: Tensor | None) -> Tensor | None:
            if tensor is None:
                return None
            return tensor.to(device, dtype if tensor.is_floating_point() else None)

        x = moved(self.x)
        assert x is not None
        rest = (self.edges, self.graph, self.nodes, self.edge_features)
        return Fed(x, self.count, *map(moved, rest))

    def with_x(self, x: Tensor) -> Fed:
        """Return the batch with other values."""
        return replace(self, x=x)

    def in_format(self, memory_format: torch.memory_format) -> Fed:
        """Return the batch with values that lie in memory in that order."""
        return self.with_x(self.x.contiguous(memory_format=memory_format))

    def run(self, module: nn.Module) -> Any:
        """Call a network with the batch, and return what it puts out.

        A network for graphs is given what its `forward` asks for by the names that
        torch-geometric uses: `x`, `edge_index`, `batch`, `edge_attr`, `edge_weight`,
        `batch_size`, `num_graphs`, `num_nodes`; or, if it requires one argument that is not `x`
        and takes no `edge_index`, a `torch_geometric.data.Batch`.

        Raises
        ------
        CaptureError
            The network for graphs requires something else.
        """
        if self.edges is None:
            return module(self.x)
        known = {
            "x": self.x,
            "edge_index": self.edges,
            "batch": self.graph,
            "edge_attr": self.edge_features,
            "edge_weight": None,
            "batch_size": self._graphs,
            "num_graphs": self._graphs,
            "num_nodes": len(self.x),
        }
        parameters = _parameters(module)
        required = [name for name, p in parameters.items() if p.default is p.empty]
        if len(required) == 1 and required[0] != "x" and "edge_index" not in parameters:
            return module(self._as_batch())
        missing = [name for name in required if name not in known]
        if missing:
            raise CaptureError(
                f"the network's forward asks for '{missing[0]}'; networks for graphs are given "
                f"{', '.join(known)}, or one torch_geometric Batch."
            )
        return module(**{name: known[name] for name in parameters if name in known})

    @property
    def _graphs(self) -> int:
        return self.count if self.nodes is None else 1

    def _as_batch(self) -> Any:
        from torch_geometric.data import Batch

        batch = Batch(batch=self.graph, x=self.x, edge_index=self.edges)
        if self.edge_features is not None:
            batch.edge_attr = self.edge_features
        batch._num_graphs = self._graphs
        return batch


def takes_graphs(module: nn.Module) -> bool:
    """Say whether a network's forward names what only graphs have."""
    return not _parameters(module).keys().isdisjoint(("edge_index", "batch", "data"))


def _parameters(module: nn.Module) -> dict[str, inspect.Parameter]:
    """Return the named parameters of a network's forward; wrappers that pass all on are opened."""
    variable = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    while True:
        found = inspect.signature(module.forward).parameters
        named = {k: p for k, p in found.items() if p.kind not in variable}
        inner = getattr(module, "module", None) or getattr(module, "_orig_mod", None)
        if named or inner is None:
            return named
        module = inner
