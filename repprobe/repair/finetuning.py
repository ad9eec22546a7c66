"""Training that goes on from a new head, kept only where held-out clean labels agree."""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from repprobe.data import Draw
from repprobe.errors import UnknownNameError, UsageError
from repprobe.repair.answers import added, answers
from repprobe.repair.features import Candidates
from repprobe.repair.gain import Comparison
from repprobe.repair.heads import mended
from repprobe.repair.job import Job
from repprobe.repair.own_labels import Own

if TYPE_CHECKING:
    from repprobe.checkpoints import Model


JUDGING, DECIDING = 0, 1
"""Folds of the clean labels: one judges the tuned network, one decides whether it is wanted."""


@dataclass(frozen=True)
class Finetuning:
    """What came of fine-tuning.

    Attributes
    ----------
    kept : whether it is part of the fix: on the clean labels of the fold `DECIDING` it is better
        than the head alone by more than the standard error of that difference.
    over_head : on these, against the head alone; both were made of the labels of the folds that
        neither judge nor decide.
    over_own : where it is kept, on the fold `JUDGING`, against the network as it was; head and
        tuning were made of all others.
    """

    kept: bool
    over_head: Comparison
    over_own: Comparison | None

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "kept": self.kept,
            "over_head": self.over_head.to_dict(),
            "over_own": self.over_own and self.over_own.to_dict(),
        }


def finetune(
    job: Job,
    networks: Sequence[Candidates],
    layers: Sequence[str],
    draw: Draw,
    own: Own,
    heads: Sequence[Model],
) -> tuple[list[Model], Finetuning]:
    """Tune networks with new heads on clean labels, if that is better than the heads alone.

    Whether it is, and what the tuned network is worth, is each told by a fold that had no say in
    anything before it: the cut, its regularization, the head and the tuning are made anew without
    it. Then the networks in `heads`, fitted on all rows, are tuned on all rows.

    Returns
    -------
    The tuned networks, or those in `heads`, and what the left-out labels say.

    Raises
    ------
    UsageError
        There are too few clean labels, or the blocks that are named lie after the cut.
    UnknownNameError
        No block is named as the settings say.
    """
    from repprobe.tuning import LEAST

    rows, folds = draw.rows, draw.folds
    if (folds > DECIDING).sum() < LEAST:
        raise UsageError(
            f"{len(rows)} clean labels are too few for --then finetune, which leaves out two "
            "fifths to see what it is worth; leave it out, or give more."
        )
    if job.settings.blocks:
        for model in heads:
            _keys(job, model)
    share = rows[folds == DECIDING]
    partial, tuned = _without(job, networks, layers, draw, own, (JUDGING, DECIDING))
    before, after = (job.outcomes(_scores(job, m, share), share) for m in (partial, tuned))
    lead = after - before
    error = float(lead.std(ddof=1)) / math.sqrt(len(lead)) if len(lead) > 1 else math.inf
    over_head = Comparison.of(before, after, job.classes)
    if not lead.mean() > error:
        return list(heads), Finetuning(False, over_head, None)
    share = rows[folds == JUDGING]
    _, tuned = _without(job, networks, layers, draw, own, (JUDGING,))
    after = job.outcomes(_scores(job, tuned, share), share)
    over_own = Comparison.of(job.own_outcomes(networks, share), after, job.classes)
    return [_tuned(job, model, rows) for model in heads], Finetuning(True, over_head, over_own)


def _without(
    job: Job,
    networks: Sequence[Candidates],
    layers: Sequence[str],
    draw: Draw,
    own: Own,
    left_out: tuple[int, ...],
) -> tuple[list[Model], list[Model]]:
    """Return networks with new heads, and these tuned, made without some folds."""
    rest = ~np.isin(draw.folds, left_out)
    rows = draw.rows[rest]
    cut = job.choose(networks, layers, rows, draw.folds[rest])
    made = mended(job, networks, cut, job.fit(networks, cut, rows, own))
    return made, [_tuned(job, model, rows, strict=False) for model in made]


def _tuned(job: Job, model: Model, rows: NDArray[np.int64], *, strict: bool = True) -> Model:
    from repprobe.repair.drop_in import as_stored
    from repprobe.tuning import tune

    settings = job.settings
    done = tune(
        model,
        job.data,
        rows,
        keys=_keys(job, model, strict=strict) if settings.blocks else None,
        seed=settings.seed,
        device=job.device,
        progress=job.progress,
    )
    return as_stored(replace(model, module=done.module, sha256=""))


def _keys(job: Job, model: Model, *, strict: bool = True) -> list[str]:
    """Return the entries of the blocks that the user named, and of the last, which has the head.

    A name that no block has is an error only where `strict`: another cut may come before it.
    """
    from repprobe.capture.blocks import blocks
    from repprobe.repair.network import CutNetwork

    found = blocks(model, job.data, device=job.device, seed=job.settings.seed)
    if isinstance(model.module, CutNetwork):
        found = {name.removeprefix("base."): keys for name, keys in found.items()}
    names = list(found)
    chosen = {names[-1]}
    for pattern in job.settings.blocks:
        hits = [name for name in names if fnmatch.fnmatchcase(name, pattern)]
        if strict and not hits:
            _check_after(job, model, pattern, names)
            raise UnknownNameError.near("block", pattern, names, "A block has its layer's name.")
        chosen.update(hits)
    return [key for name in names if name in chosen for key in found[name]]


def _check_after(job: Job, model: Model, pattern: str, names: Sequence[str]) -> None:
    """Raise UsageError where blocks of that name were replaced with what follows the cut."""
    from repprobe.capture.blocks import blocks
    from repprobe.repair.network import CutNetwork

    if not isinstance(model.module, CutNetwork):
        return
    whole = replace(model, module=model.module.base)
    after = [
        name
        for name in blocks(whole, job.data, device=job.device, seed=job.settings.seed)
        if name not in names and fnmatch.fnmatchcase(name, pattern)
    ]
    if after:
        cut = model.module.cut.layer.name
        verb = "lies" if len(after) == 1 else "lie"
        raise UsageError(
            f"--blocks '{pattern}': {', '.join(after)} {verb} after the cut '{cut}' and "
            f"{'is' if len(after) == 1 else 'are'} replaced by the head; the blocks up to it are "
            f"{', '.join(names)}."
        )


def _scores(job: Job, models: Sequence[Model], rows: NDArray[np.int64]) -> NDArray[np.floating]:
    """Return the added scores (n, C) of networks with new heads, in the order of the rows."""
    none = np.zeros(0, np.int64)
    found = added(
        [
            answers(
                model,
                job.data,
                job.settings,
                job.device,
                job.progress,
                train_rows=rows,
                test_rows=none,
            )
            for model in models
        ]
    )
    # networks run over increasing rows
    result = np.empty_like(found)
    result[np.argsort(rows, kind="stable")] = found
    return result
