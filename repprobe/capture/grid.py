"""Averages of a map on a grid: how fine it is, and adaptive average pooling onto it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import cached_property

import torch
import torch.nn.functional as F
from torch import Tensor

SMALL_MAP = 256
"""Positions up to which one product over the whole map is faster than two."""


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


class Grid:
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
        return y.view(x.shape[0], x.shape[1], *self.grid)

    def _channels_together(self, x: Tensor) -> Tensor:
        """Pool (B, …, C), one axis after the other."""
        count, channels = x.shape[0], x.shape[-1]
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
