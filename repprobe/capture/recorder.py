"""Hooks on the chosen layers: each activation is pooled at the moment it is put out."""

from __future__ import annotations

import contextlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from repprobe.capture.graph_pooling import Grouping
from repprobe.capture.guard import undisturbed
from repprobe.capture.layer import Layer, Level
from repprobe.capture.levels import row_counts
from repprobe.capture.members import given, member
from repprobe.capture.pooling import Pooler
from repprobe.capture.precision import Precision, uncast
from repprobe.capture.unwrap import named_modules, unwrap
from repprobe.feeding import Fed


class Recorder:
    """Collects the pooled activations of one batch at a time.

    Attributes
    ----------
    module : the network, out of its wrappers.
    features : layer name -> (b, width) float32 of the latest batch; no views of activations,
        so nothing that the network does later changes them.
    unseen : layer name -> number of examples of the latest batch in which NaN or infinity left
        no trace in the features.
    failed : layer name -> why it could not be recorded in some batch.
    """

    def __init__(
        self,
        module: nn.Module,
        layers: Mapping[Layer, Pooler],
        precision: Precision = Precision(),  # noqa: B008 - it cannot be changed
    ) -> None:
        self.features: dict[str, Tensor] = {}
        self.unseen: dict[str, int] = {}
        self.failed: dict[str, str] = {}
        self.module = unwrap(module)
        self._precision = precision
        self._modules = named_modules(self.module)
        self._poolers = dict(layers)
        self._calls: Counter[str] = Counter()
        self._begun: Counter[str] = Counter()
        self._outputs = _by_module(la for la in layers if la.side == "output")
        self._inputs = _by_module(la for la in layers if la.side == "input")
        self._rows: dict[Level, int] = {}
        self._grouping: Grouping | None = None

    @contextlib.contextmanager
    def attached(self, seed: int = 0) -> Iterator[Recorder]:
        """Attach the hooks and guard the network; both end with the block, come what may."""
        handles: list[RemovableHandle] = []
        with undisturbed(self.module, seed):
            try:
                for name in self._inputs:
                    hook = self._hook_before(name)
                    module = self._modules[name]
                    handles.append(module.register_forward_pre_hook(hook, with_kwargs=True))
                for name in self._outputs:
                    handles.append(self._modules[name].register_forward_hook(self._hook(name)))
                yield self
            finally:
                for handle in handles:
                    handle.remove()

    def run(self, batch: Fed) -> Any:
        """Run the network on a batch, fill `features`, and return what it put out."""
        self.forget()
        self._rows = row_counts(batch)
        self._grouping = Grouping(batch)
        with self._precision.applied(self.module):
            output = batch.run(self.module)
        for layer in self._poolers:
            if layer.name not in self.features:
                self.failed.setdefault(layer.name, "it is not called for every batch")
        return output

    def forget(self) -> None:
        """Let go of the latest batch, also of one that was broken off."""
        self.features, self.unseen = {}, {}
        self._grouping = None
        self._calls.clear()
        self._begun.clear()

    def _hook(self, name: str) -> Any:
        wanted = self._outputs[name]

        def hook(_module: nn.Module, _args: Any, output: Any) -> None:
            number = self._calls[name]
            self._calls[name] += 1
            for layer in wanted.get(number, ()):
                self._record(layer, member(output, layer.member))

        return hook

    def _hook_before(self, name: str) -> Any:
        wanted = self._inputs[name]

        def hook(_module: nn.Module, args: Any, kwargs: Any) -> None:
            number = self._begun[name]
            self._begun[name] += 1
            for layer in wanted.get(number, ()):
                self._record(layer, given(args, kwargs))

        return hook

    def _record(self, layer: Layer, activation: Tensor | None) -> None:
        if activation is None:
            self.failed.setdefault(layer.name, "it is not put out for every batch")
            return
        if layer.batch_axis:
            activation = activation.movedim(layer.batch_axis, 0)
        rows = self._rows.get(layer.level, 0)
        if tuple(activation.shape) != (rows, *layer.shape):
            self.failed.setdefault(
                layer.name,
                f"its shape changes between batches, from {layer.shape} per {layer.level} to "
                f"{tuple(activation.shape)} for {rows} {layer.level}s",
            )
            return
        pooler = self._poolers[layer]
        with uncast(activation.device):
            pooled = own(pooler(activation, self._grouping), activation)
        self.unseen[layer.name] = pooler.unseen(pooled, activation, self._grouping)
        self.features[layer.name] = pooled


def _by_module(layers: Iterator[Layer]) -> dict[str, dict[int, list[Layer]]]:
    grouped: dict[str, dict[int, list[Layer]]] = defaultdict(lambda: defaultdict(list))
    for layer in layers:
        grouped[layer.module][layer.call].append(layer)
    return grouped


def own(pooled: Tensor, activation: Tensor) -> Tensor:
    """Return the values in memory of their own, which the network does not write to."""
    shared = pooled.untyped_storage().data_ptr() == activation.untyped_storage().data_ptr()
    return pooled.clone() if shared else pooled
