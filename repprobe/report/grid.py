"""Where the cells of a heatmap go, and which of them have room for a number."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from repprobe.report import style
from repprobe.report.layout import Ruler, Stack, leading

NARROW, CLASS, GAP = 0.15, 0.25, 0.06
"""Inches: columns of many classes, columns of few, and the gap after the column of all."""

MOST_NUMBERS = 1000
"""Cells past which the classes' numbers would be specks on a page, and slow to draw."""


@dataclass(frozen=True)
class Column:
    """A column of a heatmap.

    Attributes
    ----------
    name : what stands above it.
    brief : whether its numbers are short: classes have two digits.
    extra : what it is if it stands behind the others, set apart and no wider than it need be.
    """

    name: str
    brief: bool = False
    extra: str = ""


@dataclass(frozen=True)
class Grid:
    """The places of a heatmap's cells, in inches from the upper left corner.

    Attributes
    ----------
    stack : the rows.
    lefts, widths : left edge and width per column.
    first_width : right edge of the last column that is not extra.
    numbers : whether numbers are written into brief columns at all.
    upright : whether the columns' names stand upright, for want of room.
    header : height of the columns' names.
    """

    stack: Stack
    lefts: list[float]
    widths: list[float]
    first_width: float
    numbers: bool
    upright: bool
    header: float
    ruler: Ruler

    @classmethod
    def of(
        cls,
        layers: list[str],
        columns: list[Column],
        texts: list[list[str]],
        captioned: bool,
        ruler: Ruler,
    ) -> Grid:
        """Lay out cells, texts given row by row; to be used inside `style.look`."""
        stack = Stack.of(layers)
        numbers = sum(c.brief for c in columns) * len(layers) <= MOST_NUMBERS and len(columns) <= 42

        def least(*places: int) -> float:
            written = [row[place] for row in texts for place in places]
            return ruler.widest([*written, "00.0"], stack.sizes.number, "bold") + 0.1

        wide = [place for place, c in enumerate(columns) if not (c.brief or c.extra)]
        names = [c.name for c in columns if not c.extra]
        extras = [ruler.width(c.name, style.NOTE) for c in columns if c.extra]
        label = ruler.widest(names, style.NOTE)
        of_class, overall = CLASS if numbers else NARROW, least(*wide)
        room = len(names) * (label + 0.1) + sum(extra + 0.1 for extra in extras)
        upright = room > 3.0 and label + 0.06 > of_class
        if not upright:
            of_class, overall = max(of_class, label + 0.1), max(overall, label + 0.1)
        widths = []
        for place, column in enumerate(columns):
            if column.extra:
                name = 0 if upright else ruler.width(column.name, style.NOTE) + 0.1
                widths.append(max(least(place), name))
            else:
                widths.append(of_class if column.brief else overall)
        lefts = [0.0]
        for place, (before, column) in enumerate(itertools.pairwise(columns)):
            parted = (before.brief, before.extra) != (column.brief, column.extra)
            lefts.append(lefts[-1] + widths[place] + GAP * parted)
        first = len(names) - 1
        header = (max([label, *extras]) if upright else leading(style.NOTE)) + 0.06
        header += (leading(style.NOTE) + 0.04) * captioned
        first_width = lefts[first] + widths[first]
        return cls(stack, lefts, widths, first_width, numbers, upright, header, ruler)

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
