"""The budget curve: test figures against the number of clean labels that probes were fitted on."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from repprobe.errors import DataError
from repprobe.probes.scores import ALL, INPUT, OUTPUT, Scores
from repprobe.report import style
from repprobe.report.layout import Heading, Ruler, leading, new_figure, place
from repprobe.report.legend import DASHED, MOST_LINES, add_legend, add_side_legend, fit_keys
from repprobe.report.table import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.legend import Legend

PLOT, PLOT_HEIGHT = 2.7, 2.3
"""Inches: size of the plot itself; a long legend makes it higher."""

MOST_NAMES = 24
"""Layers past which the legend names only some of them."""


@dataclass(frozen=True)
class BudgetCurve:
    """Overall test figures by number of clean labels: of all layers, or of several models.

    Attributes
    ----------
    metric : "accuracy" or "r2".
    budgets : numbers of clean labels, increasing, `(n_budgets,)`; per class a mean, and no whole
        number.
    models : labels, `(n_models,)`.
    layers : what the lines are, `(n_lines,)`: the layers of one model from `input` on, or the
        best layer of each of several models ("" where none has a figure).
    values, low, high : `(n_lines, n_budgets)`, the figures and their 95 % intervals.
    own : `(n_models, 3)`, the networks' own answers and their 95 % intervals.
    best : line of the best layer if there is one model, None if no layer has a figure.
    probe : kinds of probe, as in "logistic".
    unit : what the budgets count.
    own_name : what the legend calls the network's own answer, if there is one model.
    """

    metric: str
    budgets: Sequence[float]
    models: list[str]
    layers: list[str]
    values: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    own: NDArray[np.float64]
    best: int | None
    probe: str
    unit: str = "Clean labels"
    own_name: str = OUTPUT

    @classmethod
    def from_scores(cls, scores: Scores) -> BudgetCurve:
        """Take the figures out of the scores; raises DataError for fewer than two budgets."""
        scores = scores.where(group=ALL)
        budgets = scores.budgets
        if len(budgets) < 2:
            raise DataError("a curve over clean labels needs at least two numbers of them.")
        last = Table.from_scores(scores)
        tables = [Table.from_scores(scores, budget) for budget in budgets]
        if len(last.models) == 1:
            lines = [(last.models[0], layer) for layer in last.layers if layer != OUTPUT]
            layer = last.best(last.models[0])
            best = None if layer is None else lines.index((last.models[0], layer))
        else:
            lines, best = [(m, last.best(m) or "") for m in last.models], None
        points = np.array([[table.point(m, la) for table in tables] for m, la in lines])
        return cls(
            metric=last.metric,
            budgets=budgets,
            models=last.models,
            layers=[layer for _, layer in lines],
            values=points[..., 0],
            low=points[..., 1],
            high=points[..., 2],
            own=np.array([last.point(m, OUTPUT) for m in last.models]),
            best=best,
            probe=" or ".join(last.probes),
        )

    def limits(self) -> tuple[float, float]:
        """Return the ends of the vertical axis, in the unit of the values."""
        figures = [self.values, self.low, self.high, self.own]
        return style.span(np.concatenate([f.ravel() for f in figures]), self.metric)

    def draw(self, ax: Axes | None = None, *, title: str | None = None, note: str = "") -> Axes:
        """Draw the curves and return their axes.

        Parameters
        ----------
        ax : axes to draw into; by default those of a new figure as large as its content, which
            is then `.figure` of what is returned.
        title : by default the model's name, if there is one model.
        note : a sentence to stand below the title (new figures only).
        """
        if title is None:
            title = "" if self._several else self.models[0]
        with style.look():
            ruler = Ruler()
            if ax is None:
                return self._draw_page(ruler, title, note)
            self._draw_lines(ax)
            self._scale_budgets(ax, ruler, ax.get_window_extent().width / ax.figure.dpi)
            ax.set_xlabel("\n".join(self._axis_label()), size=style.LABEL)
            legend = self._add_legend(ax, self.models)
            raised = legend.get_window_extent().height / ax.figure.dpi * 72 * self._several
            if title:
                ax.set_title(title, loc="left", weight="bold", pad=raised + 6)
            return ax

    def _draw_page(self, ruler: Ruler, title: str, note: str) -> Axes:
        pad = style.PAD
        left = pad + leading(style.LABEL) + ruler.width("−0.00", style.NOTE) + 0.1
        keys = fit_keys(self._facts(), ruler, left + PLOT)
        figure = new_figure(1.0, 1.0)
        box = self._add_legend(place(figure, 0, 0, 1, 1), keys).get_window_extent()
        wide, high = box.width / style.DPI, box.height / style.DPI
        figure.clear()

        beside, above = (0.0, high + 0.04) if self._several else (wide + 0.1, 0.0)
        width = left + PLOT + beside + pad
        heading = Heading.fit(ruler, title, note, width)
        top = pad + heading.height + above
        plot = PLOT_HEIGHT if self._several else max(PLOT_HEIGHT, high)
        label = [
            line for part in self._axis_label() for line in ruler.wrap(part, style.LABEL, PLOT)
        ]
        height = top + plot + leading(style.NOTE) + 0.1 + len(label) * leading(style.LABEL) + pad
        figure.set_size_inches(width, height)
        heading.draw(figure)
        ax = place(figure, left, top, PLOT, plot)
        self._draw_lines(ax)
        self._scale_budgets(ax, ruler, PLOT)
        ax.set_xlabel("\n".join(label), labelpad=2)
        legend = self._add_legend(ax, keys)
        if self._several:
            corner = (pad / width, 1 - (pad + heading.height) / height)
            legend.set_bbox_to_anchor(corner, figure.transFigure)
            legend.set_loc("upper left")
        return ax

    def _draw_lines(self, ax: Axes) -> None:
        low, high = (style.scaled(v, self.metric) for v in self.limits())
        ax.set_ylim(low, high)
        ax.locator_params(axis="y", nbins=6)
        ax.tick_params(axis="y", labelsize=style.NOTE)
        ax.set_ylabel(style.metric_label(self.metric), size=style.LABEL)
        ax.spines[["right", "top"]].set_visible(False)
        ax.grid(axis="y", color=style.RULE, lw=0.5)
        ax.set_axisbelow(True)
        for line, color in enumerate(self._colors()):
            values, bottom, top = (
                np.vectorize(style.scaled)(a[line], self.metric)
                for a in (self.values, self.low, self.high)
            )
            stands_out = line == self.best
            ax.fill_between(self.budgets, bottom, top, color=color, alpha=0.18, lw=0, zorder=2)
            ax.plot(
                self.budgets,
                values,
                color=color,
                marker=style.marker(line) if self._several else "o",
                lw=1.8 if stands_out else 1.0,
                ms=4.0 if stands_out or self._several else 2.5,
                mec="white" if stands_out else color,
                mew=0.6 if stands_out else 0.0,
                zorder=4 if stands_out else 3,
            )
        if self._own_lines:
            for model, figures in enumerate(self.own):
                value, bottom, top = (style.scaled(v, self.metric) for v in figures)
                color = style.color(model) if self._several else style.INK
                if math.isfinite(value):
                    ax.axhline(value, color=color, lw=0.9, ls=DASHED, zorder=3)
                    ax.axhspan(bottom, top, color=color, alpha=0.1, lw=0, zorder=1)

    def _scale_budgets(self, ax: Axes, ruler: Ruler, width: float) -> None:
        """Make the horizontal axis logarithmic, and name the budgets that have room for it."""
        ax.set_xscale("log")
        places = np.log(self.budgets)
        margin = 0.07 * (places[-1] - places[0])
        ax.set_xlim(np.exp(places[0] - margin), np.exp(places[-1] + margin))
        per_inch = (places[-1] - places[0] + 2 * margin) / width
        named: list[float] = []
        edge = math.inf
        for budget, at in reversed(list(zip(self.budgets, places / per_inch, strict=True))):
            half = ruler.width(_count(budget), style.NOTE) / 2
            if at + half + 0.05 < edge:
                named.append(budget)
                edge = at - half
        ax.set_xticks(named, [_count(budget) for budget in named], size=style.NOTE)
        ax.set_xticks(self.budgets, [""] * len(self.budgets), minor=True)

    def _add_legend(self, ax: Axes, keys: list[str]) -> Legend:
        if self._several:
            return add_legend(ax, keys, dashed=self._own_lines)
        step = math.ceil(len(self.layers) / MOST_NAMES)
        names = {
            layer: color
            for line, (layer, color) in enumerate(zip(self.layers, self._colors(), strict=True))
            if line % step == 0 or line == self.best
        }
        bold = "" if self.best is None else self.layers[self.best]
        return add_side_legend(ax, names, bold=bold, dashed=self.own_name * self._own_lines)

    def _colors(self) -> list[str]:
        if self._several:
            return [style.color(model) for model in range(len(self.models))]
        raw = [style.SOFT] * (INPUT in self.layers)
        return [*raw, *style.depth_colors(len(self.layers) - len(raw))]

    @property
    def _several(self) -> bool:
        return len(self.models) > 1

    @property
    def _own_lines(self) -> bool:
        return len(self.models) <= MOST_LINES and bool(np.isfinite(self.own[:, 0]).any())

    def _axis_label(self) -> list[str]:
        """Return the lines below the axis: what varies, and how it was measured."""
        how = [f"{self.probe} probe"] if self.probe else []
        how += ["best layer"] * self._several
        if np.isfinite(self.low).any():
            how.append(f"95{style.NBSP}% intervals")
        return [self.unit, ", ".join(how)] if how else [self.unit]

    def _facts(self) -> list[tuple[str, str]]:
        """Return name and facts per model for the legend of several."""
        facts = []
        for model, layer, own in zip(self.models, self.layers, self.own[:, 0], strict=False):
            told = [f"at {layer}" if layer else "NaN in every layer"]
            if math.isfinite(own):
                told.append(f"output {style.quantity(float(own), self.metric)}")
            facts.append((model, ", ".join(told)))
        return facts


def _count(budget: float) -> str:
    return f"{budget:,.1f}" if budget < 10 and budget % 1 else f"{budget:,.0f}"
