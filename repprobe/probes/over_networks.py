"""The figures of several networks under one label, summed up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from repprobe.probes.scores import Score, Scores
from repprobe.probes.scoring import Scorer, regression_over_draws


def over_networks(
    scores: Scores,
    labels: NDArray[np.int64] | NDArray[np.float64],
    classes: tuple[str, ...],
) -> Scores:
    """Return the rows of seed "all" that sum up networks, of which each has a seed of its own.

    As over draws of clean labels, but here network and draw change together.

    Parameters
    ----------
    scores : of all the networks, one draw each.
    labels, classes : of the test examples; no classes for regression.
    """
    scorer = Scorer(labels, classes)
    places: dict[tuple[str, str, int], list[Score]] = {}
    for row in scores.where(split="test"):
        if row.metric != "non_finite":
            places.setdefault((row.model, row.layer, row.clean_labels), []).append(row)
    summed = Scores()
    for place, rows in places.items():
        outcomes = [found for at, found in scores.outcomes.items() if at[:3] == place]
        if len(outcomes) < 2:
            continue
        rows = [replace(row, regularization=None) for row in rows]
        summed.rows += (
            scorer.over_draws(rows[0], outcomes) if classes else regression_over_draws(rows)
        )
    return summed
