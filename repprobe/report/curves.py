"""The training curves: what a network gets right, and what it learned by heart, over epochs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from repprobe.data.dataset import Task
from repprobe.errors import DataError
from repprobe.report import style
from repprobe.report.layout import Heading, Ruler, leading, new_figure, place
from repprobe.report.panel import Panel

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PLOT, HIGH, LOW = 3.0, 1.9, 0.75
"""Inches: width of the panels, height of the first and of the others."""

_GAP = 0.12


@dataclass(frozen=True)
class TrainingCurves:
    """What was measured after each epoch of a training run.

    Attributes
    ----------
    epochs : int64 (n,), increasing.
    panels : the leading measure first and the loss last: for classification accuracy, in per
        cent; for regression MAPE, where no target is 0, and MSE. Their lines are
        "noisy_train" (against the labels that were learned), "clean_train" (against the trusted
        ones), "memorized" (share of the wrong labels that are answered) and "test". Lines without
        a number are left out; so is "noisy_train" where no label was wrong.
    """

    epochs: NDArray[np.int64]
    panels: list[Panel]

    @classmethod
    def from_history(
        cls, history: Sequence[Mapping[str, Any]], task: Task = "classification"
    ) -> TrainingCurves:
        """Take the figures out of a history: one record per epoch, as `repprobe.train` keeps it.

        Raises DataError for a history without records.
        """
        if not history:
            raise DataError("no epoch was trained, so there are no curves to draw.")
        epochs = np.array([record["epoch"] for record in history], np.int64)

        def panel(name: str, scale: float, suffix: str, *lines: str) -> Panel | None:
            figures = {line: scale * _column(history, line + suffix) for line in lines}
            found = {line: v for line, v in figures.items() if np.isfinite(v).any()}
            return Panel(name, epochs, _without_twin(found)) if found else None

        parts = ("noisy_train", "clean_train", "test")
        if task == "regression":
            panels = [panel("mape", 1, "", *parts), panel("mse", 1, "_mse", *parts)]
        else:
            panels = [panel("accuracy", 100, "", *parts[:2], "memorized", "test")]
        panels.append(panel("loss", 1, "", "loss"))
        return cls(epochs, [each for each in panels if each is not None])

    def draw(self, ax: Axes | None = None, *, title: str = "", note: str = "") -> Axes:
        """Draw the curves and return the axes of the leading measure.

        Parameters
        ----------
        ax : axes to draw the leading measure into; by default a new figure is made, `.figure` of
            what is returned, with all panels.
        title, note : a name, and a sentence to stand below it (new figures only).
        """
        with style.look():
            if ax is None:
                return self._draw_page(title, note)
            self.panels[0].draw(ax, ax.get_window_extent().height / ax.figure.dpi)
            self._scale_epochs(ax)
            ax.set_xlabel("Epoch", size=style.LABEL)
            if title:
                ax.set_title(title, loc="left", weight="bold")
            return ax

    def _draw_page(self, title: str, note: str) -> Axes:
        ruler, pad = Ruler(), style.PAD
        left = pad + leading(style.LABEL) + ruler.width("0.000", style.NOTE) + 0.1
        texts = [text for panel in self.panels for text in panel.texts()]
        width = left + PLOT + 0.12 + ruler.widest(texts, style.NOTE, "bold") + pad
        heading = Heading.fit(ruler, title, note, width)
        heights = [HIGH, *[LOW] * (len(self.panels) - 1)]
        foot = leading(style.NOTE) + 0.06 + leading(style.LABEL) + pad
        top = pad + heading.height
        figure = new_figure(width, top + sum(heights) + _GAP * (len(heights) - 1) + foot)
        heading.draw(figure)
        drawn = []
        for panel, height in zip(self.panels, heights, strict=True):
            ax = place(figure, left, top, PLOT, height)
            panel.draw(ax, height)
            self._scale_epochs(ax)
            ax.tick_params(axis="x", labelbottom=False)
            ax.yaxis.set_label_coords(-(left - pad) / PLOT, 0.5)
            ax.yaxis.label.set_verticalalignment("top")
            drawn.append(ax)
            top += height + _GAP
        drawn[-1].tick_params(axis="x", labelbottom=True)
        drawn[-1].set_xlabel("Epoch", size=style.LABEL, labelpad=2)
        return drawn[0]

    def _scale_epochs(self, ax: Axes) -> None:
        from matplotlib.ticker import MaxNLocator

        first, last = int(self.epochs[0]), int(self.epochs[-1])
        margin = min(max(0.02 * (last - first), 0.1), 0.9)
        ax.set_xlim(first - margin, last + margin)
        if first == last:
            ax.set_xticks([first])
        else:
            ax.xaxis.set_major_locator(MaxNLocator(6, integer=True, steps=[1, 2, 5, 10]))


def _column(history: Sequence[Mapping[str, Any]], name: str) -> NDArray[np.float64]:
    found = (record.get(name) for record in history)
    return np.array([np.nan if value is None else value for value in found], np.float64)


def _without_twin(figures: dict[str, NDArray[np.float64]]) -> dict[str, NDArray[np.float64]]:
    """Leave out "noisy_train" if it is "clean_train", and no label could be memorized."""
    noisy, clean = (figures.get(name) for name in ("noisy_train", "clean_train"))
    if noisy is None or clean is None or "memorized" in figures:
        return figures
    twins = np.array_equal(noisy, clean, equal_nan=True)
    return {name: v for name, v in figures.items() if not (twins and name == "noisy_train")}
