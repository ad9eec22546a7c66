"""Damage: a heatmap of several models on one scale, a profile of a single one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, cast

import numpy as np
from numpy.typing import NDArray

from repprobe.errors import DataError
from repprobe.probes.scores import INPUT, Scores
from repprobe.report import style
from repprobe.report.cells import Cells
from repprobe.report.depth_page import DepthPage, Key
from repprobe.report.depth_panel import Curve, DepthPanel
from repprobe.report.grid import Column
from repprobe.report.heatmap import MANY_EPOCHS
from repprobe.report.order import in_order
from repprobe.report.table import MISSING, Point, Table, depth_order

if TYPE_CHECKING:
    from matplotlib.axes import Axes

METRIC = "damage"

_STEPS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
"""Ends of the colour scale: accuracy and R² alike."""


@dataclass(frozen=True)
class DamageHeatmap:
    """Damage of every layer of several models, to be drawn on one scale.

    Attributes
    ----------
    metric : the metric that damage is a difference of, "accuracy" or "r2".
    layers : row names, `(n_layers,)`.
    columns : models, or their epochs, `(n_columns,)`.
    by_epoch : whether the columns are epochs.
    values, low, high : `(n_layers, n_columns)`, damage and its 95 % interval; NaN where there is
        none.
    onsets : column to the row where damage begins.
    reference : what the models are compared with; "" where that is not known.
    """

    metric: str
    layers: list[str]
    columns: list[str]
    by_epoch: bool
    values: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    onsets: dict[int, int]
    reference: str = ""

    @classmethod
    def from_scores(
        cls,
        scores: Scores,
        *,
        onsets: Mapping[str, str] | None = None,
        epochs: Mapping[str, int] | None = None,
        references: Mapping[str, tuple[str, ...]] | None = None,
    ) -> DamageHeatmap:
        """Take the `damage` rows out of the scores; raises DataError if there are none.

        Parameters
        ----------
        scores : of one model or of several.
        onsets : model to the layer where its damage begins.
        epochs : model to the epoch after which it was kept; if all have one, they stand in the
            order of epochs.
        references : model to the labels of what it was compared with; none is its own best layer.
        """
        found = Table.of_metric(scores, METRIC)
        models, by_epoch = in_order(_models(found), (), epochs)
        layers = depth_order(r for r in scores if r.model in models and r.layer != INPUT)
        points = np.array([[found.get((m, la), MISSING) for m in models] for la in layers])
        begins = onsets or {}
        return cls(
            metric=scores.metric,
            layers=layers,
            columns=[str((epochs or {})[m]) if by_epoch else m for m in models],
            by_epoch=by_epoch,
            values=points[..., 0],
            low=points[..., 1],
            high=points[..., 2],
            onsets={
                column: layers.index(begins[model])
                for column, model in enumerate(models)
                if begins.get(model) in layers
            },
            reference=_reference([(references or {}).get(model) for model in models]),
        )

    def limit(self) -> float:
        """Return the end of the colour scale, the same on both sides of 0."""
        finite = np.abs(self.values[np.isfinite(self.values)])
        largest = float(finite.max()) if finite.size else 0.0
        return next((step for step in _STEPS if step >= largest - 1e-9), _STEPS[-1])

    def draw(self, ax: Axes | None = None, *, title: str = "Damage", note: str = "") -> Axes:
        """Draw the heatmap and return its axes.

        Parameters
        ----------
        ax : axes to draw into; by default those of a new figure as large as its content, which
            is then `.figure` of what is returned.
        title : "" for none.
        note : a sentence to stand below the title (new figures only).
        """
        return self._cells().draw(ax, title, note)

    def _cells(self) -> Cells:
        limit = self.limit()
        end = style.scaled(limit, self.metric)
        brief = self.by_epoch and len(self.columns) > MANY_EPOCHS
        sure = np.isfinite(self.low) & ((self.low > 0) | (self.high < 0))
        beyond = np.abs(np.nan_to_num(self.values)) > limit + 1e-9
        reference = f"Reference ({self.reference})" if self.reference else "Reference"
        told = [f"{reference} minus model; positive is worse."]
        if sure.any():
            told.append(f"Dot: the 95{style.NBSP}% interval excludes 0.")
        if self.onsets:
            told.append("Frame: where damage begins.")
        return Cells(
            layers=self.layers,
            columns=[Column(name, brief=brief) for name in self.columns],
            values=np.vectorize(style.scaled)(self.values, self.metric),
            texts=[
                [_text(v, self.metric, 0 if brief else 1) if math.isfinite(v) else "" for v in row]
                for row in self.values.tolist()
            ],
            label="Damage (R²)" if self.metric == "r2" else "Damage (points)",
            limits=(-end, end),
            cmap=style.DIVERGING,
            ticks=lambda _: np.linspace(-end, end, 5).tolist(),
            extend="both" if beyond.any() else "neither",
            framed=[(row, column) for column, row in self.onsets.items()],
            dotted=[(int(row), int(column)) for row, column in np.argwhere(sure)],
            caption="epoch" * self.by_epoch,
            foot=" ".join(told),
        )


@dataclass(frozen=True)
class DamageProfile:
    """A model beside its reference, layer by layer, and the damage between them.

    Attributes
    ----------
    metric : "accuracy" or "r2".
    model, reference : what they are called; "" where the reference is not known.
    layers : names from `input` to `output`.
    own, theirs : layer to the test figure of the model and of the reference, with intervals.
    damage : layer to the damage, with its interval.
    onset : the layer where it begins, None if there is none.
    """

    metric: str
    model: str
    reference: str
    layers: list[str]
    own: dict[str, Point]
    theirs: dict[str, Point]
    damage: dict[str, Point]
    onset: str | None

    @classmethod
    def from_scores(
        cls, scores: Scores, *, references: tuple[str, ...] = (), onset: str | None = None
    ) -> DamageProfile:
        """Take the figures of the one model with `damage` rows out of the scores.

        Its reference is as much above the model as damage says, so that several references
        stand as their mean, and the best layer of the model itself stands where it was compared.

        Parameters
        ----------
        scores : with the rows of the references, or without.
        references : labels of what the model was compared with; none is its own best layer.
        onset : the layer where its damage begins.

        Raises
        ------
        DataError : there are no `damage` rows, or those of several models.
        """
        found = Table.of_metric(scores, METRIC)
        models = _models(found)
        if len(models) > 1:
            raise DataError("a damage profile is of one model; draw a heatmap of several.")
        model = models[0]
        table = Table.from_scores(scores.where(model=model))
        own = {la: table.point(model, la) for la in table.layers}
        damage = {la: point for (_, la), point in found.items()}
        theirs = {
            la: (own[la][0] + value, math.nan, math.nan) for la, (value, _, _) in damage.items()
        }
        if len(references) == 1 and references[0] in scores.models:
            whole = Table.from_scores(scores.where(model=references[0]))
            theirs = {la: whole.point(references[0], la) for la in table.layers}
        best = Table.from_scores(scores).best(model)  # as diagnosed, with what is in memory
        if len(references) > 1:
            name = f"mean of {len(references)} references"
        elif references:
            name = references[0]
        else:
            name = "" if best in damage else f"its best layer, {best}"
        return cls(table.metric, model, name, table.layers, own, theirs, damage, onset)

    def draw(self, *, title: str | None = None, note: str = "") -> Axes:
        """Draw a figure as large as its content and return its axes.

        Parameters
        ----------
        title : by default the model's name.
        note : a sentence to stand below the title.
        """
        mine, other = style.color(0), style.color(1)
        curves = [
            Curve.of(self.theirs, self.layers, self.metric, other),
            Curve.of(self.own, self.layers, self.metric, mine),
        ]
        keys = [
            Key(f"reference: {self.reference}" if self.reference else "reference", other, "o"),
            Key(self.model, mine, "o"),
            Key("damage: reference minus model, in points at the right", style.WORSE, area=True),
        ]
        if self.metric == "r2":
            keys[2] = Key("damage: reference minus model, at the right", style.WORSE, area=True)
        label = f"{style.metric_label(self.metric)}\n95{style.NBSP}% intervals"
        page = DepthPage(
            layers=self.layers,
            panels=[DepthPanel(label, curves, shaded=True)],
            keys=keys,
            bold=self.onset,
            remarks=self._remarks(),
        )
        return page.draw(self.model if title is None else title, note)

    def _remarks(self) -> dict[int, str]:
        remarks = {}
        for row, layer in enumerate(self.layers):
            value, low, high = self.damage.get(layer, MISSING)
            if not math.isfinite(value):
                continue
            remarks[row] = _text(value, self.metric)
            if layer == self.onset:
                ends = f"{_text(low, self.metric)} to {_text(high, self.metric)}"
                remarks[row] += f" ({ends}), begins" if math.isfinite(low) else ", begins"
        return remarks


def _text(value: float, metric: str, decimals: int = 1) -> str:
    """Return the figure as text, nothing being no less than 0."""
    text = style.number(value, metric, decimals)
    return text if text.strip("−0.") else text.lstrip("−")


def _reference(compared: list[tuple[str, ...] | None]) -> str:
    """Return what stands for the references of several models; "" where they are not known."""
    sets = list(dict.fromkeys(compared))
    if None in sets:
        return ""
    if len(sets) > 1:
        return "each model's own"
    (names,) = cast("list[tuple[str, ...]]", sets)
    if not names:
        return "each model's best layer"
    return names[0] if len(names) == 1 else f"mean of {len(names)}"


def _models(found: Mapping[tuple[str, str], Point]) -> list[str]:
    models = list(dict.fromkeys(model for model, _ in found))
    if not models:
        raise DataError("there is no damage to draw: the table has no row with metric 'damage'.")
    return models
