"""A network with its best preprocessing and its own answers, to be compared with others."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from repprobe.checkpoints.evidence import class_order
from repprobe.checkpoints.evidence.finding import DEFAULT, Finding
from repprobe.checkpoints.evidence.input_statistics import has_statistics, mean_distance
from repprobe.checkpoints.evidence.own_answers import OwnAnswers, chance_of, much_better
from repprobe.checkpoints.evidence.preprocess import find_preprocessing, taken_channels
from repprobe.checkpoints.evidence.sample import Sample
from repprobe.checkpoints.evidence.trial import on_trial

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from repprobe.checkpoints.model import Model
    from repprobe.data.dataset import Data

SURE, LIKELY = 1e-3, 1e-2
"""p-values below which an alternative is ruled out, and another is preferred."""

_AGAINST = 1.5
"""Factor between distances of batch statistics from which on they contradict answers."""


@dataclass(frozen=True, eq=False)
class Judged:
    """What a network made of a sample.

    Attributes
    ----------
    model : with the preprocessing that was found, where it had none but the default.
    finding : how that was found; None where the model had one.
    output : (n, C), its answers.
    own : what they are worth; None where they are not the classes of the data.
    distance : of the statistics of all batch norms, their mean; None without any.
    """

    model: Model
    finding: Finding | None
    output: Tensor
    own: OwnAnswers | None
    distance: float | None

    @property
    def likelihood(self) -> float:
        return float("-inf") if self.own is None else self.own.log_likelihood


def judged(model: Model, data: Data, sample: Sample, device: torch.device | str) -> Judged:
    """Find the preprocessing of a network, unless it has one, and judge its answers.

    Raises
    ------
    CaptureError
        The network cannot be run on the data.
    """
    finding = None
    with on_trial(model.module, device) as trial:
        taken_channels(trial, sample)
    if model.preprocessing.found == DEFAULT:
        finding = find_preprocessing(model, data, examples=len(sample), device=device)
        model = replace(model, preprocessing=finding.preprocessing)
    with on_trial(model.module, device) as trial:
        output = trial.output(sample, model.preprocessing)
        distance = None
        if has_statistics(trial.module):
            distance = mean_distance(trial, sample.first(250), model.preprocessing)
    return Judged(model, finding, output, own_answers(output, sample), distance)


def own_answers(output: Tensor, sample: Sample) -> OwnAnswers | None:
    """Judge answers; of more outputs than classes those that go with them best are taken."""
    count, width = len(sample.classes), output.shape[1]
    if width < count:
        return None
    if width > count:
        return class_order.judge(sample.labels, count)(output)
    return OwnAnswers.of(output, sample.labels)


def chance(one: Judged, other: Judged) -> float:
    """Return the p-value of `one` being no better; 1 where answers cannot be judged."""
    return 1.0 if one.own is None or other.own is None else chance_of(one.own, other.own)


def ruled_out(other: Judged, best: Judged) -> bool:
    """Say whether `best` answers so much better that it cannot be `other`.

    It is not where batch statistics say the opposite.
    """
    if best.own is None or other.own is None:
        return False
    if best.distance is not None and other.distance is not None:
        contradicted = best.distance > _AGAINST * other.distance
    else:
        contradicted = False
    return not contradicted and much_better(best.own, other.own, SURE)


def percent(own: OwnAnswers | None) -> str:
    """Return an accuracy as text."""
    return "unknown" if own is None else f"{100 * own.accuracy:.1f} %"
