"""A page of panels along the depth of a network, with their legend and the layers' names."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from repprobe.probes.scores import INPUT, OUTPUT
from repprobe.report import style
from repprobe.report.depth_panel import DOTTED, DepthPanel
from repprobe.report.layout import (
    LEAST_WIDTH,
    Heading,
    Ruler,
    Stack,
    leading,
    name_rows,
    new_figure,
    place,
)
from repprobe.report.legend import DASHED, HANDLE, stack_above

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.legend import Legend

WIDTHS = {1: 2.2, 2: 1.7, 3: 1.4, 4: 1.2}
"""Inches: width of a panel by the number of panels that stand side by side."""

SIDE_BY_SIDE = 4
"""Panels past which the others stand below."""

MOST_KEYS = 14
"""Entries past which the legend names only some curves."""

_ACROSS, _DOWN = 0.16, 0.1


@dataclass(frozen=True)
class Key:
    """An entry of the legend: a curve, a mark without a line, or a shaded area."""

    text: str
    color: str
    marker: str = ""
    dashed: bool = False
    dotted: bool = False
    filled: bool = True
    area: bool = False
    line: bool = True

    def handle(self) -> Artist:
        """Return the sample that stands before the text."""
        from matplotlib.lines import Line2D
        from matplotlib.patches import Patch

        if self.area:
            return Patch(fc=self.color, alpha=0.22, lw=0)
        return Line2D(
            [],
            [],
            color=self.color,
            marker=self.marker,
            ms=4.2,
            mfc=self.color if self.filled else "white",
            lw=1.1 if self.line else 0,
            ls=DOTTED if self.dotted else DASHED if self.dashed else "-",
        )


@dataclass(frozen=True)
class DepthPage:
    """Panels that share their layers, on a page of their own.

    Attributes
    ----------
    layers : names from `input` to `output`.
    panels : side by side, or in several bands.
    keys : of the legend.
    bold : the layer whose name stands out.
    remarks : what stands at the right of rows.
    """

    layers: list[str]
    panels: list[DepthPanel]
    keys: list[Key]
    bold: str | None = None
    remarks: dict[int, str] = field(default_factory=dict)

    def draw(self, title: str, note: str) -> Axes:
        """Draw the page and return the axes of the first panel."""
        with style.look():
            return self._draw(Ruler(), title, note)

    def _draw(self, ruler: Ruler, title: str, note: str) -> Axes:
        stack, pad = Stack.of(self.layers), style.PAD
        across = min(len(self.panels), SIDE_BY_SIDE)
        bands = [self.panels[i : i + across] for i in range(0, len(self.panels), across)]
        plot = WIDTHS[across]
        names = ruler.widest(self.layers, stack.sizes.label, "bold") + 0.08
        remarks = ruler.widest(list(self.remarks.values()), style.NOTE, "bold")
        right = 0.12 + remarks if remarks else 0.2
        width = pad + names + across * plot + (across - 1) * _ACROSS + right + pad
        width = max(LEAST_WIDTH, width)
        heading = Heading.fit(ruler, title, note, width)
        keys = self._fit_keys(ruler, width - 2 * pad)

        figure = new_figure(width, 1.0)
        legend_height = 0.0
        if keys:
            legend = _legend(place(figure, 0, 0, 1, 1), keys)
            legend_height = legend.get_window_extent().height / style.DPI + 0.06
            figure.clear()

        titles = [ruler.wrap(p.title, style.NOTE, plot) for p in self.panels]
        labels = [
            [line for part in p.label.split("\n") for line in ruler.wrap(part, style.LABEL, plot)]
            for p in self.panels
        ]
        above = max(map(len, titles)) * leading(style.NOTE) + 0.05 * any(map(bool, titles))
        tick = leading(style.NOTE) + 0.06
        below = tick + max(map(len, labels)) * leading(style.LABEL) + 0.04
        top = pad + heading.height + legend_height
        band = above + stack.height + below
        height = top + len(bands) * band + (len(bands) - 1) * _DOWN + pad
        figure.set_size_inches(width, height)
        heading.draw(figure)
        inner = np.array([layer not in (INPUT, OUTPUT) for layer in self.layers])
        drawn: list[Axes] = []
        for at, panel in enumerate(self.panels):
            line, column = divmod(at, across)
            corner = (pad + names + column * (plot + _ACROSS), top + line * (band + _DOWN) + above)
            ax = place(figure, *corner, plot, stack.height)
            shown = replace(panel, title="\n".join(titles[at]))
            name_rows(ax, self.layers, stack, self.bold)
            shown.draw(ax, stack, inner)
            ax.tick_params(axis="y", labelleft=column == 0)
            ax.set_xlabel("\n".join(labels[at]), labelpad=2)
            drawn.append(ax)
        self._remark(drawn[across - 1], stack)
        if keys:
            legend = _legend(drawn[0], keys)
            corner = (pad / width, 1 - (pad + heading.height) / height)
            legend.set_bbox_to_anchor(corner, figure.transFigure)
            legend.set_loc("upper left")
        return drawn[0]

    def _fit_keys(self, ruler: Ruler, width: float) -> list[Key]:
        """Break the keys' texts into lines, and leave some out where they are many."""
        room = width - HANDLE
        return [
            replace(key, text="\n".join(ruler.wrap(key.text, style.NOTE, room)))
            for key in thinned(self.keys, MOST_KEYS)
        ]

    def _remark(self, ax: Axes, stack: Stack) -> None:
        for row, text in self.remarks.items():
            stands_out = self.layers[row] == self.bold
            ax.annotate(
                text,
                (1, stack.centres[row]),
                xycoords=("axes fraction", "data"),
                xytext=(5, 0),
                textcoords="offset points",
                size=min(style.NOTE, stack.sizes.label),
                weight="bold" if stands_out else "normal",
                color=style.INK if stands_out else style.SOFT,
                va="center_baseline",
                parse_math=False,
                annotation_clip=False,
            )


def thinned(keys: list[Key], most: int) -> list[Key]:
    """Return at most so many of the keys, evenly spread, the first and the last among them."""
    places = np.linspace(0, len(keys) - 1, min(len(keys), most)).round().astype(int)
    return [keys[place] for place in places]


def _legend(ax: Axes, keys: list[Key]) -> Legend:
    return stack_above(ax, [key.handle() for key in keys], [key.text for key in keys])
