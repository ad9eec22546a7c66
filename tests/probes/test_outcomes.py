"""The mean of what examples contribute is the figure itself."""

import math

import numpy as np
import pytest
from made_features import dealt

from repprobe.probes.engines import get_engine
from repprobe.probes.fitting import KINDS, fit_probe
from repprobe.probes.intervals import regression_metrics
from repprobe.probes.outcomes import Outcomes


def test_answers_of_classes_are_right_or_wrong():
    outcomes = Outcomes(np.array([0, 2, 1]), 3)
    assert outcomes.of(np.array([0, 1, 1])).tolist() == [1, 0, 1]
    scores = np.array([[0.1, 0.2, 0.3], [0.9, 0.0, 0.1]])
    assert outcomes.judge(scores, np.array([1, 2])).tolist() == [1, 0]


@pytest.mark.parametrize("targets", [1, 3])
def test_answers_of_numbers_have_r2_as_their_mean(targets):
    generator = np.random.default_rng(0)
    truth = 50 + generator.normal(size=(200, targets))
    answers = truth + generator.normal(size=(200, targets))
    outcomes = Outcomes(truth, 0)
    expected, _, _ = regression_metrics(truth, answers)["r2"]
    assert outcomes.of(answers).mean() == pytest.approx(expected, abs=1e-6)
    some = np.array([7, 3])
    np.testing.assert_array_equal(outcomes.judge(answers[some], some), outcomes.of(answers)[some])


def test_targets_without_variance_have_no_outcomes():
    assert np.isnan(Outcomes(np.ones((4, 1)), 0).of(np.zeros((4, 1)))).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["torch", "sklearn"])
def test_probes_bring_the_outcomes_of_left_out_examples(kind, name):
    generator = np.random.default_rng(0)
    y = np.arange(240) % 3
    x = (generator.normal(size=(3, 12))[y] + generator.normal(size=(240, 12))).astype(np.float32)
    folds = dealt(y)
    probe = fit_probe(kind, x, y, 3, get_engine(name), folds)
    outcomes, best, theirs = probe.held_out[:3]
    np.testing.assert_array_equal(theirs, folds)
    assert outcomes.dtype == np.float32
    assert outcomes.shape[1] == 240
    assert set(np.unique(outcomes)) <= {0.0, 1.0}
    assert 0.6 < outcomes[best].mean() < 1
    if probe.validation is not None:
        np.testing.assert_array_equal(outcomes[best], probe.validation.argmax(1) == y)
        assert outcomes[best].mean() == outcomes.mean(axis=1).max()


@pytest.mark.parametrize("name", ["torch", "sklearn"])
def test_ridge_on_numbers_brings_their_held_out_r2(name):
    generator = np.random.default_rng(0)
    x = generator.normal(size=(150, 6)).astype(np.float32)
    y = 1000 + x @ generator.normal(size=(6, 2)) + generator.normal(size=(150, 2))
    probe = fit_probe("ridge", x, y, 0, get_engine(name), dealt(y, "regression"))
    variance = y.var(axis=0).sum()
    r2 = 1 - 2 * probe.validation_error / variance
    assert probe.held_out.outcomes[probe.held_out.best].mean() == pytest.approx(r2, abs=1e-4)
    assert probe.held_out.best == probe.held_out.outcomes.mean(axis=1).argmax()
    assert math.isfinite(r2)
