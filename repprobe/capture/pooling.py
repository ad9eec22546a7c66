"""Turns an activation of any shape into a vector of bounded width."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from repprobe.capture.layer import Layout, PoolMode
from repprobe.capture.projection import SparseProjection
from repprobe.errors import UnknownNameError, UsageError

MODES: tuple[str, ...] = get_args(PoolMode)

SMALL_MAP = 256
"""Positions up to which one product over the whole map is faster than two."""

Step = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class Pooling:
    """How activations are made into features of at most `width` values.

    ========= ========================== =================== =======
    mode      maps (B, C, H, W)          sequences (B, T, D) vectors
    ========= ========================== =================== =======
    auto      grid                       mean                as is
    mean, max over all positions         over all tokens     as is
    grid      averages on a grid         the same, 1-d       as is
    cls, last grid                       first, last token   as is
    flatten   all values                 all values          as is
    none      all values                 all values          as is
    ========= ========================== =================== =======

    The grid is the largest with cells close to square for which C times its cells is at most
    `width`; its cells are those of adaptive average pooling. With more channels than `width`
    the mean is taken. Whatever is still wider than `width` goes through a sparse random
    projection, except with `none`, which has no bound.

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
        if mode == "max":
            return _maximum, (channels,)
        if mode == "grid" and channels <= self.width:
            grid = grid_size(sizes, self.width // channels)
            if grid == tuple(sizes):
                return _flat, (channels, *grid)
            if math.prod(grid) > 1 and len(grid) <= 3:
                return _Grid(tuple(sizes), grid), (channels, *grid)
        return _mean, (channels,)


class Pooler:
    """Pools the activations of one layer.

    Attributes
    ----------
    width : values per example that it gives.
    partial : whether values of the activation may leave no trace in the result, so that NaN and
        infinity have to be looked for in the activation itself.
    """

    def __init__(self, steps: tuple[Step, ...], width: int, partial: bool) -> None:
        self.width = width
        self.partial = partial
        self._steps = steps

    def __call__(self, activation: Tensor) -> Tensor:
        """Pool (B, …) floating-point values to (B, width) float32; may be a view of them."""
        x = activation
        for step in self._steps:
            x = step(x)
        return x


def grid_size(sizes: Sequence[int], cells: int) -> tuple[int, ...]:
    """Return the largest grid of at most `cells` cells, close to square, on a map of `sizes`.

    Starting from one cell, the axis along which cells are longest is cut once more, as long as
    the grid still fits: (32, 32) and 64 cells give (8, 8), (16, 16) and 32 cells give (5, 6).
    """
    grid = [1] * len(sizes)
    while True:
        for axis in sorted(range(len(sizes)), key=lambda i: (-sizes[i] / grid[i], -i)):
            larger = math.prod(grid) // grid[axis] * (grid[axis] + 1)
            if grid[axis] < sizes[axis] and larger <= cells:
                grid[axis] += 1
                break
        else:
            return tuple(grid)


class _Grid:
    """Adaptive average pooling of (B, C, …) onto a grid.

    Torch's own kernel for the CPU reads a map whose channels do not lie together one value at a
    time; products with averaging matrices give the same several times faster. Where they do lie
    together, cells of equal size have a kernel that is faster still.
    """

    def __init__(self, sizes: tuple[int, ...], grid: tuple[int, ...]) -> None:
        self.sizes, self.grid = sizes, grid
        self._equal = all(size % cells == 0 for size, cells in zip(sizes, grid, strict=True))

    def __call__(self, x: Tensor) -> Tensor:
        x = x.float()
        if x.device.type == "cpu" and len(self.grid) < 3:
            if x.is_contiguous():
                return self._channels_apart(x)
            if self._equal and len(self.grid) == 2:
                high, wide = self.sizes[0] // self.grid[0], self.sizes[1] // self.grid[1]
                return F.avg_pool2d(x, (high, wide))
            return self._channels_together(x.movedim(1, -1))
        if len(self.grid) == 1:
            return F.adaptive_avg_pool1d(x, self.grid)
        if len(self.grid) == 2:
            return F.adaptive_avg_pool2d(x, self.grid)
        deep, high, wide = self.grid
        return F.adaptive_avg_pool3d(x, (deep, high, wide))

    def _channels_apart(self, x: Tensor) -> Tensor:
        y = x.reshape(-1, self.sizes[-1])
        for matrix in self._along_last:
            y = y.view(-1, len(matrix)) @ matrix
        return y.view(len(x), x.shape[1], *self.grid)

    def _channels_together(self, x: Tensor) -> Tensor:
        """Pool (B, …, C), one axis after the other."""
        count, channels = len(x), x.shape[-1]
        for axis, matrix in enumerate(self._averages):
            before = count * math.prod(self.grid[:axis])
            x = matrix.T @ x.reshape(before, self.sizes[axis], -1)
        return x.reshape(count, *self.grid, channels).movedim(-1, 1)

    @cached_property
    def _averages(self) -> list[Tensor]:
        return [averaging(s, g) for s, g in zip(self.sizes, self.grid, strict=True)]

    @cached_property
    def _along_last(self) -> list[Tensor]:
        """What averages along the last axis, and for a plane, then down the columns."""
        along = self._averages
        if len(along) == 1:
            return along
        if math.prod(self.sizes) <= SMALL_MAP:
            return [torch.kron(along[0], along[1])]
        return [along[1], torch.kron(along[0], torch.eye(self.grid[1]))]


def averaging(size: int, cells: int) -> Tensor:
    """Return the matrix (size, cells) whose columns average the cells of adaptive pooling.

    Cell i covers the positions ⌊i·size/cells⌋ to ⌈(i+1)·size/cells⌉ − 1.
    """
    matrix = torch.zeros(size, cells)
    for i in range(cells):
        start, end = i * size // cells, -(-(i + 1) * size // cells)
        matrix[start:end, i] = 1 / (end - start)
    return matrix


def _channels_first(x: Tensor) -> Tensor:
    return x.movedim(-1, 1)


def _flat(x: Tensor) -> Tensor:
    return x.reshape(len(x), -1).float()


def _first(x: Tensor) -> Tensor:
    return x[..., 0]


def _last(x: Tensor) -> Tensor:
    return x[..., -1]


def _mean(x: Tensor) -> Tensor:
    return x.mean(tuple(range(2, x.ndim)), dtype=torch.float32)


def _maximum(x: Tensor) -> Tensor:
    return x.amax(tuple(range(2, x.ndim)))
