"""A panel along the depth of a network: layers from top to bottom, figures left to right."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from repprobe.report import style
from repprobe.report.layout import Stack
from repprobe.report.legend import DASHED
from repprobe.report.table import MISSING, Point

if TYPE_CHECKING:
    from matplotlib.axes import Axes
DOTTED = (0, (1, 2))


@dataclass(frozen=True)
class Curve:
    """Figures of layers, joined by a line.

    Attributes
    ----------
    points : `(n_layers, 3)`, the figures and their 95 % intervals, in the unit of the axis; NaN
        where there is none.
    failed : `(n_layers,)`, where the line breaks, since the figure of a layer could not be had;
        layers that are not there are bridged.
    color, marker, dashed : how it is drawn.
    dotted : whether it is a dotted line without marks.
    """

    points: NDArray[np.float64]
    failed: NDArray[np.bool_]
    color: str
    marker: str = "o"
    dashed: bool = False
    dotted: bool = False

    @classmethod
    def of(
        cls, found: Mapping[str, Point], layers: Sequence[str], metric: str, color: str
    ) -> Curve:
        """Take the figures of the layers; those of `metric` "r2" or "" keep their unit."""
        scale = 1.0 if metric in ("r2", "") else 100.0
        points = scale * np.array([found.get(layer, MISSING) for layer in layers])
        there = np.array([layer in found for layer in layers])
        return cls(points, there & np.isnan(points[:, 0]), color)

    def draw(
        self,
        ax: Axes,
        rows: NDArray[np.float64],
        inner: NDArray[np.bool_],
        size: float,
        zorder: float,
    ) -> None:
        """Draw the line with its band, input and output apart from it, marks of `size` points."""
        values, low, high = self.points.T
        known = np.isfinite(values)
        spanned = known & np.isfinite(low) & np.isfinite(high)
        chain = inner & (known | self.failed)
        if (spanned & inner).any():
            ax.fill_betweenx(
                rows[chain],
                low[chain],
                high[chain],
                where=spanned[chain],
                color=self.color,
                alpha=0.18,
                lw=0,
                zorder=1,
            )
        ends = spanned & ~inner
        if ends.any():
            ax.hlines(rows[ends], low[ends], high[ends], color=self.color, lw=0.9, zorder=zorder)
        line: dict[str, Any] = {
            "color": self.color,
            "lw": 1.1,
            "ls": DOTTED if self.dotted else DASHED if self.dashed else "-",
        }
        ax.plot(values[chain], rows[chain], zorder=zorder, **line)
        if self.dotted:
            return
        for which, filled in ((known & inner, not self.dashed), (known & ~inner, False)):
            if which.any():
                ax.plot(
                    values[which],
                    rows[which],
                    self.marker,
                    ms=size,
                    mfc=self.color if filled else "white",
                    mec=self.color,
                    mew=0.8,
                    zorder=zorder + 0.5,
                    clip_on=False,
                )


class Mark(NamedTuple):
    """A mark at the right edge of a panel, at a place in the order of layers."""

    at: float
    color: str
    filled: bool


@dataclass(frozen=True)
class DepthPanel:
    """One panel: curves on one axis.

    Attributes
    ----------
    label : what stands below the axis.
    curves : the last is drawn on top.
    title : what stands above.
    limits : ends of the axis; None fits it to the curves.
    shaded : whether the first curve is shaded up to the second, where the second is lower.
    log : whether the axis is logarithmic.
    marks : at the right edge.
    """

    label: str
    curves: list[Curve]
    title: str = ""
    limits: tuple[float, float] | None = None
    shaded: bool = False
    log: bool = False
    marks: list[Mark] = field(default_factory=list)

    def draw(self, ax: Axes, stack: Stack, inner: NDArray[np.bool_]) -> None:
        """Draw into the axes; `inner` tells which rows are layers, not input or output."""
        rows = np.array(stack.centres)
        if self.log:
            ax.set_xscale("log")
        low, high = self.limits or self._span()
        ax.set_xlim(low, high)
        ax.hlines(rows, low, high, color=style.RULE, lw=0.5, zorder=0)
        if self.shaded:
            self._shade(ax, rows)
        for place, curve in enumerate(self.curves):
            curve.draw(ax, rows, inner, 18 * stack.sizes.pitch, 2 + place)
        for at, color, filled in self.marks:
            ax.plot(
                high,
                np.interp(at, np.arange(len(rows)), rows),
                "<",
                ms=5,
                mfc=color if filled else "white",
                mec=color,
                mew=0.9,
                clip_on=False,
                zorder=6,
            )
        ax.spines[["left", "right", "top"]].set_visible(False)
        ax.tick_params(axis="x", labelsize=style.NOTE)
        if self.log:
            _name_decades(ax, low, high)
        else:
            ax.locator_params(axis="x", nbins=4 if ax.get_window_extent().width < 300 else 5)
        if self.title:
            ax.set_title(self.title, size=style.NOTE, loc="left", pad=3)

    def _span(self) -> tuple[float, float]:
        figures = np.array([curve.points for curve in self.curves])
        drawn = figures[np.isfinite(figures)]
        if not drawn.size:
            return (1.0, 10.0) if self.log else (0.0, 1.0)
        low, high = float(drawn.min()), float(drawn.max())
        if self.log:
            return low / 1.15, high * 1.15
        margin = 0.06 * (high - low) or 0.5
        return low - margin, high + margin

    def _shade(self, ax: Axes, rows: NDArray[np.float64]) -> None:
        reference, own = self.curves[0].points[:, 0], self.curves[1].points[:, 0]
        known = np.isfinite(reference) & np.isfinite(own)
        ax.fill_betweenx(
            rows[known],
            own[known],
            reference[known],
            where=(reference > own)[known],
            interpolate=True,
            color=style.WORSE,
            alpha=0.22,
            lw=0,
            zorder=1,
        )


def _name_decades(ax: Axes, low: float, high: float) -> None:
    """Name round numbers on a logarithmic axis, as many as there is room for."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    for steps in ((1, 2, 5), (1, 3), (1,)):
        named = [s * 10.0**p for p in range(first, last + 1) for s in steps]
        named = [value for value in named if low <= value <= high]
        if len(named) <= 5:
            break
    ax.set_xticks(named, [f"{value:g}" for value in named])
    ax.set_xticks([], minor=True)
