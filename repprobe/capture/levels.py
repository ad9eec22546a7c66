"""What the rows of an activation stand for: examples, or the nodes or edges of graphs."""

from __future__ import annotations

from collections.abc import Mapping

from torch import nn

from repprobe.capture.layer import Level
from repprobe.feeding import Fed

Rows = Mapping[Level, float]
"""Rows at each level, of a batch or per example."""

ONE_EACH: Rows = {"example": 1}
"""Rows per example where the inputs are no graphs."""


def row_counts(batch: Fed) -> dict[Level, int]:
    """Return how many rows a batch has at each level.

    Where nodes are the examples, there is no level for what a graph has once.
    """
    if batch.edges is None:
        return {"example": batch.count}
    rows: dict[Level, int] = {"node": len(batch.x), "edge": batch.edges.shape[1]}
    return rows if batch.nodes is not None else {"example": batch.count, **rows}


def level_of(
    sizes: tuple[int, int], fewer: Mapping[Level, int], more: Mapping[Level, int]
) -> Level | None:
    """Return what an axis counts that has these sizes in two passes with so many rows."""
    return next((level for level in fewer if sizes == (fewer[level], more[level])), None)


def passes_messages(module: nn.Module) -> bool:
    """Whether a module is one of torch-geometric's for message passing, without importing it."""
    return any(kind.__name__ == "MessagePassing" for kind in type(module).__mro__)
