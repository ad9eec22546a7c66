"""Legends of models and of layers: who is who, outside of the data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from repprobe.report import style
from repprobe.report.layout import Ruler

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.legend import Legend

HANDLE = 0.4
"""Inches: a sample of the line, and the space after it."""

MOST_LINES = 4
"""Models past which the networks' own answers are no longer drawn as lines."""

DASHED = (0, (4, 3))
"""How the network's own answer is drawn."""


def fit_keys(keys: list[tuple[str, str]], ruler: Ruler, width: float) -> list[str]:
    """Return one text per (name, facts), on one line where `width` inches have room for it."""
    room = width - HANDLE
    texts = []
    for name, facts in keys:
        whole = f"{name}: {facts}"
        parts = [whole] if ruler.width(whole, style.NOTE) <= room else [f"{name}:", facts]
        texts.append("\n".join(li for part in parts for li in ruler.wrap(part, style.NOTE, room)))
    return texts


def add_legend(axes: Axes, keys: list[str], *, dashed: bool) -> Legend:
    """Add a legend above the axes, one key per model; `dashed` explains the dashed lines too."""
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=style.color(i), marker=style.marker(i), ms=4.2, lw=1.1)
        for i in range(len(keys))
    ]
    if dashed:
        handles.append(Line2D([], [], color=style.SOFT, lw=0.8, ls=DASHED))
        keys = [*keys, "output: the network's own answer, no probe"]
    return stack_above(axes, handles, keys)


def stack_above(axes: Axes, handles: Sequence[Artist], keys: Sequence[str]) -> Legend:
    """Add a legend above the axes, one key below the other; names are shown as they are."""
    legend = axes.legend(
        handles,
        keys,
        loc="lower left",
        bbox_to_anchor=(0, 1),
        borderaxespad=0,
        borderpad=0.2,
        labelspacing=0.35,
        handlelength=2.0,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
    return legend


def add_side_legend(axes: Axes, names: dict[str, str], *, bold: str, dashed: str) -> Legend:
    """Add a legend at the right of the axes, from the layers' names to their colours.

    The name `bold` stands out; `dashed`, if it is not empty, names the dashed line.
    """
    from matplotlib.lines import Line2D

    handles = [
        Line2D([], [], color=color, lw=2.4 if name == bold else 1.6)
        for name, color in names.items()
    ]
    labels = list(names)
    if dashed:
        handles.append(Line2D([], [], color=style.INK, lw=0.9, ls=DASHED))
        labels.append(dashed)
    legend = axes.legend(
        handles,
        labels,
        loc="upper left",
        bbox_to_anchor=(1.03, 1),
        borderaxespad=0,
        borderpad=0.2,
        labelspacing=0.35,
        handlelength=1.8,
    )
    for text in legend.get_texts():
        text.set_parse_math(False)
        if text.get_text() == bold:
            text.set_fontweight("bold")
    return legend
