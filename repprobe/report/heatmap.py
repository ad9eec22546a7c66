"""The layer heatmap: layer x class for one model, layer x model for several."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from repprobe.probes.scores import ALL, Scores
from repprobe.report import style
from repprobe.report.grid import Grid
from repprobe.report.layout import (
    LEAST_WIDTH,
    Heading,
    Ruler,
    leading,
    name_rows,
    new_figure,
    place,
)
from repprobe.report.table import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import QuadMesh

BAR, BAR_LEAST, BAR_MOST = 0.11, 1.25, 3.0
"""Inches: width of the colour bar, and the bounds of its height."""


@dataclass(frozen=True)
class LayerHeatmap:
    """Test figures of every layer, to be drawn as a heatmap.

    Attributes
    ----------
    metric : "accuracy" or "r2".
    layers : row names from `input` to `output`, `(n_layers,)`.
    columns : column names, `(n_columns,)`: "all" and the classes, or the models.
    values : `(n_layers, n_columns)`, accuracy in 0…1 or R²; NaN where there is no figure.
    absent : `(n_layers, n_columns)`, whether the model has no such layer; a NaN elsewhere is a
        layer whose figure could not be had.
    best : row of the best probed layer per column, for the columns that hold overall figures.
    chance : accuracy of guessing, 0 for R².
    model : the model's name if there is one model, else "".
    """

    metric: str
    layers: list[str]
    columns: list[str]
    values: NDArray[np.float64]
    absent: NDArray[np.bool_]
    best: dict[int, int]
    chance: float
    model: str

    @classmethod
    def from_scores(cls, scores: Scores) -> LayerHeatmap:
        """Take the figures out of the scores; raises DataError if there are none to draw."""
        table = Table.from_scores(scores)
        single = len(table.models) == 1
        if single and table.classes:
            places = [(table.models[0], group) for group in (ALL, *table.classes)]
            columns = [ALL, *table.classes]
        else:
            places = [(model, ALL) for model in table.models]
            columns = table.models
        best = {
            column: table.layers.index(layer)
            for column, (model, group) in enumerate(places)
            if group == ALL and (layer := table.best(model)) is not None
        }
        return cls(
            metric=table.metric,
            layers=table.layers,
            columns=columns,
            values=np.array([[table.value(m, la, g) for m, g in places] for la in table.layers]),
            absent=np.array(
                [[(m, la) not in table.present for m, _ in places] for la in table.layers]
            ),
            best=best,
            chance=table.chance,
            model=table.models[0] if single else "",
        )

    @property
    def by_class(self) -> bool:
        """Whether the columns are classes, not models."""
        return self.columns != [self.model] and bool(self.model)

    def limits(self) -> tuple[float, float]:
        """Return the ends of the colour scale, in the unit of the values.

        It covers the data in steps of .1, and begins no higher than chance; for R² it begins
        at 0, the score of a constant guess, however far below a layer may be.
        """
        finite = self.values[np.isfinite(self.values)]
        if not finite.size:
            return 0.0, 1.0
        low = 0.0 if self.metric == "r2" else min(float(finite.min()), self.chance)
        steps = math.floor(10 * low + 1e-9), math.ceil(10 * float(finite.max()) - 1e-9)
        return steps[0] / 10, max(steps[1], steps[0] + 1) / 10

    def draw(self, ax: Axes | None = None, *, title: str | None = None, note: str = "") -> Axes:
        """Draw the heatmap and return its axes.

        Parameters
        ----------
        ax : axes to draw into; by default those of a new figure as large as its content, which
            is then `.figure` of what is returned.
        title : by default the model's name, if there is one model.
        note : a sentence to stand below the title (new figures only).
        """
        title = self.model if title is None else title
        with style.look():
            if ax is None:
                return self._draw_page(title, note)
            grid = Grid.of(self, Ruler())
            mesh = self._draw_cells(ax, grid)
            bar = ax.figure.colorbar(mesh, ax=ax, extend=self._extend(), pad=0.02)
            bar.set_label(style.metric_label(self.metric), size=style.LABEL)
            bar.ax.tick_params(labelsize=style.NOTE)
            # The colour bar took some of the room.
            self._write_numbers(ax, grid, mesh)
            if title:
                ax.set_title(title, loc="left", weight="bold")
            return ax

    def _draw_page(self, title: str, note: str) -> Axes:
        ruler = Ruler()
        grid = Grid.of(self, ruler)
        pad, stack = style.PAD, grid.stack
        names = ruler.widest(self.layers, stack.sizes.label, "bold") + 0.08
        scale = leading(style.LABEL) + ruler.width("−0.00", style.NOTE) + 0.14
        bar_left = pad + names + grid.width + 0.12
        width = max(LEAST_WIDTH, bar_left + BAR + scale + pad)
        heading = Heading.fit(ruler, title, note, width)
        top = pad + heading.height + grid.header
        bar_height = min(max(stack.height, BAR_LEAST), BAR_MOST)
        # The bar's lowest tick label is centred on its end, so half a line hangs below it.
        height = top + max(stack.height, bar_height + leading(style.NOTE) / 2) + pad
        figure = new_figure(width, height)
        heading.draw(figure)
        ax = place(figure, pad + names, top, grid.width, stack.height)
        mesh = self._draw_cells(ax, grid)
        self._write_numbers(ax, grid, mesh)
        bar = figure.colorbar(
            mesh,
            cax=place(figure, bar_left, top, BAR, bar_height),
            extend=self._extend(),
            extendfrac=0.04,
            ticks=self._ticks(bar_height),
        )
        bar.set_label(style.metric_label(self.metric))
        bar.ax.spines["outline"].set_visible(False)
        return ax

    def _ticks(self, height: float) -> list[float]:
        # Both ends are named, and every tenth or every other between them.
        low, high = (round(10 * end) for end in self.limits())
        step = 1 if (high - low + 1) * 0.17 <= height else 2
        steps = [*range(low, high, step), high]
        return [style.scaled(tenth / 10, self.metric) for tenth in steps]

    def _extend(self) -> str:
        finite = self.values[np.isfinite(self.values)]
        return "min" if (finite < self.limits()[0] - 1e-9).any() else "neither"

    def _draw_cells(self, ax: Axes, grid: Grid) -> QuadMesh:
        from matplotlib.patches import Rectangle

        low, high = (style.scaled(v, self.metric) for v in self.limits())
        mesh = ax.pcolormesh(
            *grid.edges(),
            grid.spread(np.vectorize(style.scaled)(self.values, self.metric)),
            cmap=style.COLORMAP,
            vmin=low,
            vmax=high,
            edgecolors="white",
            linewidth=0.4,
        )
        for row, column in np.argwhere(~np.isfinite(self.values)):
            hatch, color = (
                ("////", style.RULE) if self.absent[row, column] else ("xxxxx", "#b5b5b5")
            )
            ax.add_patch(
                Rectangle(*grid.cell(row, column), fc="white", ec=color, hatch=hatch, lw=0)
            )
        for column, row in self.best.items():
            ax.add_patch(
                Rectangle(*grid.cell(row, column), fill=False, ec=style.INK, lw=1.1, zorder=3)
            )
        ax.set_xlim(0, grid.width)
        self._name_columns(ax, grid)
        name_rows(ax, self.layers, grid.stack, self.layers[self.best[0]] if self._one_best else "")
        ax.spines[:].set_visible(False)
        return mesh

    @property
    def _one_best(self) -> bool:
        return bool(self.model) and 0 in self.best

    def _name_columns(self, ax: Axes, grid: Grid) -> None:
        ax.xaxis.tick_top()
        ax.tick_params(axis="x", length=0, pad=2)
        ax.set_xticks(
            grid.centres,
            self.columns,
            size=style.NOTE,
            rotation=90 if grid.upright else 0,
            parse_math=False,
        )
        if self.by_class:
            ax.set_xlabel("class", color=style.SOFT, size=style.NOTE, labelpad=3)
            ax.xaxis.set_label_position("top")

    def _write_numbers(self, ax: Axes, grid: Grid, mesh: QuadMesh) -> None:
        box, dpi = ax.get_window_extent(), ax.figure.dpi
        wide = box.width / dpi / grid.width
        high = box.height / dpi / grid.stack.height
        if grid.stack.sizes.number / 72 > grid.stack.sizes.pitch * high:
            return
        for column, brief in enumerate(grid.brief):
            if not grid.numbers and brief:
                continue
            texts = [
                style.number(v, self.metric, 0 if brief else 1) for v in self.values[:, column]
            ]
            room = grid.widths[column] * wide - 0.02
            if grid.ruler.widest(texts, grid.stack.sizes.number) > room:
                continue
            for row, text in enumerate(texts):
                if self.absent[row, column]:
                    continue
                value = float(self.values[row, column])
                known = math.isfinite(value)
                color = style.SOFT
                if known:
                    shade = mesh.to_rgba(np.array([style.scaled(value, self.metric)]))[0]
                    color = "white" if style.dark(shade) else style.INK
                (x, y), w, h = grid.cell(row, column)
                written = ax.text(
                    x + w / 2,
                    y + h / 2,
                    text,
                    size=grid.stack.sizes.number,
                    weight="bold" if self.best.get(column) == row else "normal",
                    color=color,
                    ha="center",
                    va="center_baseline",
                    parse_math=False,
                    zorder=4,
                )
                if not known:
                    written.set_bbox({"fc": "white", "ec": "none", "pad": 0.6})
