"""One pass through the network with hooks on every module: its calls, and what they hold."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from repprobe.capture.layer import Call, Layer, Level, Side, member_name
from repprobe.capture.layout import Channels, channels
from repprobe.capture.levels import passes_messages, row_counts
from repprobe.capture.members import Way, given, members
from repprobe.capture.refusal import explained
from repprobe.capture.unwrap import is_container, named_modules
from repprobe.feeding import Fed

SAMPLE = 4096
"""Values of a layer that are kept to compare two passes."""


Look = Literal["digest", "sample", "shape"]
"""What a run writes down of the values: digests and samples, samples, or nothing."""


class Run:
    """One pass with hooks on every module; its layers have their whole tensor's shape.

    Parameters
    ----------
    look : what is written down of the values; digests of all take longer than the pass itself.

    Attributes
    ----------
    rows : how many rows the inputs have at each level.
    values : the tensors themselves, of a run with digests on graphs that are the examples.
    """

    def __init__(self, root: nn.Module, inputs: Fed, look: Look = "digest") -> None:
        self._look = look
        self.rows: dict[Level, int] = row_counts(inputs)
        self.values: dict[tuple[Side, str], Tensor] = {}
        self._keeps = look == "digest" and "example" in self.rows and "node" in self.rows
        self.modules = named_modules(root)
        self.samples: dict[tuple[Side, str], NDArray[np.float32]] = {}
        self.told: dict[tuple[Side, str], Channels | None] = {}
        self._names = {id(m): name for name, m in self.modules.items()}
        self._begun: Counter[str] = Counter()
        self._ended: Counter[str] = Counter()
        self._open: list[Call] = []
        self._roots: list[Call] = []
        self._latest: Channels | None = None
        self._earliest: Channels | None = None
        self._clock = 0
        self.source = self._layer("output", "input", inputs.x, None, ())
        handles = []
        try:
            for m in self.modules.values():
                handles.append(m.register_forward_pre_hook(self._enter, with_kwargs=True))
                handles.append(m.register_forward_hook(self._leave))
            inputs.run(root)
        except Exception as error:
            call = self._open[-1] if self._open else None
            raise explained(error, inputs, call, self.modules) from None
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
            number=self._begun[name],
            start=self._tick(),
            weighted=_is_weighted(module, recurse=False),
            container=is_container(module),
            passes_messages=passes_messages(module),
            parent=self._open[-1] if self._open else None,
        )
        self._begun[name] += 1
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
            outer = self._open.pop()
            outer.children.remove(call)
            for child in call.children:  # what ran after the exception was taken for its part
                child.parent = outer
                outer.children.append(child)
            call = outer
        # calls count in the order in which they end, as the recorder's hooks see them
        call.number = self._ended[name]
        self._ended[name] += 1
        call.end = self._tick()
        if call.is_leaf:
            # its parts, if it has any, work without being called (attention)
            call.weighted = _is_weighted(module, recurse=True)
            self._listen(module, call, output)
        call.layers = [
            self._layer("output", member_name(call.name, way), tensor, call, way)
            for way, tensor in members(output)
        ] or [_nothing(call, output)]

    def _listen(self, module: nn.Module, call: Call, output: Any) -> None:
        """Note what a leaf tells about channels; it knows only of tensors that have positions."""
        told = channels(module)
        if call.given is not None and len(call.given.shape) == len(self.source.shape):
            self._earliest = self._earliest or told
        if any(tensor.ndim > 2 for _, tensor in members(output)):
            self._latest = told or self._latest

    def _layer(self, side: Side, name: str, tensor: Tensor, call: Call | None, way: Way) -> Layer:
        sample, digest, reason = _seen(tensor, self._look)
        self.samples[side, name] = sample
        self.told[side, name] = self._latest
        if self._keeps and not reason:
            self.values[side, name] = tensor.detach().clone()
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


def _is_weighted(module: nn.Module, recurse: bool) -> bool:
    """Whether a module holds a weight of two or more axes and is no normalization."""
    if re.search(r"norm(\dd)?$", type(module).__name__.lower()):
        return False
    own = dict(module.named_parameters(recurse=recurse))
    parametrized = getattr(module, "parametrizations", None)
    if parametrized is not None:
        own.update(parametrized.named_parameters())
    return any(p.ndim >= 2 for p in own.values())


def _seen(tensor: Tensor, look: Look) -> tuple[NDArray[np.float32], str, str]:
    """Return a sample of the values, their digest, and why they cannot be probed."""
    sample = np.zeros(0, np.float32)
    if tensor.is_nested or tensor.layout != torch.strided or tensor.is_quantized:
        return sample, "", "a nested, sparse or quantized tensor"
    reason = digest = ""
    if not tensor.is_floating_point():
        reason = f"{str(tensor.dtype).removeprefix('torch.')} values, not floating point"
    elif tensor.numel() == 0:
        reason = "empty"
    if look != "shape":
        sample = _plain(_every(tensor, max(1, tensor.numel() // SAMPLE))).real.astype(np.float32)
    if look == "digest":
        digest = hashlib.blake2b(_plain(tensor).data, digest_size=16).hexdigest()
    return sample, digest, reason


def _every(tensor: Tensor, step: int) -> Tensor:
    """Return every so-many-th value, whatever their order in memory, without a copy of all."""
    if tensor.ndim == 0:
        return tensor
    places = torch.arange(0, tensor.numel(), step, device=tensor.device)
    return tensor[torch.unravel_index(places, tensor.shape)]


def _plain(tensor: Tensor) -> NDArray[Any]:
    values = tensor.float() if tensor.is_floating_point() else tensor
    return values.detach().cpu().contiguous().numpy().reshape(-1)


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
