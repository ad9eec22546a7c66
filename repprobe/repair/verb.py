"""`fix`: a linear head, fitted on a few clean labels, in place of what noise has damaged."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from repprobe.clock import Clock
from repprobe.data import Data, Draw
from repprobe.probes.outcomes import Outcomes
from repprobe.repair.answers import added, answers
from repprobe.repair.choosing import ChosenCut
from repprobe.repair.drawing import clean_draws
from repprobe.repair.features import Candidates
from repprobe.repair.finetuning import DECIDING, JUDGING, Finetuning, finetune
from repprobe.repair.fitting import regularization
from repprobe.repair.form import check_form, check_place, fitting_form
from repprobe.repair.gain import Comparison, refusal, scarcity
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


@dataclass(frozen=True, eq=False)
class Judged:
    """A network with a new head of which is known what it is worth, and that is not yet written.

    Attributes
    ----------
    fix : all that there is to say of it.
    """

    fix: Fix
    _job: Job
    _clock: Clock
    _command: tuple[str, ...]
    _targets: tuple[Path | None, Path | None]

    def write(self, progress: Progress | None = None) -> Fix:
        """Write the network to the files it was made for, unless it was refused.

        Raises OutputError where a file cannot be written.
        """
        done, out, export = self.fix, *self._targets
        if done.refusal is not None and not self._job.settings.force:
            return done
        job = self._job if progress is None else replace(self._job, progress=progress)
        with self._clock.timed("write"):
            write(job, done.models, out, export)
        takes = None
        if export is not None:
            from repprobe.repair.export import program_inputs

            takes = program_inputs(job.data)
        return replace(
            done,
            written=out,
            exported=export,
            program_inputs=takes,
            info=describe(job, self._command, self._clock),
        )


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

    Clean labels are drawn from the training part, stratified, and of examples that the network
    was not trained on where its file tells of enough. Inside them the layer and the
    regularization are chosen by cross-validation, and the gain over the network's own answers is
    estimated on examples that had no say in either. A network is written where the 95 %
    interval of that gain lies above 0 and the test part does not say the opposite.

    Parameters
    ----------
    model : a checkpoint file, a `Model`, a torch module, or two `Model`s whose scores are added;
        a file of two networks is mended as these.
    data : the name or path of a data set, or a `Data`.
    out : the checkpoint to be written. Where the cut is the last hidden layer it has the form of
        the one that was read, else `load_model` opens it; one that ends in .safetensors has that
        form always, which leaves no other cut. None writes nothing.
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
        path that is the input, clean examples that lie in the test part (of graphs nobody looks),
        a file that cannot hold the cut, a network whose answers do not fit the labels, two
        networks that are not alike.
    CheckpointError, DataError, CaptureError
        The network or the data cannot be read, or do not fit each other.
    OutputError
        A file cannot be written.
    """
    return judge(
        model, data, out=out, export=export, progress=progress, command=command, **settings
    ).write()


def judge(
    model: str | os.PathLike[str] | Model | nn.Module | Sequence[Model],
    data: str | os.PathLike[str] | Data,
    *,
    out: str | os.PathLike[str] | None = None,
    export: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    command: Sequence[str] = (),
    **settings: Any,
) -> Judged:
    """Do what `fix` does, up to the point where the network would be written."""
    chosen = FixSettings.of(settings)
    targets = tuple(None if path is None else Path(path) for path in (out, export))
    source = Path(model) if isinstance(model, (str, os.PathLike)) else None
    for path, other in zip(targets, (None, targets[0]), strict=True):
        if path is not None:
            check_target(path, {"the input": source, "the checkpoint to be written": other})
    if targets[0] is not None and (source is None or source.is_file()):
        check_form(source, targets[0])
    clock = Clock()
    with clock.timed("load"):
        job = Job.of(model, data, chosen, progress)
        if targets[0] is not None:
            check_place(job)
        job, told = fitting_form(job, targets[0])
        count = chosen.count(len(job.data.train))
        (draw,), notes = clean_draws(job, [count], [chosen.seed])
    with ExitStack() as keep:
        done = _repair(job, draw, clock, keep)
    done = replace(
        done,
        notes=(*told, *notes_on(job, draw.rows), *notes, *done.notes),
        info=describe(job, command, clock),
    )
    return Judged(done, job, clock, tuple(command), (targets[0], targets[1]))


def _repair(job: Job, draw: Draw, clock: Clock, keep: ExitStack) -> Fix:
    """Choose the cut, fit the heads and judge them; nothing is written."""
    rows, folds = draw.rows, draw.folds
    with clock.timed("capture"):
        own = own_labels(job.models, job.data, rows, job.settings, job.device, job.progress)
        networks, layers = job.capture([draw], own, keep)
    with clock.timed("probe"):
        cut = job.choose(networks, layers, rows, folds)
        models = mended(job, networks, cut, job.fit(networks, cut, rows, own))
        after = cut.outcomes + _owed(job, networks, cut, rows, folds, own)
        raw = job.input_outcomes(networks, rows, folds)
    before = job.own_outcomes(networks, rows)
    tuning: Finetuning | None = None
    if job.settings.then is not None:
        with clock.timed("tune"):
            models, tuning = finetune(job, networks, layers, draw, own, models)
    judges = np.full(len(rows), True)
    if tuning is not None:
        # what decided for or against tuning is not asked again
        judges = folds == JUDGING if tuning.kept else folds != DECIDING
    held_out = None if tuning is None else tuning.over_own
    if held_out is None:
        held_out = Comparison.of(before[judges], after[judges], job.classes, cut.spread)
    with clock.timed("test"):
        scores = added(
            [answers(m, job.data, job.settings, job.device, job.progress) for m in models]
        )
    test = Comparison.of(job.own_outcomes(networks), job.outcomes(scores), job.classes)
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
        raw_input=None if raw is None else float(raw[judges].mean()),
        finetuning=tuning,
        refusal=refusal(
            held_out, test, job.classes, len(rows), len(job.data.train), _scarce(job, rows)
        ),
        notes=tuple(note for network in networks for note in network.notes),
    )


def _scarce(job: Job, rows: NDArray[np.int64]) -> str | None:
    if not job.classes:
        return None
    labels = job.data.train.labels.astype(np.int64)
    return scarcity(labels[rows], labels, job.data.classes)


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
