"""Turns an activation of any shape into a vector of bounded width."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import get_args

import torch
from torch import Tensor

from repprobe.capture.graph_pooling import Grouping
from repprobe.capture.grid import Grid, grid_size
from repprobe.capture.layer import Layer, Layout, Level, PoolMode, RowMode
from repprobe.capture.projection import SparseProjection
from repprobe.errors import UnknownNameError, UsageError

MODES: tuple[str, ...] = get_args(PoolMode)

Step = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Pooling:
    """How activations are made into features of at most `width` values.

    ============== ================== =================== ======= =======================
    mode           maps (B, C, H, W)  sequences (B, T, D) vectors nodes, edges of graphs
    ============== ================== =================== ======= =======================
    auto           grid               mean                as is   as the network does
    mean, max, sum over all positions over all tokens     as is   over each graph
    grid           averages on a grid the same, 1-d       as is   as auto
    cls, last      grid               first, last token   as is   as auto
    flatten        all values         all values          as is   as auto
    none           all values         all values          as is   as auto
    ============== ================== =================== ======= =======================

    The grid is the largest with cells close to square for which C times its cells is at most
    `width`; its cells are those of adaptive average pooling. With more channels than `width`
    the mean is taken. Nodes and edges of a graph are pooled as the network itself pools nodes:
    by maximum, mean or sum if its trace shows which, else by mean; a graph without any gives 0.
    Where nodes are the examples, each keeps its own values. Whatever is still wider than `width`
    goes through a sparse random projection, except with `none`, which has no bound.

    Attributes
    ----------
    mode : see the table.
    width : largest number of values of a feature vector.
    seed : of the random projection.
    """

    mode: PoolMode = "auto"
    width: int = 1024
    seed: int = 0

    def __post_init__(self) -> None:
        if self.mode not in MODES:
            hint = f"The modes are {', '.join(MODES)}."
            raise UnknownNameError.near("pooling mode", self.mode, MODES, hint)
        if self.width < 1:
            raise UsageError(f"the width must be 1 or more, not {self.width}.")

    def plan_layer(self, layer: Layer) -> Pooler:
        """Return what pools the activations of a layer."""
        if layer.level == "example":
            return self.plan(layer.shape, layer.layout)
        mode = layer.own_pooling or "mean"
        if self.mode in ("mean", "max", "sum"):
            mode = self.mode
        wide = self.plan((layer.values,), "vector")
        return Pooler(wide.steps, wide.width, mode == "max", (layer.level, mode))

    def plan(self, shape: Sequence[int], layout: Layout) -> Pooler:
        """Return what pools activations whose examples have that shape and layout."""
        shape = tuple(shape)
        has_positions = len(shape) > 1
        steps: list[Step] = []
        if has_positions and self.mode not in ("flatten", "none"):
            if layout in ("sequence", "channels-last"):
                steps.append(_channels_first)
                shape = (shape[-1], *shape[:-1])
            step, shape = self._over_positions(shape, layout == "sequence")
            steps.append(step)
        wide = math.prod(shape)
        width = wide if self.mode == "none" else min(wide, self.width)
        steps.append(_flat)
        if width < wide:
            steps.append(SparseProjection.draw(wide, width, self.seed))
        partial = self.mode in ("max", "cls", "last") and has_positions
        return Pooler(tuple(steps), width, partial)

    def _over_positions(
        self, shape: tuple[int, ...], is_sequence: bool
    ) -> tuple[Step, tuple[int, ...]]:
        channels, *sizes = shape
        mode = self.mode
        if mode == "auto":
            mode = "mean" if is_sequence else "grid"
        if mode in ("cls", "last"):
            if is_sequence:
                return (_first if mode == "cls" else _last), (channels,)
            mode = "grid"
        if mode in ("max", "sum"):
            return _maximum if mode == "max" else _sum, (channels,)
        if mode == "grid" and channels <= self.width:
            grid = grid_size(sizes, self.width // channels)
            if grid == tuple(sizes):
                return _flat, (channels, *grid)
            if math.prod(grid) > 1 and len(grid) <= 3:
                return Grid(tuple(sizes), grid), (channels, *grid)
        return _mean, (channels,)


class Pooler:
    """Pools the activations of one layer.

    Attributes
    ----------
    width : values per example that it gives.
    partial : whether values of the activation may leave no trace in the result, so that NaN and
        infinity have to be looked for in the activation itself.
    steps : what is done to the rows of examples.
    """

    def __init__(
        self,
        steps: tuple[Step, ...],
        width: int,
        partial: bool,
        over: tuple[Level, RowMode] | None = None,
    ) -> None:
        self.width = width
        self.partial = partial
        self.steps = steps
        self._over = over

    def __call__(self, activation: Tensor, grouping: Grouping | None = None) -> Tensor:
        """Pool (B, …) floating-point values to (B, width) float32; may be a view of them.

        The rows of nodes and edges first become those of examples, by their `grouping`.
        """
        x = activation
        if self._over is not None and grouping is not None:
            x = grouping.pool(_flat(x), *self._over)
        for step in self.steps:
            x = step(x)
        return x

    def unseen(self, pooled: Tensor, activation: Tensor, grouping: Grouping | None = None) -> int:
        """Return in how many examples NaN or infinity left no trace in what was pooled."""
        # one sum tells of any NaN or infinity; only then are they looked for
        if not self.partial or bool(torch.isfinite(activation.sum(dtype=torch.float32))):
            return 0
        marked = ~torch.isfinite(activation).flatten(1).all(1)
        if self._over is not None and grouping is not None:
            marked = grouping.holding(marked, self._over[0])
        return int((torch.isfinite(pooled).all(1) & marked).sum())


def _channels_first(x: Tensor) -> Tensor:
    return x.movedim(-1, 1)


def _flat(x: Tensor) -> Tensor:
    return x.reshape(x.shape[0], -1).float()


def _first(x: Tensor) -> Tensor:
    return x[..., 0]


def _last(x: Tensor) -> Tensor:
    return x[..., -1]


def _mean(x: Tensor) -> Tensor:
    return x.mean(tuple(range(2, x.ndim)), dtype=torch.float32)


def _sum(x: Tensor) -> Tensor:
    return x.sum(tuple(range(2, x.ndim)), dtype=torch.float32)


def _maximum(x: Tensor) -> Tensor:
    return x.amax(tuple(range(2, x.ndim)))
