"""How many examples go through the network at once."""

from __future__ import annotations

import torch

from repprobe.capture.layer import Trace

CPU_BATCH_BYTES, GPU_BATCH_BYTES = 16 << 20, 512 << 20
"""Bytes of a batch's largest activation; a processor should still find it in its cache."""

BATCH_SIZES = (8, 1024)
"""Smallest and largest batch that is chosen."""


def batch_size(trace: Trace, device: torch.device) -> int:
    """Return the power of two at which the largest activation has the size that suits."""
    largest = 4 * max(layer.values for layer in (trace.source, *trace.layers))
    fitting = (CPU_BATCH_BYTES if device.type == "cpu" else GPU_BATCH_BYTES) // largest
    smallest, greatest = BATCH_SIZES
    return min(max(1 << max(fitting, 1).bit_length() - 1, smallest), greatest)
