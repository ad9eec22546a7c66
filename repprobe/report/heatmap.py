"""The layer heatmap: layer x class for one model, layer x model or epoch for several."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from repprobe.probes.scores import ALL, Scores
from repprobe.report import style
from repprobe.report.cells import Cells
from repprobe.report.grid import Column
from repprobe.report.order import in_order
from repprobe.report.table import MISSING, Table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Kind = Literal["model", "class", "epoch", "reference", "intervention"]
"""What a column is: overall figures of a model, one of its classes, a model by its epoch, a model
that others are compared with, the network itself after something was done to one layer."""

INTERVENTIONS = ("rewound", "retrained")
"""Metrics of the network's own figure after a layer's block was changed."""

_APART = ("reference", "intervention")

MANY_EPOCHS = 8
"""Epochs past which their columns are narrow, with numbers of two digits."""


@dataclass(frozen=True)
class LayerHeatmap:
    """Test figures of every layer, to be drawn as a heatmap.

    Attributes
    ----------
    metric : "accuracy" or "r2".
    layers : row names from `input` to `output`, `(n_layers,)`.
    columns : column names, `(n_columns,)`: "all" and the classes, or the models or their epochs;
        then, set apart, references and interventions.
    kinds : what each column is, `(n_columns,)`.
    values : `(n_layers, n_columns)`, accuracy in 0…1 or R²; NaN where there is no figure.
    absent : `(n_layers, n_columns)`, whether the model has no such layer, or nothing was done to
        it; a NaN elsewhere is a layer whose figure could not be had.
    best : row of the best probed layer per column, for the columns that hold overall figures.
    chance : accuracy of guessing, 0 for R².
    model : the model's name if there is one model, references aside, else "".
    """

    metric: str
    layers: list[str]
    columns: list[str]
    kinds: list[Kind]
    values: NDArray[np.float64]
    absent: NDArray[np.bool_]
    best: dict[int, int]
    chance: float
    model: str

    @classmethod
    def from_scores(
        cls,
        scores: Scores,
        *,
        references: Sequence[str] = (),
        epochs: Mapping[str, int] | None = None,
    ) -> LayerHeatmap:
        """Take the figures out of the scores; raises DataError if there are none to draw.

        Parameters
        ----------
        scores : of one model or of several.
        references : models that the others are compared with.
        epochs : model to the epoch after which it was kept; if all but the references have one,
            they stand in the order of epochs.
        """
        table = Table.from_scores(scores)
        models, by_epoch = in_order(table.models, references, epochs)
        single = len(models) == 1
        places: list[tuple[str, Kind, str, str]] = [
            (str((epochs or {})[m]), "epoch", m, ALL) if by_epoch else (m, "model", m, ALL)
            for m in models
        ]
        if single and table.classes:
            places = [(ALL, "model", models[0], ALL)]
            places += [(name, "class", models[0], name) for name in table.classes]
        places += [(m, "reference", m, ALL) for m in table.models if m not in models]
        best = {
            column: table.layers.index(layer)
            for column, (_, _, model, group) in enumerate(places)
            if group == ALL and (layer := table.best(model)) is not None
        }
        values = [[table.value(m, la, g) for _, _, m, g in places] for la in table.layers]
        absent = [[(m, la) not in table.present for _, _, m, _ in places] for la in table.layers]
        names: list[tuple[str, Kind]] = [(name, kind) for name, kind, _, _ in places]
        for metric in INTERVENTIONS:
            found = Table.of_metric(scores, metric)
            for name, model in zip((n for n, *_ in places), models, strict=False):
                figures = [found.get((model, la), MISSING)[0] for la in table.layers]
                if np.isfinite(figures).any():
                    names.append((metric if single else f"{name} {metric}", "intervention"))
                    values = [[*row, v] for row, v in zip(values, figures, strict=True)]
                    absent = [
                        [*row, (model, la) not in found]
                        for row, la in zip(absent, table.layers, strict=True)
                    ]
        return cls(
            metric=table.metric,
            layers=table.layers,
            columns=[name for name, _ in names],
            kinds=[kind for _, kind in names],
            values=np.array(values),
            absent=np.array(absent),
            best=best,
            chance=table.chance,
            model=models[0] if single else "",
        )

    @property
    def by_class(self) -> bool:
        """Whether the columns are classes, not models."""
        return "class" in self.kinds

    def limits(self) -> tuple[float, float]:
        """Return the ends of the colour scale, in the unit of the values.

        It covers the data in steps of .1, and begins no higher than chance; for R² it begins
        at 0, the score of a constant guess, however far below a layer may be.
        """
        finite = self.values[np.isfinite(self.values)]
        if not finite.size:
            return 0.0, 1.0
        low = 0.0 if self.metric == "r2" else min(float(finite.min()), self.chance)
        steps = math.floor(10 * low + 1e-9), math.ceil(10 * float(finite.max()) - 1e-9)
        return steps[0] / 10, max(steps[1], steps[0] + 1) / 10

    def draw(self, ax: Axes | None = None, *, title: str | None = None, note: str = "") -> Axes:
        """Draw the heatmap and return its axes.

        Parameters
        ----------
        ax : axes to draw into; by default those of a new figure as large as its content, which
            is then `.figure` of what is returned.
        title : by default the model's name, if there is one model.
        note : a sentence to stand below the title (new figures only).
        """
        return self._cells().draw(ax, self.model if title is None else title, note)

    def _cells(self) -> Cells:
        low, high = (style.scaled(v, self.metric) for v in self.limits())
        finite = self.values[np.isfinite(self.values)]
        below = bool((finite < self.limits()[0] - 1e-9).any())
        many = self.kinds.count("epoch") > MANY_EPOCHS
        brief = [k == "class" or (k == "epoch" and many) for k in self.kinds]
        return Cells(
            layers=self.layers,
            columns=[
                Column(name, brief=b, extra=kind * (kind in _APART))
                for name, kind, b in zip(self.columns, self.kinds, brief, strict=True)
            ],
            values=np.vectorize(style.scaled)(self.values, self.metric),
            texts=[
                [
                    "" if gone else style.number(value, self.metric, 0 if b else 1)
                    for value, gone, b in zip(row, absent, brief, strict=True)
                ]
                for row, absent in zip(self.values.tolist(), self.absent, strict=True)
            ],
            label=style.metric_label(self.metric),
            limits=(low, high),
            cmap=style.COLORMAP,
            ticks=self._ticks,
            extend="min" if below else "neither",
            hatched={
                (int(row), int(column)): "absent" if self.absent[row, column] else "failed"
                for row, column in np.argwhere(~np.isfinite(self.values))
                if not (self.absent[row, column] and self.kinds[column] == "intervention")
            },
            framed=[(row, column) for column, row in self.best.items()],
            bold=self.layers[self.best[0]] if self.model and 0 in self.best else "",
            caption="class" if self.by_class else "epoch" * ("epoch" in self.kinds),
        )

    def _ticks(self, height: float) -> list[float]:
        # Both ends are named, and every tenth or every other between them.
        low, high = (round(10 * end) for end in self.limits())
        step = 1 if (high - low + 1) * 0.17 <= height else 2
        steps = [*range(low, high, step), high]
        return [style.scaled(tenth / 10, self.metric) for tenth in steps]
