"""Where the cells of a heatmap go, and which of them have room for a number."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from repprobe.report import style
from repprobe.report.layout import Ruler, Stack, leading

if TYPE_CHECKING:
    from repprobe.report.heatmap import LayerHeatmap

NARROW, CLASS, GAP = 0.15, 0.25, 0.06
"""Inches: columns of many classes, columns of few, and the gap after the column of all."""

MOST_NUMBERS = 1000
"""Cells past which the classes' numbers would be specks on a page, and slow to draw."""


@dataclass(frozen=True)
class Grid:
    """The places of a heatmap's cells, in inches from the upper left corner.

    Attributes
    ----------
    stack : the rows.
    lefts, widths : left edge and width per column.
    brief : per column, whether its numbers are short: classes have two digits.
    numbers : whether the classes' numbers are written at all.
    upright : whether the columns' names stand upright, for want of room.
    header : height of the columns' names.
    """

    stack: Stack
    lefts: list[float]
    widths: list[float]
    brief: list[bool]
    numbers: bool
    upright: bool
    header: float
    ruler: Ruler

    @classmethod
    def of(cls, heatmap: LayerHeatmap, ruler: Ruler) -> Grid:
        """Lay out the cells of the heatmap; to be used inside `style.look`."""
        stack, names = Stack.of(heatmap.layers), heatmap.columns
        brief = [heatmap.by_class and bool(column) for column in range(len(names))]
        numbers = sum(brief) * len(heatmap.layers) <= MOST_NUMBERS and len(names) <= 42
        overall = [
            style.number(v, heatmap.metric)
            for v in heatmap.values[:, [not b for b in brief]].ravel().tolist()
        ]
        least = ruler.widest([*overall, "00.0"], stack.sizes.number, "bold") + 0.1
        label = ruler.widest(names, style.NOTE)
        of_class = CLASS if numbers else NARROW
        upright = len(names) * (label + 0.1) > 3.0 and label + 0.06 > of_class
        if not upright:
            of_class, least = max(of_class, label + 0.1), max(least, label + 0.1)
        widths = [of_class if b else least for b in brief]
        lefts = [0.0]
        for width, following in zip(widths[:-1], brief[1:], strict=True):
            lefts.append(lefts[-1] + width + GAP * (len(lefts) == 1 and following))
        header = (label if upright else leading(style.NOTE)) + 0.06
        header += (leading(style.NOTE) + 0.04) * heatmap.by_class
        return cls(stack, lefts, widths, brief, numbers, upright, header, ruler)

    @property
    def width(self) -> float:
        """Right edge of the last column."""
        return self.lefts[-1] + self.widths[-1]

    @property
    def centres(self) -> list[float]:
        """Middle of every column."""
        return [left + w / 2 for left, w in zip(self.lefts, self.widths, strict=True)]

    def cell(self, row: int, column: int) -> tuple[tuple[float, float], float, float]:
        """Return corner, width and height of a cell."""
        return (
            (self.lefts[column], self.stack.tops[row]),
            self.widths[column],
            self.stack.sizes.pitch,
        )

    def edges(self) -> tuple[list[float], list[float]]:
        """Return the edges of columns and rows; what is set apart has a gap of its own."""
        tops, pitch = self.stack.tops, self.stack.sizes.pitch
        return (
            _edges(self.lefts, self.widths),
            _edges(tops, [pitch] * len(tops)),
        )

    def spread(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Put the values between the edges, NaN into the gaps."""
        columns, rows = (np.array(e) for e in self.edges())
        spread = np.full((len(rows) - 1, len(columns) - 1), np.nan)
        at = (np.searchsorted(rows, self.stack.tops), np.searchsorted(columns, self.lefts))
        spread[np.ix_(*at)] = values
        return spread


def _edges(starts: list[float], sizes: list[float]) -> list[float]:
    edges: list[float] = []
    for start, size in zip(starts, sizes, strict=True):
        if edges and math.isclose(edges[-1], start):
            edges[-1] = start
        else:
            edges.append(start)
        edges.append(start + size)
    return edges
