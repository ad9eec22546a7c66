"""`find_preprocessing`: what a network's inputs went through in training, told by clean data."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from repprobe.checkpoints.evidence import class_order
from repprobe.checkpoints.evidence.candidates import alike, around, candidates
from repprobe.checkpoints.evidence.finding import ANSWERS, STATISTICS, Finding, Tried
from repprobe.checkpoints.evidence.input_statistics import first_distance, has_statistics
from repprobe.checkpoints.evidence.own_answers import OwnAnswers, chance_of, much_better
from repprobe.checkpoints.evidence.sample import Sample
from repprobe.checkpoints.evidence.trial import Trial, affordable, on_trial
from repprobe.checkpoints.preprocessing import Preprocessing
from repprobe.errors import CaptureError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

    from repprobe.checkpoints.model import Model
    from repprobe.data.dataset import Data

EXAMPLES = 1000
"""Clean training examples that are taken."""

_LEAST = 20
"""Examples below which nothing is told."""

_FEW, _MORE = 100, 250
"""Examples that tell which candidates are worth more, by statistics and, at most, by answers."""

_CONFIRM = 500
"""Examples whose answers confirm what statistics tell alone."""

_MARGIN = 4.0
"""Factor between distances from which on statistics alone are believed."""

_CLEAR = 0.005
"""Distances that differ by less are near each other, whatever their ratio."""

_EXPLAINED, _STRANGE = 0.03, 0.3
"""Distances below the first are explained by chance and augmentation; above the second the
statistics are of other inputs than any candidate's."""

_SURE, _LIKELY = 1e-3, 1e-2
"""p-values below which a candidate is ruled out, and another is preferred."""

_LITTLE, _WELL = 0.12, 0.4
"""How far the preprocessings around the best are off, in standard deviations."""

_SHOWN = 4
"""Candidates whose own answers are measured beside their statistics."""


def find_preprocessing(
    model: Model, data: Data, *, examples: int = EXAMPLES, device: torch.device | str = "cpu"
) -> Finding:
    """Find what the inputs of a network for images went through when it was trained.

    The candidate is taken whose batch statistics lie nearest to those stored in the first batch
    norm; of several that are near, and where there is no batch norm, the one with which the
    network's own answers are likeliest. Only training examples are looked at, and the network is
    left as it was.

    Parameters
    ----------
    model : its own preprocessing is not looked at.
    data : with images in the size that the network takes.
    examples : clean training examples that are taken; fewer of large images.

    Returns
    -------
    Finding
        With "unit", and not certain, where nothing can be told.
    """
    sample = Sample.of(data, examples)
    if sample is None:
        return Finding.default("the data are not labelled images")
    if len(sample) < _LEAST:
        return Finding.default(f"of {len(sample)} training examples that cannot be told")
    try:
        with on_trial(model.module, device) as trial:
            return _Search(trial, sample.first(affordable(trial, sample))).run()
    except CaptureError as error:
        return Finding.default(str(error).rstrip("."))


def taken_channels(trial: Trial, sample: Sample) -> str:
    """Return what images have to be brought to: "" for nothing, "rgb" or "grey".

    Raises
    ------
    CaptureError
        The network cannot be run with any of these.
    """
    other = {1: "rgb", 3: "grey"}[sample.raw.shape[1]]
    if not trial.runs(sample, Preprocessing.parse("unit")):
        if trial.runs(sample, Preprocessing.parse(f"{other}:unit")):
            return other
        trial.output(sample.first(2), Preprocessing.parse("unit"))
    return ""


