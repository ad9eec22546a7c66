"""Seeded draws of examples that keep the classes' proportions, the same under every numpy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from repprobe.data.dataset import Task
from repprobe.data.labels import Labels
from repprobe.errors import DataError, UsageError

LEAST = 2
"""Examples of each class that a draw keeps: fewer cannot be cross-validated."""


@dataclass(frozen=True, eq=False)
class Draw:
    """Clean labels drawn with one seed: nested budgets of the same order.

    Attributes
    ----------
    seed : of the draw.
    rows : (n,) int64, rows of the training part in the order they were drawn; every prefix that
        is a budget is stratified.
    budgets : increasing; the clean labels of budget b are `rows[:b]`, the last b being n.
    folds : (n,) int64, the fold 0…fold_count − 1 that leaves each row out, the same in every
        budget. In every prefix the folds' shares of a class differ by one row at most, and no
        two of a class's first rows share a fold: no fold leaves out a whole class. Fewer rows
        than folds leave the last folds empty.
    """

    seed: int
    rows: NDArray[np.int64]
    budgets: tuple[int, ...]
    folds: NDArray[np.int64]


def draws(
    labels: Labels,
    budgets: Sequence[int | Literal["all"]],
    seeds: Sequence[int],
    task: Task,
    fold_count: int = 5,
    stream: int | None = None,
) -> list[Draw]:
    """Draw nested budgets of clean labels without replacement, once per seed.

    The first two of every class come first; then classes take turns by the divisor method of
    Webster and Sainte-Laguë, whose seats never move when there are more of them, so that every
    prefix of an order is stratified and a smaller budget lies within a larger one. The whole
    training part is drawn with the first seed only, as every draw of it is the same.

    Parameters
    ----------
    labels : classes (N,), or targets (N,) or (N, t); targets are drawn without strata.
    budgets : numbers of clean labels, each at most N and at least two per class (two for
        regression), or "all"; in any order.
    seeds : one per draw.
    fold_count : number of folds for cross-validation, at least two.
    stream : of random numbers, where draws for another purpose must not be the same with the same
        seed.

    Returns
    -------
    One draw per seed for which a budget is left.

    Raises
    ------
    UsageError
        A budget is larger than N, or too small for two examples per class; a seed is negative.
    """
    total = len(labels)
    sizes = sorted({total if b == "all" else b for b in budgets})
    if sizes[-1] > total:
        raise UsageError(f"{sizes[-1]} clean labels were asked for, but there are only {total}.")
    _check_smallest(labels, sizes[0], task)
    found = []
    for place, seed in enumerate(seeds):
        kept = tuple(b for b in sizes if not place or b < total)
        if kept:
            rows, strata = _stratified_order(labels, seed, task, stream)
            n = kept[-1]
            found.append(Draw(seed, rows[:n], kept, _deal(strata[:n], fold_count)))
    return found


def split_off_test(
    labels: Labels, seed: int, task: Task, origin: str
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split all examples into training and test rows, one fifth to the test part.

    Each class gives a fifth of its own examples, rounded, at least one, and keeps at least two.
    Both arrays increase. Raises DataError where nothing can be spared for a test part.
    """
    groups = _groups(labels, seed, task)
    taken = [min(max(1, (2 * len(g) + 5) // 10), max(0, len(g) - LEAST)) for g in groups]
    test = np.sort(np.concatenate([g[:k] for g, k in zip(groups, taken, strict=True)]))
    if not len(test):
        raise DataError(
            f"'{origin}' has no test part and too few examples to split one off; a class needs "
            "three."
        )
    train = np.sort(np.concatenate([g[k:] for g, k in zip(groups, taken, strict=True)]))
    return train, test


def _check_smallest(labels: Labels, n: int, task: Task) -> None:
    if task == "regression":
        if n < LEAST:
            raise UsageError(f"{n} clean labels are too few; the smallest number is {LEAST}.")
        return
    sizes = np.unique(labels, return_counts=True)[1]
    smallest = int(np.minimum(sizes, LEAST).sum())
    if n < smallest:
        raise UsageError(
            f"{n} clean labels are too few for {len(sizes)} classes; the smallest number is "
            f"{smallest}, two per class."
        )


def _stratified_order(
    labels: Labels, seed: int, task: Task, stream: int | None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return all rows in an order whose prefixes are stratified, and the stratum of each."""
    groups = _groups(labels, seed, task, stream)
    sizes = np.array([len(g) for g in groups])
    strata = np.repeat(np.arange(len(groups)), sizes)
    ranks = np.concatenate([np.arange(size) for size in sizes])
    turns = np.where(ranks < LEAST, ranks - LEAST, (ranks + 0.5) / sizes[strata])
    order = np.argsort(turns, kind="stable")
    return np.concatenate(groups)[order], strata[order]


def _deal(strata: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """Return a fold for each row, dealt in order so that every prefix has even folds.

    A stratum goes through all the folds before it comes to one again; of those that it has not
    had in this round, the fold with the fewest rows takes the next.
    """
    totals = [0] * count
    rounds: dict[int, list[int]] = {}
    folds = []
    for stratum in strata.tolist():
        left = rounds.get(stratum) or list(range(count))
        fold = min(left, key=totals.__getitem__)
        left.remove(fold)
        rounds[stratum] = left
        totals[fold] += 1
        folds.append(fold)
    return np.array(folds, np.int64)


def _groups(
    labels: Labels, seed: int, task: Task, stream: int | None = None
) -> list[NDArray[np.int64]]:
    """Return the rows of each class that occurs in random order; one group for regression."""
    order = _random_order(len(labels), seed, stream)
    if task == "regression":
        return [order]
    shuffled = labels[order]
    by_class = np.argsort(shuffled, kind="stable")
    edges = np.flatnonzero(np.diff(shuffled[by_class])) + 1
    return list(np.split(order[by_class], edges))


def _random_order(count: int, seed: int, stream: int | None) -> NDArray[np.int64]:
    # Sorting plain uniform numbers: numpy promises the bit stream of PCG64 and `random`, but not
    # what `choice` and `permutation` make of it.
    if seed < 0:
        raise UsageError(f"the seed is {seed}; it has to be 0 or more.")
    keys = np.random.Generator(np.random.PCG64(seed if stream is None else [seed, stream])).random(
        count
    )
    return np.argsort(keys, kind="stable").astype(np.int64)
