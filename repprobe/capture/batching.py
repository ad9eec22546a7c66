"""How many examples go through the network at once."""

from __future__ import annotations

import math

import torch

from repprobe.capture.layer import Call, Layer, Trace
from repprobe.capture.levels import ONE_EACH, Rows

CPU_BATCH_BYTES, GPU_BATCH_BYTES = 16 << 20, 512 << 20
"""Bytes of a batch's largest activation; a processor should still find it in its cache."""

BATCH_SIZES = (8, 1024)
"""Smallest and largest batch that is chosen for speed."""

WORKSPACE = 2
"""Times the activations themselves that kernels and functional calls take beside them."""


def batch_size(trace: Trace, device: torch.device, rows: Rows = ONE_EACH) -> int:
    """Return the power of two at which the largest activation has the size that suits.

    `rows` says how many rows an example has at each level.
    """
    largest = 4 * max(_values(layer, rows) for layer in (trace.source, *trace.layers))
    fitting = (CPU_BATCH_BYTES if device.type == "cpu" else GPU_BATCH_BYTES) // max(largest, 1)
    smallest, greatest = BATCH_SIZES
    return min(max(1 << max(fitting, 1).bit_length() - 1, smallest), greatest)


def within(size: int, example_bytes: int, bound: int) -> int:
    """Halve a batch until its activations stay within a bound, or one example is left."""
    while size > 1 and size * example_bytes > bound:
        size //= 2
    return size


def example_bytes(trace: Trace, rows: Rows = ONE_EACH) -> int:
    """Estimate the memory that one example takes while it goes through the network, in bytes.

    While a module runs, its output lives beside what it and every module around it were given,
    since the caller of each holds on to its arguments. The estimate is the largest such sum,
    times `WORKSPACE`; it depends on nothing but the shapes and the rows an example has.
    """
    return WORKSPACE * _alive(trace.root, {}, rows)


def _alive(call: Call, held: dict[str, int], rows: Rows) -> int:
    """Return the most that lives at a time inside a call, `held` being what is around it."""
    if call.given is not None:
        held = {**held, call.given.digest: _size(call.given, rows)}
    own = sum(held.values()) + sum(_size(la, rows) for la in call.layers if la.digest not in held)
    return max([own, *(_alive(child, held, rows) for child in call.children)])


def _size(layer: Layer, rows: Rows) -> int:
    return _values(layer, rows) * getattr(torch, layer.dtype).itemsize if layer.dtype else 0


def _values(layer: Layer, rows: Rows) -> int:
    """Return how many values of a layer there are per example."""
    return math.ceil(layer.values * rows[layer.level])
