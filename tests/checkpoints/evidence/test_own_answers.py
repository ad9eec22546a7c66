"""Own answers are compared on the same examples, whatever the scale of the logits."""

import numpy as np
import pytest
import torch

from repprobe.checkpoints.evidence.own_answers import OwnAnswers, chance_of

LABELS = np.arange(200) % 4


def logits(signal, seed=0):
    noise = torch.from_numpy(np.random.default_rng(seed).normal(size=(200, 4)))
    return noise + signal * torch.nn.functional.one_hot(torch.from_numpy(LABELS))


def test_likelihood_does_not_depend_on_the_scale_of_logits():
    one, other = (OwnAnswers.of(logits(2) * scale, LABELS) for scale in (1, 30))
    assert one.log_likelihood == pytest.approx(other.log_likelihood, abs=1e-3)
    assert one.accuracy == other.accuracy


def test_logits_log_probabilities_and_probabilities_are_judged_alike():
    scores = logits(2)
    kinds = (scores, scores.log_softmax(1), scores.softmax(1))
    found = [OwnAnswers.of(kind, LABELS).log_likelihood for kind in kinds]
    np.testing.assert_allclose(found, found[0], atol=1e-6)


def test_the_better_is_told_and_the_worse_never():
    good, bad = OwnAnswers.of(logits(3), LABELS), OwnAnswers.of(logits(1), LABELS)
    assert chance_of(good, bad) < 1e-3
    assert chance_of(bad, good) == 1


def test_the_same_answers_are_no_better():
    one = OwnAnswers.of(logits(2), LABELS)
    assert chance_of(one, one) == 1


def test_chance_is_rarely_called_better():
    p = [
        chance_of(OwnAnswers.of(logits(1, k), LABELS), OwnAnswers.of(logits(1, k + 100), LABELS))
        for k in range(60)
    ]
    assert sum(value < 0.05 for value in p) <= 5


def test_answers_that_are_no_numbers_are_worst():
    broken = OwnAnswers.of(torch.full((200, 4), float("nan")), LABELS)
    assert broken.accuracy == 0
    assert chance_of(OwnAnswers.of(logits(1), LABELS), broken) < 1e-3
