"""Intervals say what they promise."""

import math

import numpy as np
import pytest

from repprobe.errors import ProbeError
from repprobe.probes.intervals import mean_interval, over_draws, regression_metrics, wilson


def test_wilson_agrees_with_the_published_example():
    # Newcombe (1998), table I: 81 of 263, score interval without correction.
    value, low, high = wilson(81, 263)
    assert (round(value, 4), round(low, 4), round(high, 4)) == (0.3080, 0.2553, 0.3662)


def test_wilson_stays_within_0_and_1_at_the_ends():
    assert wilson(0, 10)[:2] == (0.0, 0.0)
    assert wilson(10, 10)[0] == wilson(10, 10)[2] == 1.0
    assert wilson(0, 10)[2] > 0.2


def test_an_empty_group_has_no_figure():
    assert all(math.isnan(v) for v in wilson(0, 0))


def test_the_wilson_interval_covers_the_truth_about_95_times_in_100():
    generator = np.random.default_rng(0)
    hits = generator.binomial(400, 0.83, size=4000)
    covered = [low <= 0.83 <= high for _, low, high in (wilson(int(h), 400) for h in hits)]
    assert 0.94 <= np.mean(covered) <= 0.96


def chance(quality, difficulty):
    return 1 / (1 + np.exp(-(quality + 2 * difficulty)))


def test_the_interval_over_draws_covers_the_truth_about_95_times_in_100():
    # Each draw of clean labels has its own accuracy; all draws share the test examples.
    generator = np.random.default_rng(1)
    many = generator.normal(size=(2, 1_000_000))
    truth = chance(1 + 0.1 * many[0], many[1]).mean()
    covered = []
    for _ in range(1500):
        difficulty = generator.normal(size=300)
        quality = 1 + 0.1 * generator.normal(size=(5, 1))
        outcomes = generator.random((5, 300)) < chance(quality, difficulty)
        _, low, high = over_draws(outcomes.astype(float))
        covered.append(low <= truth <= high)
    assert 0.93 <= np.mean(covered) <= 0.97


def test_three_draws_that_differ_much_are_covered_too():
    generator = np.random.default_rng(3)
    many = generator.normal(size=(2, 1_000_000))
    truth = chance(1 + 0.3 * many[0], many[1]).mean()
    covered = []
    for _ in range(1000):
        quality = 1 + 0.3 * generator.normal(size=(3, 1))
        outcomes = generator.random((3, 300)) < chance(quality, generator.normal(size=300))
        _, low, high = over_draws(outcomes.astype(float))
        covered.append(low <= truth <= high)
    assert 0.92 <= np.mean(covered) <= 0.97


def test_a_single_draw_falls_back_on_the_test_set_alone():
    outcomes = np.array([[1.0, 0.0, 1.0, 1.0]])
    assert over_draws(outcomes) == mean_interval(outcomes[0])


def test_regression_metrics_agree_with_scikit_learn():
    from sklearn import metrics

    generator = np.random.default_rng(2)
    truth = generator.normal(5, 2, size=(50, 3))
    guess = truth + generator.normal(size=(50, 3))
    found = regression_metrics(truth, guess)
    assert found["mse"][0] == pytest.approx(metrics.mean_squared_error(truth, guess))
    assert found["mae"][0] == pytest.approx(metrics.mean_absolute_error(truth, guess))
    assert found["mape"][0] == pytest.approx(
        100 * metrics.mean_absolute_percentage_error(truth, guess)
    )
    expected = metrics.r2_score(truth, guess, multioutput="variance_weighted")
    assert found["r2"][0] == pytest.approx(expected)
    for value, low, high in found.values():
        assert low < value < high


def test_mape_is_unknown_where_a_target_is_zero():
    metrics = regression_metrics(np.array([[0.0], [1.0]]), np.array([[0.5], [1.0]]))
    assert math.isnan(metrics["mape"][0])


def test_predictions_of_another_shape_are_refused():
    with pytest.raises(ProbeError, match="differ"):
        regression_metrics(np.zeros((3, 1)), np.zeros((3, 2)))
