"""Similarity along the depth: CKA of each layer to the reference, and effective rank."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from repprobe.errors import DataError
from repprobe.probes.scores import OUTPUT, Scores
from repprobe.report import style
from repprobe.report.depth_page import DepthPage, Key, thinned
from repprobe.report.depth_panel import Curve, DepthPanel
from repprobe.report.order import in_order
from repprobe.report.table import Point, Table, depth_order

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Points = dict[tuple[str, str], Point]
"""Model and layer to a figure."""

FEW_EPOCHS = 6
"""Epochs that the legend names; the others lie between them."""

_WIDE_RANGE = 20.0
"""Ratio of largest to smallest rank past which the axis is logarithmic."""


@dataclass(frozen=True)
class SimilarityProfile:
    """How alike the layers of models are to those of a reference, and how wide they are spread.

    Attributes
    ----------
    models, names : labels, and what the legend calls them.
    references : how many of the models, the last ones, the others are compared with.
    by_epoch : whether the others are in the order of epochs.
    layers : names from `input` on.
    cka : −1…1, to the same layer of the reference; of references themselves, to one another.
    ranks : effective ranks.
    """

    models: list[str]
    names: list[str]
    references: int
    by_epoch: bool
    layers: list[str]
    cka: Points
    ranks: Points

    @classmethod
    def from_scores(
        cls,
        scores: Scores,
        *,
        references: Sequence[str] = (),
        epochs: Mapping[str, int] | None = None,
    ) -> SimilarityProfile:
        """Take the `cka` and `effective_rank` rows out of the scores.

        Parameters
        ----------
        scores : of one model or of several.
        references : models that the others are compared with; the legend says so.
        epochs : model to the epoch after which it was kept; if all but the references have one,
            they stand in the order of epochs.

        Raises
        ------
        DataError : there are no such rows.
        """
        cka, ranks = (Table.of_metric(scores, metric) for metric in ("cka", "effective_rank"))
        found = list(dict.fromkeys(model for model, _ in (*cka, *ranks)))
        if not found:
            raise DataError(
                "there is no similarity to draw: the table has no row with metric 'cka' or "
                "'effective_rank'."
            )
        models, by_epoch = in_order(found, references, epochs)
        others = [m for m in found if m not in models]
        names = [f"epoch {(epochs or {})[m]}" if by_epoch else m for m in models]
        names += [f"{m} (across seeds)" if _has(cka, m) else m for m in others]
        layers = depth_order(r for r in scores if (r.model, r.layer) in ranks.keys() | cka.keys())
        layers = [la for la in layers if la != OUTPUT]
        return cls([*models, *others], names, len(others), by_epoch, layers, cka, ranks)

    def draw(self, *, title: str | None = None, note: str = "") -> Axes:
        """Draw a figure as large as its content and return the axes of the first panel.

        Parameters
        ----------
        title : by default the model's name, if there is one model, references aside.
        note : a sentence to stand below the title.
        """
        colors = [style.color(place) for place in range(len(self.models))]
        count = len(self.models) - self.references
        if self.by_epoch:
            colors[:count] = style.depth_colors(count)
        marks = ["o" if self.by_epoch else style.marker(m) for m in range(len(self.models))]
        kinds = list(zip(self.models, colors, marks, strict=True))

        def curves(points: Points) -> list[Curve]:
            return [
                replace(
                    Curve.of(
                        {la: point for (m, la), point in points.items() if m == model},
                        self.layers,
                        "",
                        color,
                    ),
                    marker=mark,
                )
                for model, color, mark in kinds
                if _has(points, model)
            ]

        panels = []
        if any(_has(self.cka, model) for model in self.models):
            drawn = curves(self.cka)
            told = any(_has(self.cka, model) for model in self.models[:count])
            lowest = min(float(np.nanmin(c.points)) for c in drawn)
            panels.append(
                DepthPanel(
                    f"CKA {'to the reference' if told else 'across seeds'}",
                    drawn,
                    limits=(min(lowest, 0) - 0.04, 1.04),
                )
            )
        ranks = [rank for rank, _, _ in self.ranks.values() if np.isfinite(rank)]
        wide = bool(ranks) and max(ranks) > _WIDE_RANGE * min(ranks)
        panels.append(DepthPanel("Effective rank", curves(self.ranks), log=wide))
        keys = [
            Key(name, color, mark) for name, (_, color, mark) in zip(self.names, kinds, strict=True)
        ]
        if self.by_epoch:
            keys = [*thinned(keys[:count], FEW_EPOCHS), *keys[count:]]
        page = DepthPage(self.layers, panels, keys if len(keys) > 1 else [])
        if title is None:
            title = self.models[0] if count == 1 else ""
        return page.draw(title, note)


def _has(points: Points, model: str) -> bool:
    return any(m == model and np.isfinite(point[0]) for (m, _), point in points.items())
