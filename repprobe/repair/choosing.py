"""Where a network is cut: the layer whose head does best on clean labels it was not fitted on."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from repprobe.probes.choice import Choice, choose, nested_outcomes


@dataclass(frozen=True, eq=False)
class ChosenCut:
    """A layer, chosen inside the clean labels.

    Attributes
    ----------
    layer, point : after which the head is replaced, and the place of its regularization in the
        probe's grid.
    outcomes : (n,) what the whole procedure, this choice included, gives on clean examples that
        had no say in it; see `probes.choice.Choice`.
    drop_in : whether the network keeps its form.
    best : the layer that does best by validation; another one only where `layer` is within one
        standard error of it and keeps the network's form.
    certainty : share of bootstrap samples in which `best` does best again, as `layers` gives it.
    validation : layer → mean outcome.
    spread : variance that the choice adds to the mean of `outcomes`.
    """

    layer: str
    point: int
    outcomes: NDArray[np.float64]
    drop_in: bool
    best: str
    certainty: float
    validation: dict[str, float]
    spread: float


def choose_cut(
    tables: Mapping[str, NDArray[np.floating]],
    folds: NDArray[np.int64],
    drop_in: Collection[str],
    rows: NDArray[np.int64],
) -> ChosenCut:
    """Choose among layers by the outcomes (T, n) of clean examples at each regularization.

    A layer in `drop_in` is preferred where the best layer's lead over it is within one standard
    error of their paired difference (the rule of Breiman et al. 1984, section 3.4.3). `rows` (n,)
    says which training examples these are.
    """
    best = taken = choose(tables, folds)
    near = {layer: table for layer, table in tables.items() if layer in drop_in}
    if near and best.name not in near:
        second = choose(near, folds)
        if _is_within_error(best, second):
            taken = second
    return ChosenCut(
        taken.name,
        taken.point,
        taken.outcomes,
        taken.name in drop_in,
        best.name,
        _certainty(tables, folds, rows),
        best.validation,
        taken.spread,
    )


def _certainty(
    tables: Mapping[str, NDArray[np.floating]],
    folds: NDArray[np.int64],
    rows: NDArray[np.int64],
) -> float:
    """Return how sure the choice of the best layer is, as `diagnosis.best.layer_choice` does."""
    order = np.argsort(rows, kind="stable")
    nested = {la: nested_outcomes(table, folds)[None, order] for la, table in tables.items()}
    return choose(nested, folds[order]).probability


def _is_within_error(best: Choice, second: Choice) -> bool:
    lead = best.outcomes - second.outcomes
    return float(lead.mean()) <= float(lead.std(ddof=1)) / math.sqrt(len(lead))
