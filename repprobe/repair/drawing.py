"""Which examples a fix takes clean labels of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from repprobe.data import Draw, draws
from repprobe.data.overlap import apart_from_test
from repprobe.repair.gain import LEAST_PER_CLASS
from repprobe.repair.job import Job


def clean_draws(
    job: Job, counts: Sequence[int], seeds: Sequence[int]
) -> tuple[list[Draw], list[str]]:
    """Draw nested, stratified numbers of clean labels, one draw per seed, and say what to tell.

    Examples that the networks were trained on are no fair judges of them. Where their file tells
    which these are, and the largest number can be drawn without them, with five of every class
    to draw from, they are left out; so are those that the test part holds too.

    Raises
    ------
    UsageError
        As `draws` and `apart_from_test`.
    """
    labels = job.data.train.labels
    unseen, notes = _unseen(job), []
    if unseen is not None and len(unseen) >= max(counts) and _has_all_classes(job, unseen):
        drawn = draws(labels[unseen], counts, seeds, job.data.task)
        drawn = [replace(draw, rows=unseen[draw.rows]) for draw in drawn]
        notes = [
            f"the clean labels are drawn from the {len(unseen):,} training examples that the "
            "network was not trained on."
        ]
    else:
        drawn = draws(labels, counts, seeds, job.data.task)
    drawn, further = apart_from_test(job.data, drawn)
    return drawn, notes + further


def _unseen(job: Job) -> NDArray[np.int64] | None:
    """Return the rows that no network was trained on; None where nothing says so, or all were."""
    seen = []
    for model in job.models:
        origin = model.origin
        if origin is None or origin.fingerprint != job.data.fingerprint:
            return None
        seen.append(origin.rows)
    rows = np.setdiff1d(np.arange(len(job.data.train)), np.concatenate(seen))
    return rows if len(rows) else None


def _has_all_classes(job: Job, rows: NDArray[np.int64]) -> bool:
    if not job.classes:
        return True
    labels = job.data.train.labels
    left = np.bincount(labels[rows].astype(np.int64), minlength=job.classes)
    return bool((left[np.unique(labels)] >= LEAST_PER_CLASS).all())
