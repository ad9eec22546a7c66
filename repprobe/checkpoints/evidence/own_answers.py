"""What a network's own answers to a sample are worth, and whether others are better."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

_SHARPNESS = np.geomspace(1e-3, 1e2, 26)
"""Factors on logits that are tried first; then some between the best and its neighbours."""

_ENOUGH = 0.05
"""Share of its log-likelihood by which the better of two has to be better."""


@dataclass(frozen=True, eq=False)
class OwnAnswers:
    """How well a network answers the examples of a sample.

    Attributes
    ----------
    right : (n,) bool, whether the likeliest class is the true one.
    log_likelihoods : (n,) float64, of the true class, at the temperature that makes their mean
        largest. Without it inputs of too large a scale look better than the right ones to a
        network that knows these examples by heart.
    """

    right: NDArray[np.bool_]
    log_likelihoods: NDArray[np.float64]

    @classmethod
    def of(cls, output: Tensor, labels: NDArray[np.int64]) -> OwnAnswers:
        """Judge answers (n, C): logits, log-probabilities or probabilities."""
        output = output.double()
        if not torch.isfinite(output).all():
            return cls(np.zeros(len(labels), bool), np.full(len(labels), -np.inf))
        right = output.argmax(1).numpy() == labels
        return cls(right, _log_likelihoods(output, torch.from_numpy(labels)))

    @property
    def accuracy(self) -> float:
        return float(self.right.mean())

    @property
    def log_likelihood(self) -> float:
        """The mean per example, in nats."""
        return float(self.log_likelihoods.mean())


def chance_of(one: OwnAnswers, other: OwnAnswers) -> float:
    """Return the p-value of `one` being no better than `other` on the same examples.

    The smaller of two one-sided paired p-values, doubled: McNemar's exact test on who is right,
    and a t-test on the log-likelihoods. 1 where one of the two says that the other is better.
    """
    from scipy import stats

    gained = int((one.right & ~other.right).sum())
    lost = int((other.right & ~one.right).sum())
    likelihood = _t_test(one.log_likelihoods, other.log_likelihoods)
    if lost > gained or likelihood > 0.5:
        return 1.0
    accuracy = 1.0
    if gained:
        test = stats.binomtest(gained, gained + lost, alternative="greater")
        accuracy = float(test.pvalue)
    return min(1.0, 2 * min(accuracy, likelihood))


def much_better(one: OwnAnswers, other: OwnAnswers, p_value: float) -> bool:
    """Say whether `one` is better, and by enough to tell a preprocessing or an architecture.

    A network that was trained on augmented images may answer plain ones a little better with
    inputs that are a little off, and enough examples make that significant.
    """
    gain = one.log_likelihood - other.log_likelihood
    return gain > _ENOUGH * abs(one.log_likelihood) and chance_of(one, other) < p_value


def _t_test(one: NDArray[np.float64], other: NDArray[np.float64]) -> float:
    from scipy import stats

    finite = bool(np.isfinite(one).all()), bool(np.isfinite(other).all())
    if not all(finite):
        return 0.0 if finite == (True, False) else 1.0
    if len(one) < 2:
        return 1.0
    gain = one - other
    spread = float(gain.std(ddof=1))
    if spread < 1e-12:
        return 0.0 if gain.mean() > 1e-12 else 1.0
    return float(stats.t.sf(gain.mean() / (spread / math.sqrt(len(gain))), len(gain) - 1))


def _log_likelihoods(output: Tensor, labels: Tensor) -> NDArray[np.float64]:
    sums = output.sum(1)
    if (output >= 0).all() and torch.allclose(sums, torch.ones_like(sums), atol=1e-3):
        output = output.clamp(min=1e-12).log()  # a softmax ends the network
    output = output - output.logsumexp(1, keepdim=True)
    own = torch.arange(len(labels)), labels

    def at(factor: float) -> Tensor:
        return (output * factor).log_softmax(1)[own]

    factors = _SHARPNESS
    for _ in range(3):
        means = [float(at(factor).mean()) for factor in factors]
        best = int(np.argmax(means))
        around = factors[max(best - 1, 0)], factors[min(best + 1, len(factors) - 1)]
        chosen, factors = factors[best], np.geomspace(*around, 9)
    found: NDArray[np.float64] = at(float(chosen)).numpy()
    return found
