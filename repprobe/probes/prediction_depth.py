"""Prediction depth: how deep in the network an example's answer is settled."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from repprobe.probes.engines import Engine
from repprobe.probes.probe import votes

NEIGHBOURS = 30
"""Neighbours that vote, as in Baldock et al. 2021."""


def neighbour_answers(
    x: NDArray[np.floating], labels: NDArray[np.int64], classes: int, engine: Engine
) -> tuple[NDArray[np.int64], int]:
    """Return what the nearest other examples say of each one, and how many were asked.

    Takes standardized features (n, d) and labels (n,); gives the majority class (n,) of the 30
    nearest, or of as many as a class has examples on average if these are fewer.
    """
    k = max(1, min(NEIGHBOURS, len(x) // classes, len(x) - 1))
    found = engine.neighbours(x, x, k, True)
    return next(votes(labels[found], classes, [k])).argmax(axis=1), k


def prediction_depths(answers: NDArray[np.int64], orders: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return (n,) the first layer from which on all neighbours agree with the last layer's.

    Takes the neighbours' answers (L, n) by layer, and the layers' places (L,) in the order of
    execution, the input being 0; gives such places (Baldock et al. 2021, section 2.1).
    """
    differs = answers != answers[-1]
    # The last layer that differs is the first from behind.
    settled = len(answers) - differs[::-1].argmax(axis=0)
    return orders[np.where(differs.any(axis=0), settled, 0)]
