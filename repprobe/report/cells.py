"""A heatmap's cells on the page: colours, numbers, marks, names and the scale beside them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from repprobe.report import style
from repprobe.report.grid import Column, Grid
from repprobe.report.layout import (
    LEAST_WIDTH,
    Heading,
    Ruler,
    leading,
    name_rows,
    new_figure,
    place,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh

BAR, BAR_LEAST, BAR_MOST = 0.11, 1.25, 3.0
"""Inches: width of the colour bar, and the bounds of its height."""

HATCHES = {"absent": ("////", style.RULE), "failed": ("xxxxx", "#b5b5b5")}
"""Pattern and colour of cells without a figure: no such layer, and none that could be had."""

Cell = tuple[int, int]
"""Row and column."""


@dataclass(frozen=True)
class Cells:
    """What a heatmap shows, cell by cell.

    Attributes
    ----------
    layers : names of the rows.
    columns : the columns.
    values : `(n_layers, n_columns)`, in the unit of the scale; NaN has no colour.
    texts : what is written in the cells, if there is room; "" is nothing.
    label, limits, cmap : of the colour scale.
    ticks : from the height of the colour bar in inches to the values named at it.
    extend : ends of the scale that values lie beyond: "neither", "min", "max" or "both".
    hatched : cells without a figure to a key of `HATCHES`.
    framed : cells that stand out, in bold.
    dotted : cells with a dot.
    bold : row whose name stands out.
    caption : what the classes' or epochs' names are, above them; "" for none.
    foot : what stands below.
    """

    layers: list[str]
    columns: list[Column]
    values: NDArray[np.float64]
    texts: list[list[str]]
    label: str
    limits: tuple[float, float]
    cmap: str
    ticks: Callable[[float], list[float]]
    extend: str = "neither"
    hatched: dict[Cell, str] = field(default_factory=dict)
    framed: list[Cell] = field(default_factory=list)
    dotted: list[Cell] = field(default_factory=list)
    bold: str = ""
    caption: str = ""
    foot: str = ""

    def draw(self, ax: Axes | None, title: str, note: str) -> Axes:
        """Draw them into the axes, or into those of a new figure that is as large as they are."""
        with style.look():
            if ax is None:
                return self._draw_page(title, note)
            grid = self._grid(Ruler())
            mesh = self._draw_cells(ax, grid)
            bar = ax.figure.colorbar(mesh, ax=ax, extend=self.extend, pad=0.02)
            bar.set_label(self.label, size=style.LABEL)
            bar.ax.tick_params(labelsize=style.NOTE)
            # The colour bar took some of the room.
            self._write_numbers(ax, grid, mesh)
            if title:
                ax.set_title(title, loc="left", weight="bold")
            return ax

    def _grid(self, ruler: Ruler) -> Grid:
        return Grid.of(self.layers, self.columns, self.texts, bool(self.caption), ruler)

    def _draw_page(self, title: str, note: str) -> Axes:
        ruler = Ruler()
        grid = self._grid(ruler)
        pad, stack = style.PAD, grid.stack
        names = ruler.widest(self.layers, stack.sizes.label, "bold") + 0.08
        scale = leading(style.LABEL) + ruler.width("−0.00", style.NOTE) + 0.14
        bar_left = pad + names + grid.width + 0.12
        width = max(LEAST_WIDTH, bar_left + BAR + scale + pad)
        heading = Heading.fit(ruler, title, note, width)
        foot = Heading.fit(ruler, "", self.foot, width)
        top = pad + heading.height + grid.header
        bar_height = min(max(stack.height, BAR_LEAST), BAR_MOST)
        # The bar's lowest tick label is centred on its end, so half a line hangs below it.
        end = top + max(stack.height, bar_height + leading(style.NOTE) / 2) + pad
        figure = new_figure(width, end + foot.height)
        heading.draw(figure)
        foot.draw(figure, end)
        ax = place(figure, pad + names, top, grid.width, stack.height)
        mesh = self._draw_cells(ax, grid)
        self._write_numbers(ax, grid, mesh)
        bar = figure.colorbar(
            mesh,
            cax=place(figure, bar_left, top, BAR, bar_height),
            extend=self.extend,
            extendfrac=0.04,
            ticks=self.ticks(bar_height),
        )
        bar.set_label(self.label)
        bar.ax.spines["outline"].set_visible(False)
        return ax

    def _draw_cells(self, ax: Axes, grid: Grid) -> QuadMesh:
        from matplotlib.patches import Rectangle

        low, high = self.limits
        mesh = ax.pcolormesh(
            *grid.edges(),
            grid.spread(self.values),
            cmap=self.cmap,
            vmin=low,
            vmax=high,
            edgecolors="white",
            linewidth=0.4,
        )
        for cell, why in self.hatched.items():
            hatch, color = HATCHES[why]
            ax.add_patch(Rectangle(*grid.cell(*cell), fc="white", ec=color, hatch=hatch, lw=0))
        for cell in self.framed:
            ax.add_patch(Rectangle(*grid.cell(*cell), fill=False, ec=style.INK, lw=1.1, zorder=3))
        ax.set_xlim(0, grid.width)
        self._name_columns(ax, grid)
        name_rows(ax, self.layers, grid.stack, self.bold)
        ax.spines[:].set_visible(False)
        return mesh

    def _name_columns(self, ax: Axes, grid: Grid) -> None:
        ax.xaxis.tick_top()
        ax.tick_params(axis="x", length=0, pad=2)
        ax.set_xticks(
            grid.centres,
            [column.name for column in self.columns],
            size=style.NOTE,
            rotation=90 if grid.upright else 0,
            parse_math=False,
        )
        if self.caption:
            ax.set_xlabel(self.caption, color=style.SOFT, size=style.NOTE, labelpad=3)
            ax.xaxis.set_label_position("top")
            if any(column.extra for column in self.columns):
                ax.xaxis.label.set_x(grid.first_width / 2 / grid.width)

    def _write_numbers(self, ax: Axes, grid: Grid, mesh: QuadMesh) -> None:
        box, dpi = ax.get_window_extent(), ax.figure.dpi
        wide = box.width / dpi / grid.width
        high = box.height / dpi / grid.stack.height
        size = grid.stack.sizes.number
        fits = size / 72 <= grid.stack.sizes.pitch * high
        bare: set[int] = set()
        for column in range(len(self.columns)):
            texts = [row[column] for row in self.texts]
            room = grid.widths[column] * wide - 0.02
            shown = grid.numbers or not self.columns[column].brief
            if not (fits and shown) or grid.ruler.widest(texts, size) > room:
                bare.add(column)
                continue
            for row, text in enumerate(texts):
                if text:
                    self._write(ax, grid, (row, column), text, self._ink(mesh, row, column))
        for row, column in self.dotted:
            (x, y), w, h = grid.cell(row, column)
            at = (x + w / 2, y + h / 2) if column in bare else (x + w - 0.045, y + 0.05)
            color = self._ink(mesh, row, column)
            ax.plot(*at, "o", ms=1.8, mfc=color, mec="none", zorder=4)

    def _ink(self, mesh: QuadMesh, row: int, column: int) -> str:
        """Return the colour that is easiest to read in a cell."""
        value = self.values[row, column]
        if not math.isfinite(value):
            return style.SOFT
        return "white" if style.dark(mesh.to_rgba(np.array([value]))[0]) else style.INK

    def _write(self, ax: Axes, grid: Grid, cell: Cell, text: str, color: str) -> None:
        (x, y), w, h = grid.cell(*cell)
        written = ax.text(
            x + w / 2,
            y + h / 2,
            text,
            size=grid.stack.sizes.number,
            weight="bold" if cell in self.framed else "normal",
            color=color,
            ha="center",
            va="center_baseline",
            parse_math=False,
            zorder=4,
        )
        if not math.isfinite(self.values[cell]):
            written.set_bbox({"fc": "white", "ec": "none", "pad": 0.6})
