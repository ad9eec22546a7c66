"""Choosing among candidates on left-out examples, and what the choice itself is worth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from repprobe.errors import ProbeError

_STREAM = 6
"""Of random numbers: apart from those that draw labels, noise and data."""

BOOTSTRAPS = 1000
"""Samples of the examples in which the choice is made again."""

_MOST_FOLDS = 10
"""More folds are joined: the choice of a regularization need not be made anew for each."""

_BATCH = 4_000_000
"""Counts (bootstrap samples × examples) that are held at a time."""

Outcomes = NDArray[np.floating]


@dataclass(frozen=True, eq=False)
class Choice:
    """One candidate of several, chosen by how it does on examples it was not fitted on.

    Attributes
    ----------
    name, point : the candidate, and which of its regularizations; the earliest of equals.
    outcomes : (n,) what the whole procedure, the choice included, gives on each example when
        the examples of its fold have no say in the choice. Their mean estimates what the choice
        is worth on new examples.
    probability : share of bootstrap samples of the examples in which `name` is chosen again.
    validation : candidate → mean outcome, its regularization chosen without the fold.
    spread : variance of what the choice is worth, from choosing with other clean examples; it
        comes on top of the error of the mean of `outcomes`.
    """

    name: str
    point: int
    outcomes: NDArray[np.float64]
    probability: float
    validation: dict[str, float]
    spread: float


def choose(
    candidates: Mapping[str, Outcomes], folds: NDArray[np.int64], *, seed: int = 0
) -> Choice:
    """Choose the candidate of the highest mean outcome on left-out examples.

    Validation is nested: the outcomes of a fold are taken at the regularization that does best
    on the other folds; the means of these rank the candidates; and for `Choice.outcomes` the
    ranking itself is made without the fold (Varma & Simon 2006; the folds' fits are not made
    again). The chosen candidate's regularization is then the best over all folds.

    Parameters
    ----------
    candidates : name → outcomes (T, n), one row per regularization, each of an example by a fit
        without it; higher is better. A row with NaN or infinity is no candidate.
    folds : (n,) the fold that left each example out; at least two.
    seed : of the bootstrap.

    Raises
    ------
    ProbeError
        No candidate is left, or all examples are in one fold.
    """
    groups, count = _groups(folds)
    tables: dict[str, NDArray[np.float64]] = {}
    points: dict[str, NDArray[np.intp]] = {}
    for name, outcomes in candidates.items():
        finite = np.flatnonzero(np.isfinite(outcomes).all(axis=1))
        if len(finite):
            tables[name], points[name] = outcomes[finite].astype(np.float64), finite
    if not tables:
        raise ProbeError("there is nothing to choose from: no candidate has finite outcomes.")
    sums = {name: _by_fold(table, groups, count) for name, table in tables.items()}
    totals = {name: float(_nested(each)) for name, each in sums.items()}
    name = _first_best(totals)
    outcomes, spreads = np.empty(len(folds)), []
    for fold in range(count):
        members = groups == fold
        held = {key: table[:, members] for key, table in tables.items()}
        rest = {key: np.delete(each, fold, axis=-1) for key, each in sums.items()}
        outcomes[members] = _chosen(rest, held)
        if count > 2 and members.sum() > 1:
            others = [
                _chosen({k: np.delete(each, other, axis=-1) for k, each in rest.items()}, held)
                for other in range(count - 1)
            ]
            spreads.append(_jackknife(np.stack(others)))
    return Choice(
        name,
        int(points[name][sums[name].sum(axis=-1).argmax()]),
        outcomes,
        _chosen_again(name, tables, groups, count, seed) if len(tables) > 1 else 1.0,
        {key: total / len(folds) for key, total in totals.items()},
        max(0.0, float(np.mean(spreads))) if spreads else 0.0,
    )


def nested_outcomes(outcomes: Outcomes, folds: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return (n,) outcomes of (T, n), each at the regularization best on the other folds.

    A row with NaN or infinity is taken only where there is no other.
    """
    groups, count = _groups(folds)
    finite = np.isfinite(outcomes).all(axis=1)
    outcomes = outcomes[finite] if finite.any() else outcomes
    best = _best_elsewhere(_by_fold(outcomes, groups, count))
    return outcomes[best[groups], np.arange(len(folds))].astype(np.float64)


