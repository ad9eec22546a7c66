"""The depth profile: test figures from input to output with their 95 % intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from repprobe.probes.scores import INPUT, OUTPUT, Scores
from repprobe.report import style
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
from repprobe.report.legend import DASHED, MOST_LINES, add_legend, fit_keys
from repprobe.report.table import Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

PLOT, PLOT_OF_MANY = 2.2, 3.0
"""Inches: width of the plot itself, for one model and for several."""


@dataclass(frozen=True)
class DepthProfile:
    """Overall test figures along the depth of one or several models.

    Attributes
    ----------
    metric : "accuracy" or "r2".
    layers : names from `input` to `output`, `(n_layers,)`.
    models : labels, `(n_models,)`.
    values, low, high : `(n_models, n_layers)`, the figures and their 95 % intervals.
    failed : `(n_models, n_layers)`, whether the model has the layer but no figure for it.
    best : index of the best probed layer per model, None if no layer has a figure.
    probe : kinds of probe, as in "logistic".
    """

    metric: str
    layers: list[str]
    models: list[str]
    values: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    failed: NDArray[np.bool_]
    best: list[int | None]
    probe: str

    @classmethod
    def from_scores(cls, scores: Scores) -> DepthProfile:
        """Take the figures out of the scores; raises DataError if there are none to draw."""
        table = Table.from_scores(scores)
        points = np.array([[table.point(m, la) for la in table.layers] for m in table.models])
        best = [table.best(model) for model in table.models]
        return cls(
            metric=table.metric,
            layers=table.layers,
            models=table.models,
            values=points[..., 0],
            low=points[..., 1],
            high=points[..., 2],
            failed=np.array(
                [
                    [
                        (m, la) in table.present and math.isnan(table.value(m, la))
                        for la in table.layers
                    ]
                    for m in table.models
                ]
            ),
            best=[None if layer is None else table.layers.index(layer) for layer in best],
            probe=" or ".join(table.probes),
        )

    def limits(self) -> tuple[float, float]:
        """Return the ends of the axis, in the unit of the values."""
        return style.span(np.concatenate([self.values, self.low, self.high]), self.metric)

    def draw(self, ax: Axes | None = None, *, title: str | None = None, note: str = "") -> Axes:
        """Draw the profile and return its axes.

        Parameters
        ----------
        ax : axes to draw into; by default those of a new figure as large as its content, which
            is then `.figure` of what is returned.
        title : by default the model's name, if there is one model.
        note : a sentence to stand below the title (new figures only).
        """
        if title is None:
            title = self.models[0] if len(self.models) == 1 else ""
        with style.look():
            if ax is None:
                return self._draw_page(title, note)
            stack = Stack.of(self.layers)
            self._draw_lines(ax, stack)
            ax.set_xlabel("\n".join(self._axis_label()), size=style.LABEL)
            raised = 0.0
            if len(self.models) > 1:
                legend = add_legend(ax, self.models, dashed=self._own_lines)
                raised = legend.get_window_extent().height / ax.figure.dpi * 72
            if title:
                ax.set_title(title, loc="left", weight="bold", pad=raised + 6)
            return ax

    def _draw_page(self, title: str, note: str) -> Axes:
        ruler, stack, pad = Ruler(), Stack.of(self.layers), style.PAD
        names = ruler.widest(self.layers, stack.sizes.label, "bold") + 0.08
        remarks = ruler.widest(list(self._remarks().values()), style.NOTE, "bold")
        plot = PLOT if len(self.models) == 1 else PLOT_OF_MANY
        width = max(LEAST_WIDTH, pad + names + plot + max(0.12 + remarks, 0.2) + pad)
        heading = Heading.fit(ruler, title, note, width)
        tick = leading(style.NOTE) + 0.06
        label = [
            line for part in self._axis_label() for line in ruler.wrap(part, style.LABEL, plot)
        ]
        keys = fit_keys(self._keys(), ruler, width - 2 * pad)

        figure = new_figure(width, 1.0)
        key_height = 0.0
        if keys:
            legend = add_legend(place(figure, 0, 0, 1, 1), keys, dashed=self._own_lines)
            key_height = legend.get_window_extent().height / style.DPI + 0.04
            figure.clear()

        tall = len(self.layers) > 40
        top = pad + heading.height + key_height + tick * tall
        foot = tick + len(label) * leading(style.LABEL) + 0.04
        height = top + stack.height + foot + pad
        figure.set_size_inches(width, height)
        heading.draw(figure)
        ax = place(figure, pad + names, top, plot, stack.height)
        self._draw_lines(ax, stack)
        ax.tick_params(axis="x", top=tall, labeltop=tall)
        ax.set_xlabel("\n".join(label), labelpad=2)
        if keys:
            legend = add_legend(ax, keys, dashed=self._own_lines)
            corner = (pad / width, 1 - (pad + heading.height) / height)
            legend.set_bbox_to_anchor(corner, figure.transFigure)
            legend.set_loc("upper left")
        return ax

    def _draw_lines(self, ax: Axes, stack: Stack) -> None:
        rows = np.array(stack.centres)
        low, high = (style.scaled(v, self.metric) for v in self.limits())
        ax.set_xlim(low, high)
        ax.hlines(rows, low, high, color=style.RULE, lw=0.5, zorder=0)
        best = self._best_name()
        name_rows(ax, self.layers, stack, best)
        ax.spines[["left", "right", "top"]].set_visible(False)
        ax.locator_params(axis="x", nbins=5)
        ax.tick_params(axis="x", labelsize=style.NOTE)
        shift = 0.0 if len(self.models) == 1 else 0.15 * stack.sizes.pitch
        for model, away in enumerate(np.linspace(-shift, shift, len(self.models))):
            self._draw_model(ax, model, rows + away, stack)
        for row, text in self._remarks().items():
            ax.annotate(
                text,
                (1, rows[row]),
                xycoords=("axes fraction", "data"),
                xytext=(5, 0),
                textcoords="offset points",
                size=style.NOTE,
                weight="bold" if self.layers[row] == best else "normal",
                color=style.INK if self.layers[row] == best else style.SOFT,
                va="center_baseline",
                parse_math=False,
                annotation_clip=False,
            )

    def _draw_model(self, ax: Axes, model: int, rows: NDArray[np.float64], stack: Stack) -> None:
        values, low, high = (
            np.vectorize(style.scaled)(a[model], self.metric)
            for a in (self.values, self.low, self.high)
        )
        left, right = ax.get_xlim()
        color, marker = style.color(model), style.marker(model)
        size = 18 * stack.sizes.pitch
        layers = np.array([layer not in (INPUT, OUTPUT) for layer in self.layers])
        # Layers that the model does not have are bridged, layers that failed are not.
        chain = layers & (np.isfinite(values) | self.failed[model])
        off = np.isfinite(values) & (values < left)
        shown = np.where(off, left + 0.02 * (right - left), values)
        ax.plot(shown[chain], rows[chain], color=color, lw=1.1, zorder=2)
        bars = np.isfinite(low) & np.isfinite(high) & ~off
        within = np.isfinite(values) & ~off
        ring = within & (np.arange(len(values)) == self.best[model])
        for which, mark, face, wide in (
            (within & layers, marker, color, size),
            (within & ~layers, marker, "white", size),
            (off, "<", color, size),
            (ring, "o", "none", 2.4 * size),
        ):
            if which.any():  # an empty line would still claim room at the figure's corner
                ax.plot(
                    shown[which],
                    rows[which],
                    mark,
                    ms=wide,
                    mfc=face,
                    mec=color,
                    mew=0.8,
                    zorder=3,
                    clip_on=False,
                )
        if bars.any():
            ax.hlines(rows[bars], low[bars], high[bars], color=color, lw=0.9, zorder=2)
            ends = np.concatenate([low[bars], high[bars]])
            ax.plot(
                ends, np.tile(rows[bars], 2), "|", ms=1.2 * size, mew=0.9, color=color, zorder=2
            )
        if self._own_lines:
            own = self.layers.index(OUTPUT)
            if within[own]:
                ax.vlines(values[own], 0, rows[own], color=color, lw=0.8, ls=DASHED, zorder=1)

    @property
    def _own_lines(self) -> bool:
        return len(self.models) <= MOST_LINES and OUTPUT in self.layers

    def _best_name(self) -> str | None:
        best = self.best[0] if len(self.models) == 1 else None
        return None if best is None else self.layers[best]

    def _axis_label(self) -> list[str]:
        """Return the lines below the axis: what is measured, and how."""
        how = [f"{self.probe} probe"] if self.probe else []
        if np.isfinite(self.low).any():
            how.append(f"95{style.NBSP}% intervals")
        return (
            [style.metric_label(self.metric), ", ".join(how)]
            if how
            else [style.metric_label(self.metric)]
        )

    def _remarks(self) -> dict[int, str]:
        """Return what stands at the right of a row."""
        remarks = {}
        for row, layer in enumerate(self.layers):
            failed = int(self.failed[:, row].sum())
            if len(self.models) > 1:
                if failed:
                    remarks[row] = f"NaN in {failed} of {len(self.models)}"
                continue
            value = float(self.values[0, row])
            if failed:
                remarks[row] = "NaN"
            elif row == self.best[0]:
                remarks[row] = f"{style.quantity(value, self.metric)} best layer"
            elif layer == OUTPUT and math.isfinite(value):
                remarks[row] = f"{style.quantity(value, self.metric)} network's answer"
            elif value < self.limits()[0]:
                remarks[row] = style.quantity(value, self.metric)
        return remarks

    def _keys(self) -> list[tuple[str, str]]:
        """Return name and facts per model for the legend; nothing for a single model."""
        if len(self.models) == 1:
            return []
        keys = []
        for model, name in enumerate(self.models):
            facts = []
            best = self.best[model]
            if best is not None:
                value = style.quantity(float(self.values[model, best]), self.metric)
                facts.append(f"best {value} at {self.layers[best]}")
            if OUTPUT in self.layers:
                own = float(self.values[model, self.layers.index(OUTPUT)])
                if math.isfinite(own):
                    facts.append(f"output {style.quantity(own, self.metric)}")
            keys.append((name, ", ".join(facts) or "NaN in every layer"))
        return keys
