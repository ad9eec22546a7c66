"""Clean examples that also lie in the test part: what is fitted there would be judged by itself."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from repprobe.data.dataset import Data, Part
from repprobe.data.graphs.graphs import Graphs
from repprobe.data.splits import Draw
from repprobe.errors import UsageError

MOST = 0.01
"""Share of the clean examples that may be found in the test part; they are left out."""

_BATCH = 1024


def apart_from_test(data: Data, draws: list[Draw]) -> tuple[list[Draw], list[str]]:
    """Return the draws without examples that the test part holds too, and what to tell of it.

    Where one loses examples the others lose as many, so that all have the same budgets.

    Examples are the same if their raw inputs are, bit by bit. Graphs are not compared: the same
    graph may be stored with its nodes and edges in another order.

    Raises
    ------
    UsageError
        More than one, and more than 1 % of the clean examples, lie in the test part.
    """
    if data.of_graphs:
        return draws, []
    rows = np.unique(np.concatenate([draw.rows for draw in draws]))
    test = set(_digests(data.test, np.arange(len(data.test))))
    found = np.array([digest in test for digest in _digests(data.train, rows)], bool)
    count = int(found.sum())
    if not count:
        return draws, []
    if count > max(1, MOST * len(rows)):
        raise UsageError(
            f"{count:,} of the {len(rows):,} clean examples are in the test part too, which must "
            "not be learned from; give clean examples of their own."
        )
    verb = "one is" if count == 1 else f"{count:,} are"
    note = f"of the {len(rows):,} clean examples {verb} in the test part too and left out."
    return _even([_without(draw, rows[found]) for draw in draws]), [note]


def _without(draw: Draw, rows: NDArray[np.int64]) -> Draw:
    kept = ~np.isin(draw.rows, rows)
    budgets = tuple(int(kept[:budget].sum()) for budget in draw.budgets)
    return replace(draw, rows=draw.rows[kept], folds=draw.folds[kept], budgets=budgets)


def _even(draws: list[Draw]) -> list[Draw]:
    """Cut draws so that each budget has as many examples in all of them."""
    budgets = tuple(min(sizes) for sizes in zip(*(draw.budgets for draw in draws), strict=True))
    count = budgets[-1]
    return [
        replace(draw, rows=draw.rows[:count], folds=draw.folds[:count], budgets=budgets)
        for draw in draws
    ]


def _digests(part: Part, rows: NDArray[np.int64]) -> Iterator[bytes]:
    for start in range(0, len(rows), _BATCH):
        raw = part.inputs(rows[start : start + _BATCH])
        assert not isinstance(raw, Graphs)
        for example in np.ascontiguousarray(raw):
            yield hashlib.blake2b(example.data, digest_size=16).digest()
