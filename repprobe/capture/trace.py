"""Runs a few examples through the network and writes down every call, in order."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from repprobe.capture.guard import undisturbed
from repprobe.capture.layer import Call, Layer, Side, Trace, member_name
from repprobe.capture.layout import Channels, channels, layout
from repprobe.capture.members import Way, given, members
from repprobe.capture.unwrap import is_container, named_modules, unwrap
from repprobe.errors import CaptureError

EXAMPLES = 3
"""Inputs that a trace needs; all but the last give the values."""

SAMPLE = 4096
"""Values of a layer that are kept to compare two passes."""

TOLERANCE = 1e-4
"""Difference between two passes, relative to the largest value, that counts as one."""


def trace(module: nn.Module, inputs: Tensor, seed: int = 0) -> Trace:
    """Run the network on a few examples and report its calls and layers.

    Three short passes: one for the values, one with one example more to tell the batch axis
    from the others, and the first once again to see whether it gives the same.

    Parameters
    ----------
    inputs : tensor (3, …) on the network's device.

    Raises
    ------
    CaptureError
        The network cannot be run on these inputs.
    """
    root = unwrap(module)
    with undisturbed(root, seed):
        integers = False
        try:
            first = _Run(root, inputs[:-1])
        except _TakesIntegersError:
            integers, inputs = True, inputs.long()
            first = _Run(root, inputs[:-1])
        more = _Run(root, inputs)
        again = _Run(root, inputs[:-1])
    notes = tuple(_differences(first, again))
    _settle(first, more)
    called = {call.module for call in first.root.walk()}
    containers = frozenset(name for name, m in first.modules.items() if is_container(m))
    return Trace(
        root=first.root,
        source=first.source,
        unit_ends=tuple(unit.end for unit in first.root.units),
        containers=containers,
        uncalled={
            name: type(m).__name__
            for name, m in first.modules.items()
            if name not in called | containers
        },
        parameters=frozenset(name for name, _ in (*root.named_parameters(), *root.named_buffers())),
        integer_inputs=integers,
        notes=notes,
    )


class _TakesIntegersError(Exception):
    """The network looks its inputs up in an embedding: they are whole numbers."""


class _Run:
    """One pass with hooks on every module; its layers have their whole tensor's shape."""

    def __init__(self, root: nn.Module, inputs: Tensor) -> None:
        self.modules = named_modules(root)
        self.samples: dict[tuple[Side, str], NDArray[np.float32]] = {}
        self.told: dict[tuple[Side, str], Channels | None] = {}
        self._names = {id(m): name for name, m in self.modules.items()}
        self._numbers: Counter[str] = Counter()
        self._open: list[Call] = []
        self._roots: list[Call] = []
        self._latest: Channels | None = None
        self._earliest: Channels | None = None
        self._clock = 0
        self.source = self._layer("output", "input", inputs, None, ())
        handles = []
        try:
            for m in self.modules.values():
                handles.append(m.register_forward_pre_hook(self._enter, with_kwargs=True))
                handles.append(m.register_forward_hook(self._leave))
            root(inputs)
        except Exception as error:
            raise self._explained(error, inputs) from None
        finally:
            for handle in handles:
                handle.remove()
        self.root = self._roots[0]
        # what reads the input tells how it is laid out, e.g. a Conv1d or a Linear
        self.told["output", "input"] = self._earliest and self._earliest._replace(number=None)

    @property
    def layers(self) -> dict[tuple[Side, str], Layer]:
        """Every layer of the pass, in the order of execution."""
        found = [
            layer for call in self.root.walk() for layer in (call.given, *call.layers) if layer
        ]
        return {(la.side, la.name): la for la in sorted(found, key=lambda la: la.order)}

    def _enter(self, module: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        name = self._names[id(module)]
        call = Call(
            module=name,
            kind=type(module).__name__,
            number=self._numbers[name],
            start=self._tick(),
            weighted=_is_weighted(module, recurse=False),
            container=is_container(module),
            parent=self._open[-1] if self._open else None,
        )
        self._numbers[name] += 1
        tensor = given(args, kwargs)
        if tensor is not None:
            call.given = self._layer("input", f"{call.name}.input", tensor, call, ())
        siblings = call.parent.children if call.parent else self._roots
        siblings.append(call)
        self._open.append(call)

    def _leave(self, module: nn.Module, args: tuple[Any, ...], output: Any) -> None:
        name = self._names[id(module)]
        call = self._open.pop()
        while call.module != name:  # it ended in an exception that the network caught
            call = self._open.pop()
        call.end = self._tick()
        if call.is_leaf:
            # its parts, if it has any, work without being called (attention)
            call.weighted = _is_weighted(module, recurse=True)
            told = channels(module)
            self._earliest = self._earliest or told
            self._latest = told or self._latest
        call.layers = [
            self._layer("output", member_name(call.name, way), tensor, call, way)
            for way, tensor in members(output)
        ] or [_nothing(call, output)]

    def _layer(self, side: Side, name: str, tensor: Tensor, call: Call | None, way: Way) -> Layer:
        sample, digest, reason = _look(tensor)
        self.samples[side, name] = sample
        self.told[side, name] = self._latest
        return Layer(
            name=name,
            module=call.module if call else "",
            call=call.number if call else 0,
            member=way,
            side=side,
            kind=call.kind if call else "",
            shape=() if tensor.is_nested else tuple(tensor.shape),
            dtype=str(tensor.dtype).removeprefix("torch."),
            layout="vector",
            batch_axis=0,
            order=self._clock,
            digest=digest,
            reason=reason,
        )

    def _tick(self) -> int:
        self._clock += 1
        return self._clock

    def _explained(self, error: Exception, inputs: Tensor) -> Exception:
        """Say in one line why the network stopped; the innermost open call is where."""
        shape = tuple(inputs.shape[1:])
        if not self._open:
            return CaptureError(
                f"the network cannot be run on inputs of shape {shape}: {first_line(error)}"
            )
        call = self._open[-1]
        module = self.modules[call.module]
        got = call.given.shape if call.given else ()
        if isinstance(module, nn.Embedding | nn.EmbeddingBag) and inputs.is_floating_point():
            return (
                _TakesIntegersError()
                if torch.equal(inputs, inputs.round())
                else CaptureError(
                    f"the network takes whole numbers (layer '{call.name}' looks them up), the "
                    "inputs have fractions; use --preprocess none."
                )
            )
        takes = getattr(module, "in_channels", None)
        if takes is not None and got == tuple(inputs.shape) and len(got) > 1 and takes != got[1]:
            return CaptureError(f"the network takes {takes} channels, the data have {got[1]}.")
        takes = getattr(module, "in_features", None)
        if takes is not None and got and takes != got[-1]:
            return CaptureError(
                f"the network is not for inputs of shape {shape}: its layer '{call.name}' takes "
                f"{takes} features and gets {got[-1]}."
            )
        where = f" (in layer '{call.name}')" if call.module else ""
        return CaptureError(
            f"the network cannot be run on inputs of shape {shape}: {first_line(error)}{where}"
        )


def _is_weighted(module: nn.Module, recurse: bool) -> bool:
    """Whether a module holds a weight of two or more axes and is no normalization."""
    if re.search(r"norm(\dd)?$", type(module).__name__.lower()):
        return False
    own = dict(module.named_parameters(recurse=recurse))
    parametrized = getattr(module, "parametrizations", None)
    if parametrized is not None:
        own.update(parametrized.named_parameters())
    return any(p.ndim >= 2 for p in own.values())


def _look(tensor: Tensor) -> tuple[NDArray[np.float32], str, str]:
    """Return a sample of the values, their digest, and why they cannot be probed."""
    nothing = np.zeros(0, np.float32)
    if tensor.is_nested or tensor.layout != torch.strided or tensor.is_quantized:
        return nothing, "", "a nested, sparse or quantized tensor"
    reason = ""
    if not tensor.is_floating_point():
        reason = f"{str(tensor.dtype).removeprefix('torch.')} values, not floating point"
    elif tensor.numel() == 0:
        reason = "empty"
    values = (tensor.float() if tensor.is_floating_point() else tensor).detach().cpu()
    flat = values.contiguous().numpy().ravel()
    step = max(1, flat.size // SAMPLE)
    sample = flat[::step].real.astype(np.float32)
    return sample, hashlib.blake2b(flat.tobytes(), digest_size=16).hexdigest(), reason


def _nothing(call: Call, output: Any) -> Layer:
    reason = "puts out nothing" if output is None else f"puts out a {type(output).__name__}"
    return Layer(
        name=call.name,
        module=call.module,
        call=call.number,
        member=(),
        side="output",
        kind=call.kind,
        shape=(),
        dtype="",
        layout="vector",
        batch_axis=0,
        order=call.end,
        digest="",
        reason=f"{reason}, no tensor",
    )


def _settle(first: _Run, more: _Run) -> None:
    """Find the batch axis of every layer by comparing passes over n and n + 1 examples."""
    others = more.layers

    def settled(layer: Layer) -> Layer:
        other = others.get((layer.side, layer.name))
        if layer.reason:
            return replace(layer, shape=layer.shape[1:])
        if other is None or len(other.shape) != len(layer.shape):
            return replace(layer, shape=layer.shape[1:], reason="its calls change with the batch")
        axes = [i for i, (a, b) in enumerate(zip(layer.shape, other.shape, strict=True)) if a != b]
        axis = axes[0] if axes else 0
        shape = (*layer.shape[:axis], *layer.shape[axis + 1 :])
        reason = ""
        if not axes:
            reason, shape = "no axis counts the examples", layer.shape
        elif len(axes) > 1:
            reason = "several axes change with the batch"
        elif (layer.shape[axis], other.shape[axis]) != (EXAMPLES - 1, EXAMPLES):
            reason = "one axis holds examples and positions together"
        kind = layout(shape, first.told[layer.side, layer.name])
        return replace(layer, shape=shape, batch_axis=axis, layout=kind, reason=reason)

    for call in first.root.walk():
        call.layers = [settled(layer) for layer in call.layers]
        call.given = settled(call.given) if call.given else None
    shape = first.source.shape[1:]
    first.source = replace(
        first.source, shape=shape, layout=layout(shape, first.told["output", "input"]), reason=""
    )


def _differences(first: _Run, again: _Run) -> Iterator[str]:
    """Say from which layer on two passes over the same examples differ, if they do."""
    others = again.layers
    for key, layer in first.layers.items():
        other = others.get(key)
        if other is None or other.shape != layer.shape:
            yield (
                "the network is not deterministic in evaluation mode: two passes over the same "
                f"examples differ in the calls, from layer '{layer.name}' on."
            )
            return
        if layer.digest == other.digest:
            continue
        a, b = first.samples[key], again.samples[key]
        with np.errstate(invalid="ignore"):
            gap = np.abs(a - b) > TOLERANCE * np.max(np.abs(a), initial=0.0, where=np.isfinite(a))
        if np.any(gap) or np.any(np.isfinite(a) != np.isfinite(b)):
            yield (
                "the network is not deterministic in evaluation mode: two passes over the same "
                f"examples differ from layer '{layer.name}' on."
            )
            return


def first_line(error: Exception) -> str:
    """Return the first line of what an exception says, or its class if it says nothing."""
    lines = str(error).strip().splitlines()
    return lines[0].strip() if lines else type(error).__name__
