"""How a network pools the nodes of each graph itself, seen from the values in its trace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import get_args

import torch
from torch import Tensor

from repprobe.capture.graph_pooling import Grouping
from repprobe.capture.layer import Layer, RowMode, Side
from repprobe.feeding import Fed

TOLERANCES = {torch.float16: 5e-3, torch.bfloat16: 3e-2}
"""How far a pooled value may be off, relative to the largest; 1e-4 for other types."""

Values = Mapping[tuple[Side, str], Tensor]


def own_pooling(layers: Sequence[Layer], values: Values, batch: Fed) -> dict[str, RowMode]:
    """Return digest -> mode for the layers of nodes that the network pools over each graph.

    Such a layer has a later one with a row per graph that equals the mean, maximum or sum of
    its nodes, and only one of them; whether a module or a function did it does not matter. The
    latest pooling comes last.
    """
    ordered = sorted((la for la in layers if not la.reason), key=lambda la: la.order)
    grouping = Grouping(batch)
    found: dict[str, RowMode] = {}
    nodes: dict[str, tuple[Layer, dict[RowMode, Tensor]]] = {}
    for layer in ordered:
        value = values.get((layer.side, layer.name))
        if value is None or layer.batch_axis:
            continue
        rows = value.flatten(1) if value.ndim > 1 else value[:, None]
        if layer.level == "node" and layer.digest not in nodes:
            modes = {mode: grouping.pool(rows, "node", mode) for mode in _MODES}
            nodes[layer.digest] = layer, modes
        elif layer.level == "example":
            for digest, (source, pooled) in nodes.items():
                mode = _only(pooled, rows) if source.values == layer.values else None
                if mode is not None and found.get(digest) != mode:
                    found.pop(digest, None)  # so that it comes last
                    found[digest] = mode
    return found


_MODES: tuple[RowMode, ...] = get_args(RowMode)


def _only(pooled: Mapping[RowMode, Tensor], rows: Tensor) -> RowMode | None:
    """Return the one mode that gave these rows; None if several or none would have."""
    tolerance = TOLERANCES.get(rows.dtype, 1e-4)
    rows = rows.float()
    modes = [
        mode
        for mode, expected in pooled.items()
        if bool(((rows - expected).abs() <= tolerance * expected.abs().max()).all())
    ]
    return modes[0] if len(modes) == 1 else None
