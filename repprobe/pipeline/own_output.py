"""What a network itself answers, scored: as it numbers the classes, or as it seems to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from repprobe.probes.probing import own_answer
from repprobe.probes.scores import Scores

if TYPE_CHECKING:
    from repprobe.capture import Pass
    from repprobe.data import Data
    from repprobe.probes.probing import Labels

REORDERED = "accuracy_reordered"
"""Metric of the network's own answer with its outputs as another order of the classes."""


class OwnOutput(NamedTuple):
    """The network's own answer.

    Attributes
    ----------
    scores : rows of the layer `output`; none where it does not answer for these labels.
    notes : sentences the user should be told.
    class_order : the order of classes that explains the outputs better, in plain values; None
        where the present one does as well, or is the user's.
    """

    scores: Scores
    notes: list[str]
    class_order: dict[str, Any] | None = None


def own_output(
    name: str, outcome: Pass, data: Data, labels: Labels, columns: tuple[int, ...] | None
) -> OwnOutput:
    """Score what a network puts out for the test examples.

    Where another order of the classes explains the answers to the training examples that were
    run (cross-validated), the test examples are scored in that order, too, as `REORDERED`.

    Parameters
    ----------
    labels : of the rows that were run.
    columns : for each class its output, as the user gives it; None takes them as they are.
    """
    output, count = outcome.output, outcome.train_count
    if output is None:
        note = "the network puts out no scores per class, so there is no `output` row."
        return OwnOutput(Scores(), [note])
    order = len(outcome.layers)
    if columns is not None:
        if output.shape[1] <= max(columns):
            note = (
                f"the network puts out {output.shape[1]} values, and --classes names more, so "
                "there is no `output` row."
            )
            return OwnOutput(Scores(), [note])
        chosen = np.asarray(output[count:])[:, list(columns)]
        return OwnOutput(own_answer(chosen, labels, name, order), [])
    misfit = _misfit(output.shape[1], data)
    scores = Scores() if misfit else own_answer(np.asarray(output[count:]), labels, name, order)
    found = None
    if data.task == "classification":
        from repprobe.checkpoints.evidence import find_class_order

        train = np.asarray(data.train.labels[outcome.train_rows], np.int64)
        found = find_class_order(np.asarray(output[:count]), train, data.classes)
    if found is None:
        return OwnOutput(scores, [misfit] if misfit else [])
    reordered = own_answer(np.asarray(output[count:])[:, list(found.order)], labels, name, order)
    scores.rows += [replace(row, metric=REORDERED) for row in reordered if row.metric == "accuracy"]
    return OwnOutput(scores, [*([misfit] if misfit else []), found.sentence], found.to_dict())


def _misfit(found: int, data: Data) -> str | None:
    """Return why a network that puts out so many values does not answer for these labels."""
    if data.task == "classification":
        wanted, what = len(data.classes), "classes"
    else:
        wanted, what = 1 if data.train.labels.ndim == 1 else data.train.labels.shape[1], "targets"
    if found == wanted:
        return None
    return (
        f"the network puts out {found} values and the data have {wanted} {what}, so there is no "
        "`output` row."
    )
