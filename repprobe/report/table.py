"""What of the long table a picture needs: layers in depth order, one figure per place."""

from __future__ import annotations

import heapq
import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from repprobe.diagnosis import best_layer
from repprobe.errors import DataError
from repprobe.probes.scores import ALL, INPUT, OUTPUT, Score, Scores

Point = tuple[float, float, float]
"""A value and the ends of its 95 % interval; NaN where there is none."""

MISSING: Point = (math.nan, math.nan, math.nan)


@dataclass(frozen=True)
class Table:
    """The test figures of the leading metric, each model's at one number of clean labels.

    Attributes
    ----------
    metric : "accuracy" or "r2".
    models, classes : labels in the order of the table; no classes for regression.
    layers : names from `input` to `output`, those of all models merged by depth.
    present : the (model, layer) pairs that the scores speak of.
    points : (model, layer, group) to its figure, if it is there and finite.
    probes : kinds of probe, in the order of the table, "none" excepted.
    bests : model to its best layer, of the models that have one.
    """

    metric: str
    models: list[str]
    classes: list[str]
    layers: list[str]
    present: frozenset[tuple[str, str]]
    points: dict[tuple[str, str, str], Point]
    probes: list[str]
    bests: dict[str, str]

    @classmethod
    def from_scores(cls, scores: Scores, clean_labels: int | None = None) -> Table:
        """Pick the figures at one budget, by default the largest, out of the scores.

        A summing row (seed "all") goes before those of single draws; draws without one are
        averaged, and have no interval. Raises DataError if there is nothing to draw, or if
        several kinds of probe compete for one place.
        """
        scores = scores.at(clean_labels)
        metric = scores.metric
        places: dict[tuple[str, str, str], list[Score]] = defaultdict(list)
        for row in scores:
            if row.metric == metric and row.split == "test":
                places[row.model, row.layer, row.group].append(row)
        if not any(group == ALL for _, _, group in places):
            raise DataError(
                f"there is nothing to draw: no row has split 'test', group '{ALL}' and metric "
                f"'{metric}'; probe at least one layer first."
            )
        drawn = [row for rows in places.values() for row in rows]
        groups = dict.fromkeys(row.group for row in drawn if row.group != ALL)
        return cls(
            metric=metric,
            models=scores.models,
            classes=list(groups) if metric == "accuracy" else [],
            layers=depth_order(scores),
            present=frozenset((row.model, row.layer) for row in scores),
            points={
                place: point
                for place, rows in places.items()
                if math.isfinite((point := _one(rows))[0])
            },
            probes=[p for p in dict.fromkeys(row.probe for row in drawn) if p != "none"],
            bests={m: best for m in scores.models if (best := best_layer(scores, m)) is not None},
        )

    @staticmethod
    def of_metric(scores: Scores, metric: str, **wanted: object) -> dict[tuple[str, str], Point]:
        """Return the overall figures of another metric at the largest budget, by model and layer.

        Parameters
        ----------
        scores : as for `from_scores`, from which these figures are apart.
        metric : e.g. "damage".
        wanted : what else the rows must be, such as `probe="knn"`; by default of the test part.
        """
        places: dict[tuple[str, str], list[Score]] = defaultdict(list)
        wanted = {"split": "test", "group": ALL, "metric": metric, **wanted}
        for row in scores.at().where(**wanted):
            places[row.model, row.layer].append(row)
        return {place: _one(rows) for place, rows in places.items()}

    def point(self, model: str, layer: str, group: str = ALL) -> Point:
        """Return the figure at a place, `MISSING` if there is none."""
        return self.points.get((model, layer, group), MISSING)

    def value(self, model: str, layer: str, group: str = ALL) -> float:
        """Return the value at a place, NaN if there is none."""
        return self.point(model, layer, group)[0]

    def best(self, model: str) -> str | None:
        """Return the layer that the diagnosis calls best, None if no layer has a figure."""
        return self.bests.get(model)

    @property
    def chance(self) -> float:
        """Accuracy of guessing among the classes; 0 for R², or if no class is known."""
        return 1 / len(self.classes) if self.classes else 0.0


def depth_order(scores: Iterable[Score]) -> list[str]:
    """Return the layers of all models from `input` to `output`, each in its model's order.

    Layers are the same if their names are. Those that only some models have are put in by
    relative depth (order over the model's largest order, averaged over models); where the
    models contradict each other in the order of execution, relative depth decides too.
    """
    order: dict[str, dict[str, int]] = defaultdict(dict)
    for row in scores:
        order[row.model].setdefault(row.layer, row.order)
    depth: dict[str, list[float]] = defaultdict(list)
    after: dict[str, set[str]] = defaultdict(set)
    for places in order.values():
        inner = sorted((o, name) for name, o in places.items() if name not in (INPUT, OUTPUT))
        for place, (_, name) in enumerate(inner):
            depth[name].append((place + 1) / len(inner))
            if place:
                after[name].add(inner[place - 1][1])
    found = _merge({name: sum(d) / len(d) for name, d in depth.items()}, after)
    names = {name for places in order.values() for name in places}
    return [INPUT] * (INPUT in names) + found + [OUTPUT] * (OUTPUT in names)


def _merge(depth: dict[str, float], after: dict[str, set[str]]) -> list[str]:
    # Kahn's topological sort; of the names whose forerunners are all out, the shallowest goes.
    waiting = {name: set(after[name]) for name in depth}
    followers: dict[str, list[str]] = defaultdict(list)
    for name, before in waiting.items():
        for other in before:
            followers[other].append(name)
    ready = [(depth[name], name) for name, before in waiting.items() if not before]
    heapq.heapify(ready)
    found: dict[str, None] = {}
    while len(found) < len(depth):
        if ready:
            name = heapq.heappop(ready)[1]
        else:
            name = min((n for n in depth if n not in found), key=lambda n: (depth[n], n))
        if name in found:
            continue
        found[name] = None
        for other in followers[name]:
            waiting[other].discard(name)
            if not waiting[other]:
                heapq.heappush(ready, (depth[other], other))
    return list(found)


def _one(rows: list[Score]) -> Point:
    rows = [row for row in rows if row.seed == ALL] or rows
    if len(rows) == 1:
        return rows[0].value, rows[0].low, rows[0].high
    first = rows[0]
    probes = list(dict.fromkeys(row.probe for row in rows))
    where = f"layer '{first.layer}' of model '{first.model}'"
    if len(probes) > 1:
        raise DataError(
            f"{where} has figures of several probes ({', '.join(probes)}); "
            "draw the rows of one probe at a time."
        )
    if len({row.seed for row in rows}) < len(rows):
        raise DataError(
            f"{where} has the same figure twice (group '{first.group}', seed {first.seed}); "
            "give the models different names, or leave one of the tables out."
        )
    return sum(row.value for row in rows) / len(rows), math.nan, math.nan
