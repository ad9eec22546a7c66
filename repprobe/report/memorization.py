"""What layers give corrupted training examples along the depth: the noisy label, or the true."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from repprobe.errors import DataError
from repprobe.probes.scores import OUTPUT, Scores
from repprobe.report import style
from repprobe.report.depth_page import DepthPage, Key
from repprobe.report.depth_panel import Curve, DepthPanel, Mark
from repprobe.report.order import in_order
from repprobe.report.table import Point, Table, depth_order

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Points = dict[tuple[str, str], Point]
"""Model and layer to a figure."""

CORRUPTED, UNCORRUPTED = "corrupted", "uncorrupted"

_LABELS = {"given": 1, "true": 0}
"""The metrics, and the places of their colours."""


@dataclass(frozen=True)
class MemorizationProfile:
    """Shares of corrupted training examples that layers give the given and the true label.

    Attributes
    ----------
    models : labels, in order.
    titles : what stands above their panels.
    layers : names without `input` where it was not asked, and without `output`.
    shares : metric ("given", "true") and probe to the shares, 0…1.
    selectivity : accuracy on true labels minus that on random ones.
    depths : model and split to the mean prediction depth, in places of the order of layers.
    orders : model and layer to that place.
    probes : kinds, the linear one first.
    chances : model and layer to the share of the noisy label that the layer would give if that
        label had left no trace; empty where it is not known.
    """

    models: list[str]
    titles: list[str]
    layers: list[str]
    shares: dict[tuple[str, str], Points]
    selectivity: Points
    depths: dict[tuple[str, str], float]
    orders: dict[tuple[str, str], int]
    probes: list[str]
    chances: Points

    @classmethod
    def from_scores(
        cls,
        scores: Scores,
        *,
        epochs: Mapping[str, int] | None = None,
        chances: Mapping[str, Mapping[str, float]] | None = None,
    ) -> MemorizationProfile:
        """Take the rows of the split "corrupted" out of the scores; raises DataError for none.

        Parameters
        ----------
        scores : of one model or of several.
        epochs : model to the epoch after which it was kept; if all have one, they stand in the
            order of epochs.
        chances : model to layer to the chance that its diagnosis compares the noisy label with.
        """
        rows = [r for r in scores if r.split == CORRUPTED and r.metric in _LABELS]
        if not rows:
            raise DataError(
                "there is no memorization to draw: the table has no row with split 'corrupted'."
            )
        models, by_epoch = in_order(list(dict.fromkeys(r.model for r in rows)), (), epochs)
        probes = sorted(dict.fromkeys(r.probe for r in rows), key=lambda probe: probe == "knn")
        return cls(
            models=models,
            titles=[f"epoch {(epochs or {})[m]}" if by_epoch else m for m in models],
            layers=[la for la in depth_order(rows) if la != OUTPUT],
            shares={
                (metric, probe): Table.of_metric(scores, metric, split=CORRUPTED, probe=probe)
                for metric in _LABELS
                for probe in probes
            },
            selectivity=Table.of_metric(scores, "selectivity", split="train"),
            depths={
                (model, split): point[0]
                for split in (CORRUPTED, UNCORRUPTED)
                for (model, _), point in Table.of_metric(
                    scores, "prediction_depth", split=split
                ).items()
                if math.isfinite(point[0])
            },
            orders={(r.model, r.layer): r.order for r in rows},
            probes=probes,
            chances={
                (model, layer): (chance, math.nan, math.nan)
                for model, found in (chances or {}).items()
                for layer, chance in found.items()
                if math.isfinite(chance)
            },
        )

    def draw(self, *, title: str | None = None, note: str = "") -> Axes:
        """Draw a figure as large as its content and return the axes of the first panel.

        There is a panel per model; a single model has one of its selectivity too.

        Parameters
        ----------
        title : by default the model's name, if there is one model.
        note : a sentence to stand below the title.
        """
        single = len(self.models) == 1
        panels = [
            replace(self._panel(model), title="" if single else name)
            for model, name in zip(self.models, self.titles, strict=True)
        ]
        if single and self.selectivity:
            found = {la: point for (_, la), point in self.selectivity.items()}
            curve = Curve.of(found, self.layers, "accuracy", style.INK)
            panels.append(DepthPanel("Selectivity (points)", [curve]))
        page = DepthPage(self.layers, panels, self._keys())
        return page.draw((self.models[0] if single else "") if title is None else title, note)

    def _panel(self, model: str) -> DepthPanel:
        curves = []
        for (metric, probe), points in reversed(self.shares.items()):
            found = {la: point for (m, la), point in points.items() if m == model}
            curve = Curve.of(found, self.layers, "accuracy", style.color(_LABELS[metric]))
            curves.append(replace(curve, dashed=probe == "knn"))
        chances = {la: point for (m, la), point in self.chances.items() if m == model}
        if chances:
            curve = Curve.of(chances, self.layers, "accuracy", style.SOFT)
            curves.insert(0, replace(curve, dotted=True))
        return DepthPanel(
            f"Corrupted examples (%)\n95{style.NBSP}% intervals",
            curves,
            limits=(-3, 103),
            marks=self._marks(model),
        )

    def _marks(self, model: str) -> list[Mark]:
        """Return the prediction depths, as places among the rows."""
        known = [(la, self.orders[model, la]) for la in self.layers if (model, la) in self.orders]
        at = [self.layers.index(la) for la, _ in known]
        return [
            Mark(float(np.interp(depth, [o for _, o in known], at)), style.INK, split == CORRUPTED)
            for split in (CORRUPTED, UNCORRUPTED)
            if (depth := self.depths.get((model, split))) is not None
        ]

    def _keys(self) -> list[Key]:
        names = {"given": "given, noisy label", "true": "true label"}
        keys = [
            Key(
                f"{names[metric]}, by {'nearest neighbours' if knn else f'a {probe} probe'}",
                style.color(_LABELS[metric]),
                "o",
                dashed=knn,
                filled=not knn,
            )
            for metric, probe in self.shares
            for knn in (probe == "knn",)
        ]
        keys += [
            Key(
                f"mean prediction depth of {split} examples",
                style.INK,
                "<",
                filled=filled,
                line=False,
            )
            for split, filled in ((CORRUPTED, True), (UNCORRUPTED, False))
            if any(s == split for _, s in self.depths)
        ]
        if self.chances:
            keys.append(Key("given by chance, by the probe", style.SOFT, dotted=True))
        return keys
