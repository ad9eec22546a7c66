"""From predictions to rows of the score table, every figure with its 95 % interval."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from repprobe.probes.intervals import over_draws, regression_metrics, wilson
from repprobe.probes.outcomes import Outcomes
from repprobe.probes.probe import Probe
from repprobe.probes.scores import ALL, Score


@dataclass(frozen=True)
class Scorer:
    """Scores predictions against test labels.

    Attributes
    ----------
    labels : (n,) classes or (n, t) targets of the test examples.
    classes : class names; empty for regression.
    """

    labels: NDArray[np.int64] | NDArray[np.float64]
    classes: tuple[str, ...]

    @property
    def leading(self) -> str:
        """Name of the metric that leads."""
        return "accuracy" if self.classes else "r2"

    def answers(self, scores: NDArray[np.floating]) -> NDArray[np.generic]:
        """Return what scores (n, k) say: classes (n,), or the numbers themselves."""
        return scores.argmax(axis=1) if self.classes else scores

    def empty_answers(self, width: int) -> NDArray[np.generic]:
        """Return room for the answers to all test examples, from scores of that width."""
        count = len(self.labels)
        return np.zeros(count, np.int64) if self.classes else np.zeros((count, width))

    def rows(self, base: Score, answers: NDArray[np.generic]) -> list[Score]:
        """Return the test rows for answers, `base` filling the other columns."""
        if not self.classes:
            return _regression_rows(base, self.labels, answers.astype(np.float64))
        hits = self.hits(answers)
        rows = [_accuracy(base, ALL, hits)]
        rows += [_accuracy(base, name, hits[self.labels == c]) for c, name in self._named()]
        return rows

    def hits(self, answers: NDArray[np.generic]) -> NDArray[np.bool_]:
        """Return (n,) whether the answer is the label."""
        return np.asarray(answers == self.labels)

    def outcomes(self, answers: NDArray[np.generic]) -> NDArray[np.float32]:
        """Return (n,) what each example contributes to the leading figure."""
        return Outcomes(self.labels, len(self.classes)).of(answers)

    def over_draws(self, base: Score, outcomes: Sequence[NDArray[np.float32]]) -> list[Score]:
        """Return rows that sum up several draws of clean labels, from their outcomes (n,)."""
        table = np.stack(outcomes).astype(np.float64)
        base = replace(base, seed=ALL)
        groups = [(ALL, np.ones(len(self.labels), bool))]
        groups += [(name, self.labels == c) for c, name in self._named()]
        rows = []
        for name, members in groups:
            if not members.any():
                rows.append(replace(base, group=name, value=math.nan))
                continue
            value, low, high = over_draws(table[:, members])
            rows.append(
                replace(base, group=name, value=value, low=max(low, 0.0), high=min(high, 1.0))
            )
        return rows

    def unknown(self, base: Score) -> Score:
        """Return the row of a layer whose leading figure could not be had."""
        return replace(base, group=ALL, metric=self.leading, value=math.nan)

    def _named(self) -> list[tuple[int, str]]:
        return list(enumerate(self.classes))


def fit_rows(base: Score, probe: Probe, labels: NDArray[np.generic]) -> list[Score]:
    """Return rows about the fit itself: its validation figure and its certificate.

    `labels` (n,) are the classes that it was fitted on, or targets (n, t).
    """
    rows = []
    check = replace(base, split="validation", group=ALL)
    if probe.validation is not None:
        rows.append(_accuracy(check, ALL, probe.validation.argmax(axis=1) == labels))
    if math.isfinite(probe.validation_error):
        rows.append(replace(check, metric="mse", value=probe.validation_error))
    if math.isfinite(probe.gradient_norm):
        fit = replace(base, split="train", group=ALL)
        rows.append(replace(fit, metric="converged", value=float(probe.converged)))
        rows.append(replace(fit, metric="gradient_norm", value=probe.gradient_norm))
    return rows


def regression_over_draws(rows: Sequence[Score]) -> list[Score]:
    """Return rows that sum up regression figures over several draws, one per metric.

    The interval adds the mean test-set error of the draws to the error of their mean.
    """
    summed = []
    for metric in dict.fromkeys(r.metric for r in rows):
        several = [r for r in rows if r.metric == metric]
        values = np.array([r.value for r in several])
        half = np.mean([(r.high - r.low) / 2 for r in several])
        spread = 1.96 * values.std(ddof=1) / math.sqrt(len(values))
        reach, mean = math.hypot(half, spread), float(values.mean())
        summed.append(
            replace(several[0], seed=ALL, value=mean, low=mean - reach, high=mean + reach)
        )
    return summed


def _accuracy(base: Score, group: str, hits: NDArray[np.bool_]) -> Score:
    value, low, high = wilson(int(hits.sum()), len(hits))
    return replace(base, group=group, metric="accuracy", value=value, low=low, high=high)


def _regression_rows(
    base: Score, truth: NDArray[np.generic], prediction: NDArray[np.floating]
) -> list[Score]:
    metrics = regression_metrics(truth.astype(np.float64), prediction)
    return [
        replace(base, group=ALL, metric=name, value=value, low=low, high=high)
        for name, (value, low, high) in metrics.items()
    ]
