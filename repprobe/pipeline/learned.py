"""The labels that a network learned, of training examples that it saw."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from repprobe.data import Data
from repprobe.errors import UsageError

if TYPE_CHECKING:
    from repprobe.checkpoints import Model

MOST = 2000
"""Examples that memorization is measured on at most."""

LEAST = 200
"""Of these the corrupted ones at least, as far as there are so many."""

_STREAM = 202


@dataclass(frozen=True, eq=False)
class Learned:
    """Training examples with the labels that a network learned.

    Attributes
    ----------
    rows : int64 (n,), increasing: rows of the training part.
    labels : int64 (n,), the labels learned, of which some are wrong.
    """

    rows: NDArray[np.int64]
    labels: NDArray[np.int64]


def read_noisy_labels(file: str | os.PathLike[str], data: Data) -> NDArray[np.int64]:
    """Read the labels (N,) that networks learned, one for each example of the training part.

    Raises
    ------
    DataError
        The file cannot be read, or holds labels of another number of examples.
    UsageError
        The data have no classes, a label is none of theirs, or all labels are the same.
    """
    if data.task == "regression":
        raise UsageError("--noisy-labels are for classes; what of targets was memorized is open.")
    from repprobe.noise.recorded import File

    labels = np.asarray(File(Path(file).expanduser()).whole(data, 0), np.int64)
    if len(labels) and not np.ptp(labels):
        raise UsageError(
            f"all {len(labels):,} labels in '{file}' are {labels[0]}; a network learns labels of "
            "two classes at least: name the file with those it was trained on."
        )
    return labels


def learned(model: Model, data: Data, given: NDArray[np.int64] | None, seed: int) -> Learned | None:
    """Draw up to 2,000 of the examples that a network was trained on, with the labels it learned.

    The share of corrupted ones is that of the network's training examples, since probes learn
    these labels and what they say depends on it; only where these would be fewer than 200 are
    as many drawn as make 200, if there are.

    Parameters
    ----------
    model : its checkpoint tells the rows and, where none are given, the labels.
    given : (N,) labels of the whole training part; None takes the checkpoint's.
    seed : of the draw.

    Returns
    -------
    None where the labels are not known, none of them is wrong, or they are no classes.
    """
    origin = model.origin
    if origin is not None and origin.fingerprint != data.fingerprint:
        origin = None
    if data.task == "regression" or (given is None and origin is None):
        return None
    rows = np.arange(len(data.train)) if origin is None else origin.rows
    if given is not None:
        labels = given[rows]
    elif origin is not None and origin.noisy_labels is not None:
        labels = origin.noisy_labels.astype(np.int64)
    else:
        return None
    wrong = labels != data.train.labels[rows]
    if not wrong.any():
        return None
    keys = np.random.Generator(np.random.PCG64([seed, _STREAM])).random(len(rows))
    order = np.argsort(keys, kind="stable")
    corrupted, others = order[wrong[order]], order[~wrong[order]]
    count = min(max(int(wrong[order[:MOST]].sum()), LEAST), len(corrupted))
    chosen = np.sort(np.concatenate([corrupted[:count], others[: MOST - count]]))
    return Learned(rows[chosen].astype(np.int64), labels[chosen])
