"""Where things go on the page: text measured in inches, figures as large as their content."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from repprobe.probes.scores import INPUT, OUTPUT
from repprobe.report import style

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

LEAST_WIDTH = 3.0
"""Inches; narrower figures would break titles into single words."""


class Ruler:
    """Measures text as it will be drawn; to be used inside `style.look`."""

    def __init__(self) -> None:
        from matplotlib.backends import backend_agg

        untyped: Any = backend_agg
        self._renderer = untyped.RendererAgg(8, 8, style.DPI)
        self._known: dict[tuple[str, float, str], float] = {}

    def width(self, text: str, size: float, weight: str = "normal") -> float:
        """Return the width in inches of one line of text at `size` points."""
        from matplotlib.font_manager import FontProperties

        key = (text, size, weight)
        if key not in self._known:
            font = FontProperties(size=size, weight=weight)
            pixels, _, _ = self._renderer.get_text_width_height_descent(text, font, False)
            self._known[key] = float(pixels) / style.DPI
        return self._known[key]

    def widest(self, texts: list[str], size: float, weight: str = "normal") -> float:
        """Return the width in inches of the widest of the texts, 0 if there are none."""
        return max((self.width(t, size, weight) for t in texts), default=0.0)

    def wrap(self, text: str, size: float, room: float, weight: str = "normal") -> list[str]:
        """Break the text into lines of at most `room` inches, inside words if need be."""
        lines: list[str] = []
        line = ""
        for word in re.split(r"[ \t\r\n]+", text.strip()):  # str.split breaks at no-break spaces
            joined = f"{line} {word}" if line else word
            if self.width(joined, size, weight) <= room:
                line = joined
                continue
            if line:
                lines.append(line)
            while self.width(word, size, weight) > room and len(word) > 1:
                fits = len(word) - 1
                while fits > 1 and self.width(word[:fits], size, weight) > room:
                    fits -= 1
                lines.append(word[:fits])
                word = word[fits:]
            line = word
        return [*lines, line] if line else lines


def leading(size: float) -> float:
    """Return the height in inches of a line of text at `size` points."""
    return 1.3 * size / 72


@dataclass(frozen=True)
class Stack:
    """Rows from top to bottom, `input` and `output` set apart; inches from the top.

    Attributes
    ----------
    tops : upper edge of every row.
    sizes : the row's pitch and font sizes.
    height : lower edge of the last row.
    """

    tops: list[float]
    sizes: style.Rows
    height: float

    @classmethod
    def of(cls, layers: list[str]) -> Stack:
        """Stack one row per layer."""
        sizes = style.Rows.of(len(layers))
        tops: list[float] = []
        at = 0.0
        for place, layer in enumerate(layers):
            if place and (layer == OUTPUT or layers[place - 1] == INPUT):
                at += sizes.gap
            tops.append(at)
            at += sizes.pitch
        return cls(tops, sizes, at)

    @property
    def centres(self) -> list[float]:
        """Middle of every row."""
        return [top + self.sizes.pitch / 2 for top in self.tops]


@dataclass(frozen=True)
class Heading:
    """Title and note, broken into lines for a page `width` inches wide."""

    title: list[str]
    note: list[str]

    @classmethod
    def fit(cls, ruler: Ruler, title: str, note: str, width: float) -> Heading:
        """Break both texts into lines."""
        room = width - 2 * style.PAD
        return cls(
            ruler.wrap(title, style.TITLE, room, "bold"),
            ruler.wrap(note, style.NOTE, room),
        )

    @property
    def height(self) -> float:
        """Inches that the lines take, the space below them included."""
        lines = len(self.title) * leading(style.TITLE) + len(self.note) * leading(style.NOTE)
        return lines + style.PAD if lines else 0.0

    def draw(self, figure: Figure, top: float = style.PAD) -> None:
        """Write the lines at the left of the figure, `top` inches from its upper edge."""
        width, height = figure.get_size_inches()
        at = height - top
        for lines, size, weight, color in (
            (self.title, style.TITLE, "bold", style.INK),
            (self.note, style.NOTE, "normal", style.SOFT),
        ):
            for line in lines:
                figure.text(
                    style.PAD / width,
                    (at - 1.05 * size / 72) / height,
                    line,
                    size=size,
                    weight=weight,
                    color=color,
                    va="baseline",
                )
                at -= leading(size)


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure, in inches, that belongs to no window and no global state."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), dpi=style.DPI)
    FigureCanvasAgg(figure)
    return figure


def place(figure: Figure, left: float, top: float, width: float, height: float) -> Axes:
    """Add axes to the figure, given in inches from its upper left corner."""
    w, h = figure.get_size_inches()
    return figure.add_axes((left / w, 1 - (top + height) / h, width / w, height / h))


def name_rows(axes: Axes, layers: list[str], stack: Stack, bold: str | None) -> None:
    """Write the layers' names beside their rows, that of the best layer in bold."""
    axes.set_ylim(stack.height, 0)
    axes.set_yticks(stack.centres, layers, size=stack.sizes.label, parse_math=False)
    axes.tick_params(axis="y", length=0, pad=3)
    for layer, label in zip(layers, axes.get_yticklabels(), strict=True):
        if layer == bold:
            label.set_fontweight("bold")
        elif layer in (INPUT, OUTPUT):
            label.set_color(style.SOFT)
