"""`fix`: a linear head, fitted on a few clean labels, in place of what noise has damaged."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from repprobe.clock import Clock
from repprobe.data import Data, Draw, draws
from repprobe.data.overlap import apart_from_test
from repprobe.probes.outcomes import Outcomes
from repprobe.repair.answers import added, answers
from repprobe.repair.choosing import ChosenCut
from repprobe.repair.features import Candidates
from repprobe.repair.finetuning import Finetuning, finetune
from repprobe.repair.fitting import regularization
from repprobe.repair.gain import Comparison, refusal
from repprobe.repair.heads import mended
from repprobe.repair.info import describe, notes_on
from repprobe.repair.job import Job, Progress
from repprobe.repair.own_labels import Own, own_labels
from repprobe.repair.result import Fix
from repprobe.repair.settings import FixSettings
from repprobe.repair.target import check_target, write

if TYPE_CHECKING:
    from torch import nn

    from repprobe.checkpoints import Model


def fix(
    model: str | os.PathLike[str] | Model | nn.Module | Sequence[Model],
    data: str | os.PathLike[str] | Data,
    *,
    out: str | os.PathLike[str] | None = None,
    export: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    command: Sequence[str] = (),
    **settings: Any,
) -> Fix:
    """Replace what follows the best layer by a linear head, and write the network if it is better.

    Clean labels are drawn from the training part, stratified. Inside them the layer and the
    regularization are chosen by cross-validation, and the gain over the network's own answers is
    estimated on examples that had no say in either. A network is written where the 95 %
    interval of that gain lies above 0 and the test part does not say the opposite.

    Parameters
    ----------
    model : a checkpoint file, a `Model`, a torch module, or two `Model`s whose scores are added;
        a file of two networks is mended as these.
    data : the name or path of a data set, or a `Data`.
    out : the checkpoint to be written. Where the cut is the last hidden layer it has the form of
        the one that was read, else `load_model` opens it. None writes nothing.
    export : file for a program that runs without this package; see `repair.export`.
    progress : called with (stage, done, total).
    command : the command line, for `Fix.info`.
    **settings : the fields of `FixSettings`.

    Returns
    -------
    Fix
        Its `refusal` says why nothing was written, if so.

    Raises
    ------
    UsageError, UnknownNameError
        A setting cannot be used: too few or too many clean labels, an unknown cut, an output
        path that is the input, clean examples that lie in the test part, a network whose answers
        do not fit the labels.
    CheckpointError, DataError, CaptureError
        The network or the data cannot be read, or do not fit each other.
    OutputError
        A file cannot be written.
    """
    chosen = FixSettings.of(settings)
    paths = [None if path is None else Path(path) for path in (out, export)]
    source = Path(model) if isinstance(model, (str, os.PathLike)) else None
    for path, other in zip(paths, (None, paths[0]), strict=True):
        if path is not None:
            check_target(path, {"the input": source, "the checkpoint to be written": other})
    clock = Clock()
    with clock.timed("load"):
        job = Job.of(model, data, chosen, progress)
        (draw,), notes = _drawn(job)
    with ExitStack() as keep:
        done = _repair(job, draw, clock, keep)
    if done.refusal is None or chosen.force:
        with clock.timed("write"):
            write(job, done.models, *paths)
        done = replace(done, written=paths[0], exported=paths[1])
    return replace(
        done,
        notes=(*notes_on(job, draw.rows), *notes, *done.notes),
        info=describe(job, command, clock),
    )


def _drawn(job: Job) -> tuple[list[Draw], list[str]]:
    labels = job.data.train.labels
    count = job.settings.count(len(labels))
    drawn = draws(labels, [count], [job.settings.seed], job.data.task)
    return apart_from_test(job.data, drawn)


def _repair(job: Job, draw: Draw, clock: Clock, keep: ExitStack) -> Fix:
    """Choose the cut, fit the heads and judge them; nothing is written."""
    rows, folds = draw.rows, draw.folds
    with clock.timed("capture"):
        own = own_labels(job.models, job.data, rows, job.settings, job.device, job.progress)
        networks, layers = job.capture([draw], own, keep)
    with clock.timed("probe"):
        cut = job.choose(networks, layers, rows, folds, draw.seed)
        models = mended(job, networks, cut, job.fit(networks, cut, rows, own))
        after = cut.outcomes + _owed(job, networks, cut, rows, folds, own)
    before = job.own_outcomes(networks, rows)
    held_out = Comparison.of(before, after, job.classes, cut.spread)
    tuning: Finetuning | None = None
    if job.settings.then is not None:
        with clock.timed("tune"):
            models, tuning = finetune(job, networks, cut, rows, folds, own, models)
    if tuning is not None and tuning.kept and not held_out.gain[1] > 0:
        held_out = tuning.over_own
    with clock.timed("test"):
        scores = added(
            [answers(m, job.data, job.settings, job.device, job.progress) for m in models]
        )
    test = Comparison.of(job.own_outcomes(networks), job.outcomes(scores), job.classes)
    occurring = len(np.unique(job.labels(rows))) if job.classes else 0
    return Fix(
        models=tuple(models),
        cut=cut,
        probe=job.kind,
        regularization=regularization(job.kind, cut.point),
        classes=job.classes,
        clean_labels=len(rows),
        own_labels=len(own.rows),
        held_out=held_out,
        test=test,
        finetuning=tuning,
        refusal=refusal(held_out, test, occurring, len(job.data.train)),
        notes=tuple(note for network in networks for note in network.notes),
    )


def _owed(
    job: Job,
    networks: Sequence[Candidates],
    cut: ChosenCut,
    rows: NDArray[np.int64],
    folds: NDArray[np.int64],
    own: Own,
) -> NDArray[np.floating]:
    """Return (n,) what the network's own labels add to the outcomes of clean examples.

    Heads at the cut are fitted without each fold, with and without the own labels.
    """
    owed = np.zeros(len(rows))
    if not len(own.rows):
        return owed
    judge = Outcomes(job.labels(rows), job.classes).judge
    for fold in np.unique(folds):
        out = np.flatnonzero(folds == fold)
        rest = np.delete(rows, out)
        for sign, extra in ((1, (own,)), (-1, ())):
            heads = job.fit(networks, cut, rest, *extra)
            owed[out] += sign * judge(job.head_scores(networks, cut, heads, rows[out]), out)
    return owed
