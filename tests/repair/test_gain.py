"""When a network may be written, and what is said where it may not."""

import numpy as np
import pytest

from repprobe.repair.gain import Comparison, refusal


def comparison(gain, low, high, count=200):
    return Comparison(count, (0.5, 0.4, 0.6), (0.5 + gain, 0.4, 0.6), (gain, low, high))


BETTER = comparison(0.2, 0.1, 0.3)


def test_a_gain_above_chance_is_written():
    assert refusal(BETTER, comparison(0.1, -0.1, 0.3), 10, 1000) is None


def test_a_gain_that_may_be_chance_tells_how_many_labels_would_do():
    # half the interval is twice the gain: four times as many labels
    why = refusal(comparison(0.05, -0.05, 0.15, 100), BETTER, 10, 1000)
    assert "may be chance" in why
    assert "+5.0 points on 100 held-out clean labels" in why
    assert "about 400 would do" in why
    assert "more than there are" in refusal(comparison(0.05, -0.05, 0.15), BETTER, 10, 300)


def test_no_gain_is_said_to_be_none():
    assert "gains nothing: -3.0 points" in refusal(comparison(-0.03, -0.1, 0.04), BETTER, 10, 1000)


def test_the_test_part_can_forbid_what_held_out_labels_allow():
    why = refusal(BETTER, comparison(-0.05, -0.08, -0.01), 10, 1000)
    assert "on the test part the fixed network is worse: -5.0 points" in why
    assert refusal(BETTER, comparison(-0.05, -0.11, 0.01), 10, 1000) is None


def test_too_few_labels_per_class_are_said_to_be_too_few():
    few = comparison(0.5, 0.3, 0.7, 40)
    assert "40 clean labels of 10 classes are too few" in refusal(few, BETTER, 10, 1000)
    assert refusal(few, BETTER, 8, 1000) is None
    assert refusal(few, BETTER, 0, 1000) is None  # targets have no classes


def test_points_of_regression_are_of_r2():
    why = refusal(comparison(-0.03, -0.1, 0.04), BETTER, 0, 1000)
    assert "-0.030 in R²" in why


@pytest.mark.parametrize("classes", [0, 2])
def test_a_comparison_is_paired(classes):
    random = np.random.default_rng(0)
    before = (random.random(400) < 0.5).astype(float)
    after = before.copy()
    after[:20] = 1
    found = Comparison.of(before, after, classes)
    assert found.gain[0] == pytest.approx(after.mean() - before.mean())
    # far narrower than the two figures' own intervals
    assert found.gain[2] - found.gain[1] < 0.5 * (found.after[2] - found.after[1])
    assert found.to_dict()["gain"]["value"] == found.gain[0]


def test_outcomes_that_own_labels_move_beyond_right_and_wrong_have_an_interval():
    found = Comparison.of(np.zeros(50), np.full(50, 1.1), 10)
    assert np.isfinite(found.after).all()
