"""Columns beside the accuracy of layers: what comparisons, noisy labels and interventions gave."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from repprobe.probes.scores import ALL, Score, Scores

WIDTH = 100
"""Characters of a line."""

ONSET = "onset"
"""What stands in the row of the layer where damage begins."""

Format = Callable[[Score, bool], str]


@dataclass(frozen=True)
class Column:
    """A column of the table: where its figures are, and how they are written.

    Attributes
    ----------
    header : its name.
    metric, split : of the rows it shows.
    text : from a row, and whether figures are in percent, to its cell.
    neighbours : of corrupted examples, whether neighbours are asked rather than a linear probe.
    """

    header: str
    metric: str
    split: str
    text: Format
    neighbours: bool = False

    def cells(self, scores: Scores) -> dict[str, str]:
        """Return layer → cell for the layers that have a figure, at the largest budget."""
        percent = scores.metric == "accuracy"
        found: dict[str, Score] = {}
        for row in scores.at().where(metric=self.metric, split=self.split, group=ALL):
            of_neighbours = self.split == "corrupted" and row.probe == "knn"
            if of_neighbours != self.neighbours or not math.isfinite(row.value):
                continue
            if row.layer not in found or row.seed == ALL:
                found[row.layer] = row
        return {layer: self.text(row, percent) for layer, row in found.items()}


def points(row: Score, percent: bool) -> str:
    """Return a difference, in points or of R², and half the length of its interval."""
    scale, digits = (100, 1) if percent else (1, 3)
    text = f"{scale * row.value:+.{digits}f}"
    reach = (row.high - row.low) / 2
    return f"{text} ±{scale * reach:.{digits}f}" if math.isfinite(reach) else text


def _share(row: Score, percent: bool) -> str:
    return f"{100 * row.value:.1f} %"


def _figure(row: Score, percent: bool) -> str:
    return _share(row, percent) if percent else f"{row.value:.3f}"


def _two_digits(row: Score, percent: bool) -> str:
    return f"{row.value:.2f}"


def _rank(row: Score, percent: bool) -> str:
    return f"{row.value:.0f}" if row.value >= 99.5 else f"{row.value:.1f}"


COMPARED = (
    Column("damage", "damage", "test", points),
    Column("over input", "over_input", "test", points),
    Column("over random", "over_random", "test", points),
)
"""What stands beside the accuracy itself, where there is room."""

_GROUPS = (
    ("CKA to the reference", (Column("CKA", "cka", "test", _two_digits),)),
    ("effective rank", (Column("rank", "effective_rank", "test", _rank),)),
    (
        "share of corrupted examples given their noisy and their true label without a look at it",
        (
            Column("given", "given", "corrupted", _share),
            Column("true", "true", "corrupted", _share),
            Column("kNN given", "given", "corrupted", _share, neighbours=True),
            Column("kNN true", "true", "corrupted", _share, neighbours=True),
        ),
    ),
    (
        "the network itself with this block alone rewound, or retrained",
        (
            Column("rewound", "rewound", "test", _figure),
            Column("retrained", "retrained", "test", _figure),
        ),
    ),
)


METRICS = (
    *("damage", "over_input", "over_random", "cka", "effective_rank", "given", "true"),
    *("control", "selectivity", "prediction_depth", "rewound", "retrained"),
)
"""Everything that is found beside the figures of probes."""


def finding_tables(
    scores: Scores, onset: str | None, *, with_compared: bool
) -> Iterator[tuple[str, list[list[str]]]]:
    """Yield a title and the cells of each further table of one model, the header first.

    Groups of columns share a table as far as its lines fit into `WIDTH`; columns without a
    figure are left out.

    Parameters
    ----------
    scores : of one model.
    onset : the layer where damage begins.
    with_compared : whether damage and the like are among the columns.
    """
    layers = list(dict.fromkeys(row.layer for row in scores.leading()))
    groups = list(_GROUPS)
    if with_compared:
        groups.insert(0, ("damage; points over the raw input and random weights", COMPARED))
    titles: list[str] = []
    columns: list[list[str]] = []
    for title, members in groups:
        new = [
            [column.header, *(cells.get(layer, "") for layer in layers)]
            for column in members
            if (cells := column.cells(scores))
        ]
        if columns and new and _width(layers, [*columns, *new]) > WIDTH:
            yield "; ".join(titles), _table(layers, columns, onset)
            titles, columns = [], []
        if new:
            titles.append(title)
            columns += new
    if columns:
        yield "; ".join(titles), _table(layers, columns, onset)


def _table(layers: list[str], columns: list[list[str]], onset: str | None) -> list[list[str]]:
    marks = ["", *(ONSET if layer == onset else "" for layer in layers)]
    rows = [list(cells) for cells in zip(["layer", *layers], *columns, marks, strict=True)]
    return [row for row in rows if any(row[1:])]


def _width(layers: list[str], columns: list[list[str]]) -> int:
    first = max(map(len, ["layer", *layers]))
    return first + sum(2 + max(map(len, cells)) for cells in columns) + 2 + len(ONSET)
