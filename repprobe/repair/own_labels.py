"""Training examples that carry the network's own predictions, beside the clean labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from repprobe.errors import UsageError
from repprobe.repair.answers import Progress, answers, own_scores, probabilities

if TYPE_CHECKING:
    from repprobe.checkpoints import Model
    from repprobe.data import Data
    from repprobe.repair.settings import FixSettings

_STREAM = 7
"""Of random numbers: apart from those that draw labels, noise, data and bootstrap samples."""

_LEAST_POOL = 5000
_POOL = 10
"""Examples are picked among ten times as many, or 5,000 if that is more."""


class Own(NamedTuple):
    """Rows (m,) of the training part, increasing, and the classes (m,) that are taken for true."""

    rows: NDArray[np.int64]
    labels: NDArray[np.int64]


NONE = Own(np.zeros(0, np.int64), np.zeros(0, np.int64))


def own_labels(
    models: Sequence[Model],
    data: Data,
    clean: NDArray[np.int64],
    settings: FixSettings,
    device: str,
    progress: Progress,
) -> Own:
    """Pick the examples that the network is surest of, as many of each class that it predicts.

    They are none of the clean rows. Where a class is predicted too seldom, the surest of the
    others make up the number.

    Raises
    ------
    UsageError
        The targets are numbers, or there are not so many training examples besides.
    """
    count = settings.own_labels
    if not count:
        return NONE
    if not data.classes:
        raise UsageError("--own-labels is for classes; leave it out for numbers.")
    rest = np.setdiff1d(np.arange(len(data.train)), clean)
    if count > len(rest):
        raise UsageError(
            f"--own-labels asks for {count:,} training examples beside the {len(clean):,} clean "
            f"ones, but there are only {len(rest):,}."
        )
    random = np.random.Generator(np.random.PCG64([settings.seed, _STREAM]))
    order = np.argsort(random.random(len(rest)), kind="stable")
    pool = np.sort(rest[order[: max(_LEAST_POOL, _POOL * count)]])
    none = np.zeros(0, np.int64)
    outputs = [
        answers(m, data, settings, device, progress, train_rows=pool, test_rows=none)
        for m in models
    ]
    # their mean is one of probabilities already where there are two networks
    scores = own_scores(outputs, len(data.classes))
    sure = scores if len(outputs) > 1 else probabilities(scores)
    picked = _surest(np.asarray(sure, np.float64), count)
    return Own(pool[picked], sure.argmax(axis=1)[picked])


def _surest(probability: NDArray[np.float64], count: int) -> NDArray[np.int64]:
    """Return `count` rows, increasing: the classes take turns, each with its surest row left."""
    predicted, confidence = probability.argmax(axis=1), probability.max(axis=1)
    order = np.argsort(-confidence, kind="stable")
    turns = np.empty(len(order), np.int64)
    for c in np.unique(predicted):
        members = order[predicted[order] == c]
        turns[members] = np.arange(len(members))
    # of one turn the surest first
    ranked = order[np.argsort(turns[order], kind="stable")]
    return np.sort(ranked[:count])
