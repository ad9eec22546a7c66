"""Seeded draws of examples that keep the classes' proportions, the same under every numpy."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from repprobe.data.dataset import Task
from repprobe.data.labels import Labels
from repprobe.errors import DataError, UsageError

LEAST = 2
"""Examples of each class that a draw keeps: fewer cannot be cross-validated."""


def stratified_draw(labels: Labels, n: int, seed: int, task: Task) -> NDArray[np.int64]:
    """Draw n examples without replacement, each class in proportion.

    Class sizes are rounded by the largest remainder, with at least two examples per class. With
    the same seed a smaller draw lies within a larger one as far as that rounding allows.

    Parameters
    ----------
    labels : classes (N,), or targets (N,) or (N, t); targets are drawn without strata.
    n : number of examples, at most N and at least two per class (two for regression).

    Returns
    -------
    Increasing int64 indices (n,).

    Raises
    ------
    UsageError
        n is larger than N, or too small for two examples per class.
    """
    total = len(labels)
    if n > total:
        raise UsageError(f"{n} clean labels were asked for, but there are only {total}.")
    order = _random_order(total, seed)
    if task == "regression":
        if n < LEAST:
            raise UsageError(f"{n} clean labels are too few; the smallest number is {LEAST}.")
        return np.sort(order[:n])
    groups = _by_class(labels, order)
    smallest = sum(min(LEAST, len(g)) for g in groups)
    if n < smallest:
        raise UsageError(
            f"{n} clean labels are too few for {len(groups)} classes; the smallest number is "
            f"{smallest}, two per class."
        )
    taken = _apportion([len(g) for g in groups], n)
    return np.sort(np.concatenate([g[:k] for g, k in zip(groups, taken, strict=True)]))


def split_off_test(
    labels: Labels, seed: int, task: Task, origin: str
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Split all examples into training and test rows, one fifth to the test part.

    Each class gives a fifth of its own examples, rounded, at least one, and keeps at least two.
    Both arrays increase. Raises DataError where nothing can be spared for a test part.
    """
    order = _random_order(len(labels), seed)
    groups = [order] if task == "regression" else _by_class(labels, order)
    taken = [min(max(1, (2 * len(g) + 5) // 10), max(0, len(g) - LEAST)) for g in groups]
    test = np.sort(np.concatenate([g[:k] for g, k in zip(groups, taken, strict=True)]))
    if not len(test):
        raise DataError(
            f"'{origin}' has no test part and too few examples to split one off; a class needs "
            "three."
        )
    train = np.sort(np.concatenate([g[k:] for g, k in zip(groups, taken, strict=True)]))
    return train, test


def _random_order(count: int, seed: int) -> NDArray[np.int64]:
    # Sorting plain uniform numbers: numpy promises the bit stream of PCG64 and `random`, but not
    # what `choice` and `permutation` make of it.
    if seed < 0:
        raise UsageError(f"the seed is {seed}; it has to be 0 or more.")
    keys = np.random.Generator(np.random.PCG64(seed)).random(count)
    return np.argsort(keys, kind="stable").astype(np.int64)


def _by_class(labels: Labels, order: NDArray[np.int64]) -> list[NDArray[np.int64]]:
    """Return the indices of each class that occurs, every class in the given order."""
    shuffled = labels[order]
    by_class = np.argsort(shuffled, kind="stable")
    edges = np.flatnonzero(np.diff(shuffled[by_class])) + 1
    return list(np.split(order[by_class], edges))


def _apportion(sizes: list[int], n: int) -> list[int]:
    """Share n among classes in proportion to their sizes, with whole numbers throughout.

    Classes whose share falls below the least are given the least; the others share the rest by
    the method of the largest remainder (Hamilton), ties going to the first class.
    """
    taken = [0] * len(sizes)
    free = list(range(len(sizes)))
    while True:
        pool = sum(sizes[c] for c in free)
        small = [c for c in free if sizes[c] * n < min(LEAST, sizes[c]) * pool]
        if not small:
            break
        for c in small:
            taken[c] = min(LEAST, sizes[c])
            n -= taken[c]
        free = [c for c in free if c not in small]
    for c in free:
        taken[c] = sizes[c] * n // pool
    left = n - sum(taken[c] for c in free)
    for c in sorted(free, key=lambda c: -(sizes[c] * n % pool))[:left]:
        taken[c] += 1
    return taken
