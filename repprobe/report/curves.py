"""The training curves: what a network gets right, and what it learned by heart, over epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from repprobe.errors import DataError
from repprobe.report import style
from repprobe.report.layout import Heading, Ruler, leading, new_figure, place
from repprobe.report.legend import DASHED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PLOT, HIGH, LOW = 3.0, 1.9, 0.75
"""Inches: width of the panels, height of the upper one and of the one with the loss."""

FEW = 15
"""Epochs up to which every one is marked by a dot."""

WIDE_RANGE = 20.0
"""Ratio of largest to smallest past which errors are drawn on a logarithmic axis."""

_MEASURES = {"accuracy": "Accuracy (%)", "mape": "MAPE (%)"}
_NAMES = {
    "noisy_train": "noisy-train",
    "clean_train": "clean-train",
    "memorized": "of wrong labels memorized",
    "test": "test",
}


@dataclass(frozen=True)
class TrainingCurves:
    """What was measured after each epoch of a training run.

    Attributes
    ----------
    metric : "accuracy", or "mape" for regression (in per cent, the lower the better).
    epochs : int64 (n,), increasing, from 1.
    figures : (n,) each, NaN where nothing was measured: "test", "clean_train" (against the true
        labels of the training part), "noisy_train" (against those it was trained on) and
        "memorized" (share of the wrong labels that are answered); shares, or per cent for MAPE.
        Those without a number at any epoch are left out; so is "noisy_train" where it is
        "clean_train" throughout and nothing could be memorized.
    loss : (n,), the mean loss of each epoch.
    """

    metric: str
    epochs: NDArray[np.int64]
    figures: dict[str, NDArray[np.float64]]
    loss: NDArray[np.float64]

    @classmethod
    def from_history(
        cls, history: Sequence[Mapping[str, Any]], task: str = "classification"
    ) -> TrainingCurves:
        """Take the figures out of a history: one record per epoch, as `repprobe.train` keeps it.

        Raises DataError for a history without records.
        """
        if not history:
            raise DataError("no epoch was trained, so there are no curves to draw.")

        def column(name: str) -> NDArray[np.float64]:
            found = (record.get(name) for record in history)
            return np.array([np.nan if value is None else value for value in found], np.float64)

        figures = {name: column(name) for name in _NAMES}
        figures = {name: values for name, values in figures.items() if np.isfinite(values).any()}
        noisy, clean = (figures.get(name) for name in ("noisy_train", "clean_train"))
        same = noisy is not None and clean is not None and np.array_equal(noisy, clean, True)
        if same and "memorized" not in figures:
            del figures["noisy_train"]
        return cls(
            metric="accuracy" if task == "classification" else "mape",
            epochs=np.array([record["epoch"] for record in history], np.int64),
            figures=figures,
            loss=column("loss"),
        )

    @property
    def best(self) -> int | None:
        """The place of the first epoch with the best test figure, None if there is none."""
        test = self.figures.get("test")
        if test is None:
            return None
        return int(np.nanargmax(test) if self.metric == "accuracy" else np.nanargmin(test))

    def draw(self, ax: Axes | None = None, *, title: str = "", note: str = "") -> Axes:
        """Draw the curves and return their axes.

        Parameters
        ----------
        ax : axes to draw into, without the loss; by default those of a new figure with a second
            panel for the loss, which is then `.figure` of what is returned.
        title, note : a name, and a sentence to stand below it (new figures only).
        """
        with style.look():
            if ax is None:
                return self._draw_page(Ruler(), title, note)
            self._draw_figures(ax, ax.get_window_extent().height / ax.figure.dpi)
            self._scale_epochs(ax)
            if title:
                ax.set_title(title, loc="left", weight="bold")
            return ax

    def _draw_page(self, ruler: Ruler, title: str, note: str) -> Axes:
        pad, tick = style.PAD, leading(style.NOTE) + 0.06
        left = pad + leading(style.LABEL) + ruler.width("0.000", style.NOTE) + 0.1
        names = [self._key(name) for name in self.figures]
        width = left + PLOT + 0.12 + ruler.widest(names, style.NOTE, "bold") + pad
        heading = Heading.fit(ruler, title, note, width)
        top = pad + heading.height
        below = top + HIGH + 0.12
        height = below + LOW + tick + leading(style.LABEL) + pad
        figure = new_figure(width, height)
        heading.draw(figure)
        upper = place(figure, left, top, PLOT, HIGH)
        self._draw_figures(upper, HIGH)
        upper.tick_params(axis="x", labelbottom=False)
        upper.set_xlabel("")
        lower = place(figure, left, below, PLOT, LOW)
        self._draw_loss(lower)
        for axes in (upper, lower):
            self._scale_epochs(axes)
            axes.yaxis.set_label_coords(-(left - pad) / PLOT, 0.5)
            axes.yaxis.label.set_verticalalignment("top")
        lower.set_xlabel("Epoch", size=style.LABEL, labelpad=2)
        return upper

    def _draw_figures(self, ax: Axes, height: float) -> None:
        ax.set_ylabel(_MEASURES[self.metric], size=style.LABEL)
        self._prepare(ax)
        scale = 100 if self.metric == "accuracy" else 1
        for name, values in self.figures.items():
            self._draw_line(
                ax,
                scale * values,
                color=_color(name),
                lw=1.8 if name == "test" else 1.1,
                ls=DASHED if name == "memorized" else "-",
                zorder=4 if name == "test" else 3,
            )
        if self.metric == "accuracy":
            ax.set_ylim(-3, 103)
            ax.set_yticks(range(0, 101, 20))
        else:
            _scale_errors(ax, np.concatenate(list(self.figures.values())))
        if self.best is not None and len(self.epochs) > 1:
            ax.plot(
                self.epochs[self.best],
                scale * self.figures["test"][self.best],
                "o",
                ms=6.5,
                mfc="none",
                mec=_color("test"),
                mew=0.8,
                zorder=5,
                clip_on=False,
            )
        self._name_lines(ax, height, scale)

    def _name_lines(self, ax: Axes, height: float, scale: float) -> None:
        """Write name and last figure beside the end of every line."""
        last = {name: values[np.isfinite(values)][-1] for name, values in self.figures.items()}
        to_inches = ax.transData + ax.transAxes.inverted()
        ends = [float(to_inches.transform((1, scale * v))[1]) * height for v in last.values()]
        for name, at in zip(last, spread(ends, leading(style.NOTE), height), strict=True):
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

    def _draw_loss(self, ax: Axes) -> None:
        ax.set_ylabel("Loss", size=style.LABEL)
        self._prepare(ax)
        self._draw_line(ax, self.loss, color=style.SOFT, lw=1.1)
        _scale_errors(ax, self.loss)

    def _prepare(self, ax: Axes) -> None:
        ax.spines[["right", "top"]].set_visible(False)
        ax.grid(axis="y", color=style.RULE, lw=0.5)
        ax.set_axisbelow(True)
        ax.tick_params(axis="y", labelsize=style.NOTE)

    def _draw_line(self, ax: Axes, values: NDArray[np.float64], **looks: Any) -> None:
        """Draw through the epochs that were measured, over those that were not."""
        there = np.isfinite(values)
        dots: dict[str, Any] = {"marker": "o", "ms": 2.5} if there.sum() <= FEW else {}
        ax.plot(self.epochs[there], values[there], **dots, **looks)

    def _scale_epochs(self, ax: Axes) -> None:
        from matplotlib.ticker import MaxNLocator

        first, last = int(self.epochs[0]), int(self.epochs[-1])
        margin = min(max(0.02 * (last - first), 0.1), 0.9)
        ax.set_xlim(first - margin, last + margin)
        if first == last:
            ax.set_xticks([first])
        else:
            ax.xaxis.set_major_locator(MaxNLocator(6, integer=True, steps=[1, 2, 5, 10]))
        ax.tick_params(axis="x", labelsize=style.NOTE)

    def _key(self, name: str) -> str:
        """Return what stands at the end of a line."""
        values = self.figures[name] * (100 if self.metric == "accuracy" else 1)
        last = np.flatnonzero(np.isfinite(values))[-1]
        text = f"{_quantity(values[last])} {_NAMES[name]}"
        if name == "test" and self.best is not None and self.best < last:
            text += f", best {_quantity(values[self.best])} at epoch {self.epochs[self.best]}"
        return text


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
    kind = {"test": 0, "clean_train": 2, "memorized": 1}.get(name)
    return style.SOFT if kind is None else style.color(kind)


def _scale_errors(ax: Axes, values: NDArray[np.float64]) -> None:
    """Choose a logarithmic axis for errors over a wide range, else one with a margin."""
    found = values[np.isfinite(values)]
    if found.size and found.min() > 0 and found.max() > WIDE_RANGE * found.min():
        from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter, NullLocator

        ax.set_yscale("log")
        decades = np.log10(found.max() / found.min())
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if decades < 3 else (1,)))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        ax.yaxis.set_minor_locator(NullLocator())
        ax.yaxis.set_minor_formatter(NullFormatter())
        return
    if found.size:
        low, high = float(found.min()), float(found.max())
        margin = 0.06 * (high - low) or 0.5 * abs(high) or 1.0
        ax.set_ylim(low - margin, high + margin)
    ax.locator_params(axis="y", nbins=4)


def _quantity(percent: float) -> str:
    """Return a figure in per cent as text with its unit."""
    text = f"{percent:.1f}" if abs(percent) < 1000 else f"{percent:.3g}"
    return f"{text}{style.NBSP}%".replace("-", "−")