def _groups(folds: NDArray[np.int64]) -> tuple[NDArray[np.intp], int]:
    """Return the place (n,) of each example's fold, joined where there are many, and how many."""
    names, groups = np.unique(folds, return_inverse=True)
    if len(names) < 2:
        raise ProbeError("a choice by left-out examples needs at least two folds.")
    return groups % _MOST_FOLDS, min(len(names), _MOST_FOLDS)


def _by_fold(outcomes: Outcomes, groups: NDArray[np.intp], count: int) -> NDArray[np.float64]:
    """Return (T, folds) sums of outcomes (T, n)."""
    return np.stack([outcomes[:, groups == f].sum(axis=1) for f in range(count)], axis=-1)


def _best_elsewhere(sums: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return (…, folds) the row of (…, T, folds) whose sum over the other folds is highest."""
    best: NDArray[np.intp] = (sums.sum(axis=-1, keepdims=True) - sums).argmax(axis=-2)
    return best


def _nested(sums: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return (…) sums over folds of (…, T, folds), each at the row best on the others."""
    if sums.shape[-1] == 1:
        return np.asarray(sums.max(axis=-2)[..., 0])
    rows = _best_elsewhere(sums)[..., None, :]
    return np.asarray(np.take_along_axis(sums, rows, axis=-2)[..., 0, :].sum(axis=-1))


def _chosen(
    sums: Mapping[str, NDArray[np.float64]], held: Mapping[str, NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Return the row of `held` (T, m) that is chosen by sums (T, folds) over other folds."""
    name = _first_best({key: float(_nested(each)) for key, each in sums.items()})
    row: NDArray[np.float64] = held[name][sums[name].sum(axis=-1).argmax()]
    return row


def _jackknife(outcomes: NDArray[np.float64]) -> float:
    """Return the variance between choices that each leave out one more of G folds: (G, m).

    The m examples are the same for all; what they give by chance is subtracted, as in an
    analysis of variance.
    """
    groups, m = outcomes.shape
    means = outcomes.mean(axis=1)
    rest = outcomes - means[:, None] - outcomes.mean(axis=0) + outcomes.mean()
    chance = float((rest**2).sum()) / ((groups - 1) * (m - 1) * m)
    variance: float = (float(means.var(ddof=1)) - chance) * (groups - 1) ** 2 / groups
    return variance


def _first_best(totals: Mapping[str, float]) -> str:
    return max(totals, key=lambda name: totals[name])


def _chosen_again(
    name: str,
    tables: Mapping[str, NDArray[np.float64]],
    groups: NDArray[np.intp],
    count: int,
    seed: int,
) -> float:
    """Return the share of bootstrap samples of the examples in which `name` ranks first."""
    random = np.random.Generator(np.random.PCG64([seed, _STREAM]))
    names, n = list(tables), len(groups)
    again, batch = 0, max(1, _BATCH // n)
    for start in range(0, BOOTSTRAPS, batch):
        samples = min(batch, BOOTSTRAPS - start)
        drawn = (random.random((samples, n)) * n).astype(np.int64)
        drawn += n * np.arange(samples)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=samples * n).reshape(samples, n)
        weights = [counts[:, groups == f].astype(np.float64) for f in range(count)]
        ranks = []
        for table in tables.values():
            parts = [w @ table[:, groups == f].T for f, w in enumerate(weights)]
            ranks.append(_nested(np.stack(parts, axis=-1)))
        again += int((np.stack(ranks).argmax(axis=0) == names.index(name)).sum())
    return again / BOOTSTRAPS
