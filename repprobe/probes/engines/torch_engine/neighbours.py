"""Exact nearest neighbours, blocked so that memory stays bounded."""

from __future__ import annotations

import torch
from torch import Tensor

_ENTRIES = 16_000_000
"""Distances held at a time."""


def nearest(x: Tensor, queries: Tensor, k: int, leave_out: bool) -> Tensor:
    """Return (m, k) indices of the rows of `x` (n, d) nearest to `queries` (m, d).

    Euclidean distance; the nearest first. With `leave_out`, `queries` is `x` itself and no row
    is its own neighbour.
    """
    half = (x * x).sum(1) / 2
    block = max(1, _ENTRIES // len(x))
    found = torch.empty(len(queries), k, dtype=torch.int64, device=x.device)
    for start in range(0, len(queries), block):
        part = queries[start : start + block]
        # ‖q − x‖²/2 up to the query's own length, which changes no order.
        distance = torch.addmm(half, part, x.T, alpha=-1)
        if leave_out:
            rows = torch.arange(len(part), device=x.device)
            distance[rows, rows + start] = torch.inf
        found[start : start + len(part)] = distance.topk(k, largest=False).indices
    return found
