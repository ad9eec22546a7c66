"""Runs a few examples through the network and writes down every call, in order."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from torch import nn

from repprobe.capture.examples import without_last
from repprobe.capture.guard import undisturbed
from repprobe.capture.layer import Layer, Trace
from repprobe.capture.layout import layout
from repprobe.capture.levels import level_of
from repprobe.capture.own_pooling import own_pooling
from repprobe.capture.refusal import TakesIntegersError
from repprobe.capture.run import Run
from repprobe.capture.unwrap import is_container, unwrap
from repprobe.feeding import Fed

EXAMPLES = 3
"""Inputs that a trace needs at least; all but the last give the values."""

TOLERANCE = 1e-4
"""Difference between two passes, relative to the largest value, that counts as one."""


def trace(module: nn.Module, inputs: Fed, seed: int = 0) -> Trace:
    """Run the network on a few examples and report its calls and layers.

    Three short passes: one for the values, one with one example more to tell the axis that
    counts examples, nodes or edges from the others, and the first once again to see whether it
    gives the same.

    Parameters
    ----------
    inputs : three examples, or the graphs of `examples.few`, on the network's device.

    Raises
    ------
    CaptureError
        The network cannot be run on these inputs.
    """
    root = unwrap(module)
    with undisturbed(root, seed):
        integers, fewer = False, without_last(inputs)
        try:
            first = Run(root, fewer)
        except TakesIntegersError:
            integers, inputs = True, inputs.with_x(inputs.x.long())
            fewer = without_last(inputs)
            first = Run(root, fewer)
        more = Run(root, inputs, look="shape")
        again = Run(root, fewer, look="sample")
        notes = tuple(_differences(first, again))
        _settle(first, more)
        _find_pooling(first, fewer)
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
    """Find the axis of every layer that counts its rows by comparing passes over more and less.

    With n and n + 1 examples, and numbers of nodes and edges that differ from these and from
    each other, an axis tells by its sizes in both passes what it counts.
    """
    others = more.layers
    graphs = "node" in first.rows

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
        level = level_of((layer.shape[axis], other.shape[axis]), first.rows, more.rows)
        if not axes:
            reason, shape = "no axis counts the examples", layer.shape
        elif len(axes) > 1:
            reason = "several axes change with the batch"
        elif level is None and graphs:
            reason = "one axis counts neither examples, nodes nor edges"
        elif level is None:
            reason = "one axis holds examples and positions together"
        elif level == "edge" and "example" not in first.rows:
            reason = "it is about edges, and the examples are nodes"
        kind = layout(shape, first.told[layer.side, layer.name])
        return replace(
            layer,
            shape=shape,
            batch_axis=axis,
            # of a node, axes are its channels, not positions
            layout="vector" if level in ("node", "edge") else kind,
            reason=reason,
            level=level or "example",
        )

    for call in first.root.walk():
        call.layers = [settled(layer) for layer in call.layers]
        call.given = settled(call.given) if call.given else None
    shape = first.source.shape[1:]
    first.source = replace(
        first.source,
        shape=shape,
        layout="vector" if graphs else layout(shape, first.told["output", "input"]),
        reason="",
        level="node" if graphs else "example",
    )


def _find_pooling(run: Run, batch: Fed) -> None:
    """Note at layers of nodes and edges how the network pools them."""
    if not run.values:
        return
    layers = [run.source, *run.layers.values()]
    found = own_pooling(layers, run.values, batch)
    latest = next(reversed(found.values()), None)

    def told(layer: Layer) -> Layer:
        if layer.level == "example":
            return layer
        return replace(layer, own_pooling=found.get(layer.digest, latest))

    for call in run.root.walk():
        call.layers = [told(layer) for layer in call.layers]
        call.given = told(call.given) if call.given else None
    run.source = told(run.source)
    run.values.clear()


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
