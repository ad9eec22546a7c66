"""`with_head`: a network whose answer is made by a linear head on one of its layers."""

from __future__ import annotations

import copy
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from repprobe.capture.choose import LIST_HINT, all_layers
from repprobe.capture.graph_pooling import Grouping
from repprobe.capture.members import given, member
from repprobe.capture.precision import uncast
from repprobe.capture.unwrap import named_modules, unwrap
from repprobe.checkpoints.architectures import CUT
from repprobe.errors import CaptureError, CheckpointError, UnknownNameError, UsageError
from repprobe.feeding import Fed, takes_graphs
from repprobe.repair.cut import Cut
from repprobe.repair.drop_in import as_stored
from repprobe.repair.head import Head
from repprobe.repair.place import find_place, traced

if TYPE_CHECKING:
    from repprobe.capture.layer import Layer
    from repprobe.checkpoints.model import Model
    from repprobe.data.dataset import Data


class CutNetwork(nn.Module):
    """A network that is run up to a layer, its activation pooled as capture does, a linear head.

    The pass ends at the layer; what the network has after it is kept and not used.

    Parameters
    ----------
    base : the network, out of its wrappers.
    cut : where it ends.
    """

    def __init__(self, base: nn.Module, cut: Cut) -> None:
        super().__init__()
        self.base = base
        self.cut = cut
        self._pooler = cut.pooler()
        self.head = nn.Linear(self._pooler.width, cut.outputs)

    def forward(self, x: Tensor) -> Tensor:
        """Map inputs (b, …) to scores (b, C)."""
        return self._scores(Fed(x, x.shape[0]))

    def _scores(self, batch: Fed) -> Tensor:
        activation = self._activation(batch)
        if self.cut.layer.batch_axis:
            activation = activation.movedim(self.cut.layer.batch_axis, 0)
        with uncast(activation.device):
            pooled = self._pooler(activation, Grouping(batch))
            scores: Tensor = self.head(pooled.to(self.head.weight.dtype))
        return scores

    def _activation(self, batch: Fed) -> Tensor:
        """Run the network to the cut, and return what the layer put out or was given."""
        layer, calls = self.cut.layer, count()
        found: list[Tensor] = []

        def take(tensor: Tensor | None) -> None:
            if next(calls) != layer.call or tensor is None:
                return
            if torch.compiler.is_compiling():  # a program is traced in whole calls
                found.append(tensor.clone())
                return
            found.append(tensor)
            raise _Reached(self)

        def before(_module: nn.Module, args: Any, kwargs: Any) -> None:
            take(given(args, kwargs))

        def after(_module: nn.Module, _args: Any, output: Any) -> None:
            take(member(output, layer.member))

        module = named_modules(self.base)[layer.module]
        # hooked for this pass alone, so that hooks of others have seen the layer before it ends
        handle = (
            module.register_forward_pre_hook(before, with_kwargs=True)
            if layer.side == "input"
            else module.register_forward_hook(after)
        )
        try:
            batch.run(self.base)
        except _Reached as reached:
            if reached.network is not self:
                raise
        finally:
            handle.remove()
        if not found:
            raise CaptureError(f"the network was cut at '{layer.name}', which it did not reach.")
        return found[0]


class CutGraphNetwork(CutNetwork):
    """The same of a network for graphs."""

    def forward(  # type: ignore[override]
        self,
        x: Tensor,
        edge_index: Tensor,
        batch: Tensor,
        edge_attr: Tensor | None = None,
        batch_size: int | None = None,
    ) -> Tensor:
        """Map the nodes (N, F) of B graphs to scores (B, C); (N, C) where nodes are the examples.

        The arguments are those of torch-geometric: edges int64 (2, E), each node's graph int64
        (N,), features of the edges (E, D), and B.
        """
        if self.cut.nodes:
            every = torch.arange(len(x), device=x.device)
            return self._scores(Fed(x, len(x), edge_index, batch, every, edge_attr))
        graphs = int(batch.max()) + 1 if batch_size is None else batch_size
        return self._scores(Fed(x, graphs, edge_index, batch, None, edge_attr))


class _Reached(Exception):
    """Ends a pass at the cut."""

    def __init__(self, network: CutNetwork) -> None:
        super().__init__()
        self.network = network


def with_head(model: Model, data: Data, head: Head) -> Model:
    """Return a model with the head on its layer in place of what comes after it.

    Where the layer is the last hidden representation and the head fits the linear layer after it
    (see `head_place`), the new network has the form of the old one, and its weights are rounded
    to the types that the file has. Elsewhere it is a `CutNetwork`. The model that was handed over
    stays as it is.

    Parameters
    ----------
    data : the data that the network is for, on which it is traced.

    Raises
    ------
    UnknownNameError
        The network has no such layer.
    UsageError
        The head is for features of another width.
    CaptureError
        The layer cannot be recorded, or the network cannot be run on the data.
    """
    run, few = traced(model, data)
    layer = _named(all_layers(run), head.layer)
    cut = Cut(layer, head.pooling, few.nodes is not None, len(head.bias))
    width = cut.pooler().width
    if head.weight.shape != (cut.outputs, width):
        raise UsageError(
            f"the head is for {head.weight.shape[1]} features, and '{layer.name}' has {width}."
        )
    place = find_place(model.module, run, few, data.task)
    module = copy.deepcopy(model.module)
    if place is not None and place.layer == layer.name and _is_plain(cut):
        linear = named_modules(unwrap(module))[place.module]
        assert isinstance(linear, nn.Linear)
        if linear.weight.shape == head.weight.shape:
            _put(head, linear)
            return as_stored(replace(model, module=module, sha256=""))
    network = (CutNetwork if few.edges is None else CutGraphNetwork)(unwrap(module), cut)
    _put(head, network.head)
    return replace(
        model,
        module=network.eval(),
        architecture=CUT + model.architecture,
        arguments={"base": dict(model.arguments), "cut": cut.entry()},
        sha256="",
        entry=None,
    )


def cut_network(base: nn.Module, entry: Any) -> CutNetwork:
    """Build a network that was cut, from the plain values of its cut; the head is fresh.

    Raises CheckpointError where they are not those of a cut, or not of this network.
    """
    cut = Cut.read(entry)
    if cut.layer.module not in named_modules(base):
        raise CheckpointError(
            f"the checkpoint was cut at '{cut.layer.name}', and its network has no such layer."
        )
    of_graphs = cut.nodes or cut.layer.level != "example" or takes_graphs(base)
    return (CutGraphNetwork if of_graphs else CutNetwork)(base, cut)


def _named(layers: list[Layer], name: str) -> Layer:
    layer = next((la for la in layers if la.name == name), None)
    if layer is None:
        raise UnknownNameError.near("layer", name, [la.name for la in layers], LIST_HINT)
    if layer.reason:
        raise CaptureError(f"the network cannot be cut at '{name}': {layer.reason}.")
    return layer


def _is_plain(cut: Cut) -> bool:
    """Whether pooling leaves the values as they are, in their order."""
    values = torch.arange(cut.layer.values, dtype=torch.float32)
    pooled = cut.pooling.plan(cut.layer.shape, cut.layer.layout)(values.view(1, *cut.layer.shape))
    return torch.equal(pooled[0], values)


def _put(head: Head, linear: nn.Linear) -> None:
    with torch.no_grad():
        linear.weight.copy_(torch.from_numpy(head.weight))
        assert linear.bias is not None
        linear.bias.copy_(torch.from_numpy(head.bias))
