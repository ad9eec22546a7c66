"""Runs a few examples through the network and writes down every call, in order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from torch import Tensor, nn

from repprobe.capture.guard import undisturbed
from repprobe.capture.layer import Layer, Trace
from repprobe.capture.layout import layout
from repprobe.capture.run import Run, TakesIntegersError
from repprobe.capture.unwrap import is_container, unwrap

EXAMPLES = 3
"""Inputs that a trace needs; all but the last give the values."""

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
            first = Run(root, inputs[:-1])
        except TakesIntegersError:
            integers, inputs = True, inputs.long()
            first = Run(root, inputs[:-1])
        more = Run(root, inputs, look="shape")
        again = Run(root, inputs[:-1], look="sample")
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


def _settle(first: Run, more: Run) -> None:
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


def _differences(first: Run, again: Run) -> Iterator[str]:
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
        if key not in first.samples:  # no tensor
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