@dataclass
class _Search:
    """One network on trial.

    Attributes
    ----------
    reordered : whether its classes are judged in the order that they tell; None before any are.
    explained : whether what its batch norms store is near that of some candidate.
    """

    trial: Trial
    sample: Sample
    reordered: bool | None = None
    explained: bool = True

    def run(self) -> Finding:
        channels = taken_channels(self.trial, self.sample)
        tried = [Tried(one) for one in candidates(self.sample, channels)]
        if has_statistics(self.trial.module):
            found = self._by_statistics(tried)
            if found is not None:
                return found
        return self._by_answers(tried)

    def _by_statistics(self, tried: Sequence[Tried]) -> Finding | None:
        """Return None where no batch norm tells, or what it stores is of other inputs."""
        ranked = self._distances(tried, min(_FEW, len(self.sample)))
        if not ranked:
            return None
        worth = [t for t in ranked if _of(t) <= max(10 * _of(ranked[0]), _of(ranked[0]) + 0.1)]
        rest = ranked[len(worth) :]
        ranked = self._distances(worth, len(self.sample)) + rest
        least = _of(ranked[0])
        if least > _STRANGE:
            self.explained = False
            return None
        near = [t for t in ranked if _of(t) <= max(_MARGIN * least, least + _CLEAR)]
        shown = max(2, min(len(near), _SHOWN))
        # where statistics are clear answers only confirm them
        count = _CONFIRM if len(near) == 1 else None
        ranked = self._answered(ranked[:shown], count) + list(ranked[shown:])
        first = ranked[0]
        for other in ranked[1 : min(len(near), shown)]:
            if _much_better(other, first, _LIKELY):
                first = other
        table = (first, *(t for t in ranked if t is not first))
        others = [t for t in table[1:] if not self._same(t, first)]
        if not others:
            return Finding.told(STATISTICS, table, None, None, False)
        second = min(others, key=_of)
        margin = _of(second) / max(_of(first), 1e-9)
        certain = (
            _of(first) <= _EXPLAINED
            and self._stands(first)
            and all(self._ruled_out(t, first) for t in others)
        )
        return Finding.told(STATISTICS, table, second, margin, certain)

    def _ruled_out(self, other: Tried, first: Tried) -> bool:
        by_statistics = _of(other) > max(_MARGIN * _of(first), _of(first) + _CLEAR)
        if by_statistics:
            return not _much_better(other, first, _LIKELY)
        return _much_better(first, other, _SURE)

    def _stands(self, first: Tried) -> bool:
        """Say whether no preprocessing a little off fits the statistics much better."""
        for one in around(first.preprocessing, self.sample.unit, _LITTLE):
            value = first_distance(self.trial, self.sample, one)
            if value is not None and 2 * value + _CLEAR / 4 < _of(first):
                return False
        return True

    def _distances(self, tried: Sequence[Tried], count: int) -> list[Tried]:
        few = self.sample.first(count)
        found = []
        for one in tried:
            value = first_distance(self.trial, few, one.preprocessing)
            if value is not None:
                found.append(replace(one, distance=value))
        return sorted(found, key=_of)

    def _by_answers(self, tried: Sequence[Tried]) -> Finding:
        few = self._answered(tried, min(_MORE, max(_FEW // 2, len(self.sample) // 3)))
        if few[0].own is None:
            return Finding.default("the network's outputs are not the classes of the data")
        best = max(few, key=_likelihood)
        kept = [t for t in few if _chance(best, t) > _SURE / 10]
        dropped = [t for t in few if _chance(best, t) <= _SURE / 10]
        full = self._answered([replace(t, own=None) for t in kept])
        # what is dropped was measured on fewer examples, so it stands behind
        table = sorted(full, key=_likelihood, reverse=True)
        table += sorted(dropped, key=_likelihood, reverse=True)
        first = table[0]
        assert first.own is not None
        if not _above_chance(first.own, self.sample):
            why = "with none is the network's own accuracy above chance"
            return Finding.default(why, tuple(table), len(self.sample))
        others = [t for t in full if t is not first and not self._same(t, first)]
        different = [t for t in table[1:] if not self._same(t, first)]
        if not different:
            return Finding.told(ANSWERS, tuple(table), None, None, False)
        second = max(others, key=_likelihood) if others else different[0]
        certain = (
            self.explained
            and all(_much_better(first, t, _SURE) for t in others)
            and self._is_peak(first)
        )
        margin = _likelihood(first) - _likelihood(second)
        return Finding.told(ANSWERS, tuple(table), second, margin, certain)

    def _is_peak(self, first: Tried) -> bool:
        """Say whether answers are worse with all that is well off, and no better a little off."""
        little, well = (
            self._answered([Tried(p) for p in around(first.preprocessing, self.sample.unit, off)])
            for off in (_LITTLE, _WELL)
        )
        return not any(_chance(t, first) < _LIKELY for t in little) and all(
            _chance(first, t) < _LIKELY for t in well
        )

    def _answered(self, tried: Sequence[Tried], count: int | None = None) -> list[Tried]:
        """Add the network's own answers, where they can be judged."""
        few = self.sample if count is None else self.sample.first(count)
        outputs = [self.trial.output(few, one.preprocessing) for one in tried]
        if outputs[0].shape[1] < len(few.classes):
            return list(tried)
        if self.reordered is None:
            self.reordered = _is_reordered(outputs, few)
        own = [_judged(output, few, self.reordered) for output in outputs]
        return [replace(t, own=answers) for t, answers in zip(tried, own, strict=True)]

    def _same(self, one: Tried, other: Tried) -> bool:
        return alike(one.preprocessing, other.preprocessing, self.sample)


def _is_reordered(outputs: Sequence[Tensor], few: Sample) -> bool:
    """Say whether the classes seem to be in another order: with that, far more is right."""
    if outputs[0].shape[1] > len(few.classes):
        return True
    usual, best = (
        max(_judged(output, few, way).accuracy for output in outputs) for way in (False, True)
    )
    return usual < 0.5 and best - usual > 3 * math.sqrt(0.5 / len(few))


def _judged(output: Tensor, few: Sample, reordered: bool) -> OwnAnswers:
    if reordered:
        return class_order.judge(few.labels, len(few.classes))(output)
    return OwnAnswers.of(output, few.labels)


def _of(tried: Tried) -> float:
    return math.inf if tried.distance is None else tried.distance


def _likelihood(tried: Tried) -> float:
    return -math.inf if tried.own is None else tried.own.log_likelihood


def _chance(one: Tried, other: Tried) -> float:
    return 1.0 if one.own is None or other.own is None else chance_of(one.own, other.own)


def _much_better(one: Tried, other: Tried, p_value: float) -> bool:
    if one.own is None or other.own is None:
        return False
    return much_better(one.own, other.own, p_value)


def _above_chance(own: OwnAnswers, sample: Sample) -> bool:
    """Say whether more is right than if the commonest class alone were answered."""
    from scipy import stats

    share = float(np.bincount(sample.labels).max()) / len(sample)
    test = stats.binomtest(int(own.right.sum()), len(own.right), share, alternative="greater")
    return bool(test.pvalue < _LIKELY)
