"""Graphs as data: generated tasks, real collections, and graphs of the user's own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from repprobe.data.graphs.graphs import Graphs

if TYPE_CHECKING:
    from repprobe.data.graphs.datasets import MaximumDegree, MaximumFeature

__all__ = ["Graphs", "MaximumDegree", "MaximumFeature"]


def __getattr__(name: str) -> Any:
    """Import the torch-geometric data sets when one is asked for: that takes seconds."""
    if name in ("MaximumDegree", "MaximumFeature"):
        from repprobe.data.graphs import datasets

        return getattr(datasets, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
