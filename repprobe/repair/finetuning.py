"""Training that goes on from a new head, kept only where held-out clean labels agree."""

from __future__ import annotations

import fnmatch
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from repprobe.errors import UnknownNameError
from repprobe.repair.answers import added, answers
from repprobe.repair.choosing import ChosenCut
from repprobe.repair.features import Candidates
from repprobe.repair.gain import Comparison
from repprobe.repair.heads import mended
from repprobe.repair.job import Job
from repprobe.repair.own_labels import Own

if TYPE_CHECKING:
    from repprobe.checkpoints import Model


@dataclass(frozen=True)
class Finetuning:
    """What came of fine-tuning.

    Attributes
    ----------
    kept : whether it is part of the fix: on the clean labels that it did not see it is better
        than the head alone by more than the standard error of that difference.
    over_head, over_own : on those labels, against the head alone, fitted on the same others, and
        against the network as it was.
    """

    kept: bool
    over_head: Comparison
    over_own: Comparison

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {
            "kept": self.kept,
            "over_head": self.over_head.to_dict(),
            "over_own": self.over_own.to_dict(),
        }


def finetune(
    job: Job,
    networks: Sequence[Candidates],
    cut: ChosenCut,
    rows: NDArray[np.int64],
    folds: NDArray[np.int64],
    own: Own,
    heads: Sequence[Model],
) -> tuple[list[Model], Finetuning]:
    """Tune networks with new heads on the clean labels of rows.

    First a head and its tuning leave out the first fold, which judges both; where tuning is
    better there, the networks in `heads`, fitted on all rows, are tuned on all rows.

    Returns
    -------
    The tuned networks, or those in `heads`, and what the left-out labels say.
    """
    out = folds == 0
    share, rest = rows[out], rows[~out]
    partial = mended(job, networks, cut, job.fit(networks, cut, rest, own))
    tuned = [_tuned(job, model, rest) for model in partial]
    before, after = (job.outcomes(_scores(job, m, share), share) for m in (partial, tuned))
    lead = after - before
    error = float(lead.std(ddof=1)) / math.sqrt(len(lead)) if len(lead) > 1 else math.inf
    done = Finetuning(
        float(lead.mean()) > error,
        Comparison.of(before, after, job.classes),
        Comparison.of(job.own_outcomes(networks, share), after, job.classes),
    )
    return ([_tuned(job, model, rows) for model in heads] if done.kept else list(heads)), done


def _tuned(job: Job, model: Model, rows: NDArray[np.int64]) -> Model:
    from repprobe.repair.drop_in import as_stored
    from repprobe.tuning import tune

    settings = job.settings
    done = tune(
        model,
        job.data,
        rows,
        keys=_keys(job, model) if settings.blocks else None,
        seed=settings.seed,
        device=job.device,
        progress=job.progress,
    )
    return as_stored(replace(model, module=done.module, sha256=""))


def _keys(job: Job, model: Model) -> list[str]:
    """Return the entries of the blocks that the user named, and of the last, which has the head."""
    from repprobe.capture.blocks import blocks
    from repprobe.repair.network import CutNetwork

    found = blocks(model, job.data, device=job.device, seed=job.settings.seed)
    if isinstance(model.module, CutNetwork):
        found = {name.removeprefix("base."): keys for name, keys in found.items()}
    names = list(found)
    chosen = {names[-1]}
    for pattern in job.settings.blocks:
        hits = [name for name in names if fnmatch.fnmatchcase(name, pattern)]
        if not hits:
            raise UnknownNameError.near("block", pattern, names, "A block has its layer's name.")
        chosen.update(hits)
    return [key for name in names if name in chosen for key in found[name]]


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
