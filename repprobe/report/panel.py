"""One panel of the training curves: figures over epochs, the lines named at their ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from repprobe.report import style
from repprobe.report.layout import leading
from repprobe.report.legend import DASHED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FEW = 15
"""Epochs up to which every one is marked by a dot."""

WIDE_RANGE = 20.0
"""Ratio of largest to smallest past which errors are drawn on a logarithmic axis."""

_TICKS_APART = 0.17
"""Inches that a tick's number needs."""

_NAMES = {
    "noisy_train": "noisy-train",
    "clean_train": "clean-train",
    "memorized": "of wrong labels memorized",
    "test": "test",
    "loss": "",
}
_COLORS = {"test": 0, "clean_train": 2, "memorized": 1}


@dataclass(frozen=True)
class Panel:
    """Figures of one measure, epoch by epoch.

    Attributes
    ----------
    measure : "accuracy" in per cent, "mape" in per cent, "mse" or "loss".
    epochs : int64 (n,), increasing.
    figures : name of a line → (n,), NaN where nothing was measured; a number in each.
    """

    measure: str
    epochs: NDArray[np.int64]
    figures: dict[str, NDArray[np.float64]]

    @property
    def label(self) -> str:
        """What stands at the axis."""
        known = {"accuracy": "Accuracy (%)", "mape": "MAPE (%)", "mse": "MSE"}
        return known.get(self.measure, self.measure.capitalize())

    @property
    def best(self) -> int | None:
        """The place of the first epoch with the best test figure; None without test figures."""
        test = self.figures.get("test")
        if test is None:
            return None
        return int(np.nanargmax(test) if self.measure == "accuracy" else np.nanargmin(test))

    def texts(self) -> list[str]:
        """Return what stands at the ends of the lines: last figure and name."""
        return [self._key(name) for name in self.figures]

    def draw(self, ax: Axes, height: float) -> None:
        """Draw the lines into axes `height` inches high."""
        ax.set_ylabel(self.label, size=style.LABEL)
        ax.spines[["right", "top"]].set_visible(False)
        ax.grid(axis="y", color=style.RULE, lw=0.5)
        ax.set_axisbelow(True)
        ax.tick_params(axis="both", labelsize=style.NOTE)
        for name, values in self.figures.items():
            there = np.isfinite(values)
            dots: dict[str, Any] = {"marker": "o", "ms": 2.5} if there.sum() <= FEW else {}
            ax.plot(
                self.epochs[there],
                values[there],
                color=_color(name),
                lw=1.8 if name == "test" else 1.1,
                ls=DASHED if name == "memorized" else "-",
                zorder=4 if name == "test" else 3,
                **dots,
            )
        self._scale(ax, height)
        if self.best is not None and len(self.epochs) > 1:
            at = (self.epochs[self.best], self.figures["test"][self.best])
            ring: dict[str, Any] = {"ms": 6.5, "mfc": "none", "mec": _color("test"), "mew": 0.8}
            ax.plot(*at, "o", zorder=5, clip_on=False, **ring)
        self._name_lines(ax, height)

    def _scale(self, ax: Axes, height: float) -> None:
        """Choose the vertical axis: all per cent of an accuracy, logarithmic for a wide range."""
        if self.measure == "accuracy":
            ax.set_ylim(-3, 103)
            ax.set_yticks(range(0, 101, 20))
            return
        values = np.concatenate(list(self.figures.values()))
        low, high = float(np.nanmin(values)), float(np.nanmax(values))
        if low > 0 and high > WIDE_RANGE * low:
            from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

            ax.set_yscale("log")
            room = height / np.log10(high / low)
            between = (1, 2, 5) if room > 3 * _TICKS_APART else (1,)
            ax.yaxis.set_major_locator(LogLocator(subs=between))
            ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
            ax.yaxis.set_minor_locator(NullLocator())
            return
        margin = 0.06 * (high - low) or 0.5 * abs(high) or 1.0
        ax.set_ylim(low - margin, high + margin)
        ax.locator_params(axis="y", nbins=6 if height > 1 else 4)

    def _name_lines(self, ax: Axes, height: float) -> None:
        to_share = ax.transData + ax.transAxes.inverted()
        ends = [values[np.isfinite(values)][-1] for values in self.figures.values()]
        places = [float(to_share.transform((1, end))[1]) * height for end in ends]
        for name, at in zip(self.figures, spread(places, leading(style.NOTE), height), strict=True):
            ax.annotate(
                self._key(name),
                (1, at / height),
                xycoords="axes fraction",
                xytext=(5, 0),
                textcoords="offset points",
                size=style.NOTE,
                weight="bold" if name == "test" else "normal",
                color=_color(name),
                va="center_baseline",
                annotation_clip=False,
            )

    def _key(self, name: str) -> str:
        values = self.figures[name]
        last = np.flatnonzero(np.isfinite(values))[-1]
        text = f"{self._quantity(values[last])} {_NAMES[name]}".strip()
        if name == "test" and self.best is not None and self.best < last:
            best = self._quantity(values[self.best])
            text += f", best {best} at epoch {self.epochs[self.best]}"
        return text

    def _quantity(self, value: float) -> str:
        percent = self.measure in ("accuracy", "mape")
        if 1000 <= abs(value) < 1e6:
            text = f"{value:,.0f}"
        elif percent and abs(value) < 1000:
            text = f"{value:.1f}"
        else:
            text = f"{value:.3g}"
        return text.replace("-", "−") + (f"{style.NBSP}%" if percent else "")


def spread(places: Sequence[float], gap: float, room: float) -> list[float]:
    """Move places in 0…room apart by as little as may be, so that neighbours are `gap` apart."""
    order = np.argsort(places, kind="stable")
    steps = gap * np.arange(len(order))
    # Least squares under an order: neighbours that are out of it share their mean.
    blocks: list[list[float]] = []
    for wanted in np.asarray(places)[order] - steps:
        blocks.append([float(wanted)])
        while len(blocks) > 1 and np.mean(blocks[-2]) > np.mean(blocks[-1]):
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    moved = np.concatenate([np.full(len(block), np.mean(block)) for block in blocks])
    result = np.empty(len(order))
    result[order] = np.clip(moved, 0, max(room - gap * (len(order) - 1), 0)) + steps
    return [float(at) for at in result]


def _color(name: str) -> str:
    return style.color(_COLORS[name]) if name in _COLORS else style.SOFT
