"""When a network may be written, and what is said where it may not."""

import numpy as np
import pytest

from repprobe.data import draws
from repprobe.repair.gain import Comparison, refusal, scarcity


def comparison(gain, low, high, count=200):
    return Comparison(count, (0.5, 0.4, 0.6), (0.5 + gain, 0.4, 0.6), (gain, low, high))


BETTER = comparison(0.2, 0.1, 0.3)


def test_a_gain_above_chance_is_written():
    assert refusal(BETTER, comparison(0.1, -0.1, 0.3), 10, 200, 1000) is None


def test_a_gain_that_may_be_chance_tells_how_many_labels_would_do():
    # half the interval is twice the gain: four times as many labels
    why = refusal(comparison(0.05, -0.05, 0.15, 100), BETTER, 10, 100, 1000)
    assert "may be chance" in why
    assert "+5.0 points on 100 held-out clean labels" in why
    assert "about 400 would do" in why
    # a fifth of the labels judges
    fifth = refusal(comparison(0.05, -0.05, 0.15, 20), BETTER, 10, 100, 1000)
    assert "on 20 held-out clean labels" in fifth
    assert "about 400 would do" in fifth
    assert "more than there are" in refusal(comparison(0.05, -0.05, 0.15), BETTER, 10, 200, 300)


def test_no_gain_is_said_to_be_none():
    assert "gains nothing: −3.0 points" in refusal(
        comparison(-0.03, -0.1, 0.04), BETTER, 10, 200, 1000
    )


def test_the_test_part_can_forbid_what_held_out_labels_allow():
    why = refusal(BETTER, comparison(-0.05, -0.08, -0.01), 10, 200, 1000)
    assert "on the test part the fixed network is worse: −5.0 points" in why
    assert refusal(BETTER, comparison(-0.05, -0.11, 0.01), 10, 200, 1000) is None


NAMES = ("cat", "dog", "owl")


def labels(*counts):
    return np.repeat(np.arange(len(counts)), counts)


def test_the_rarest_class_is_said_to_have_too_few_labels():
    why = scarcity(labels(40, 4, 40), labels(400, 40, 400), NAMES)
    assert why.startswith("4 clean labels are too few of the class 'dog' to tell")
    assert why.endswith("it takes 5 of each, give about 96 in all.")
    assert refusal(BETTER, BETTER, 3, 84, 840, why) == why
    assert scarcity(labels(40, 5, 40), labels(400, 40, 400), NAMES) is None
    assert scarcity(labels(40, 3, 40), labels(400, 3, 400), NAMES).endswith(
        "it takes 5 of each, and the training part has 3."
    )


def test_a_class_that_does_not_occur_is_not_missed():
    assert scarcity(labels(9, 0, 9), labels(90, 0, 90), NAMES) is None
    assert "'owl'" in scarcity(labels(9, 9, 0), labels(90, 90, 90), NAMES)


@pytest.mark.parametrize("sizes", [(100, 100, 100), (500, 30, 200), (4000, 7, 90)])
def test_as_many_labels_as_it_names_are_enough(sizes):
    available = labels(*sizes)
    why = scarcity(labels(2, 2, 2), available, NAMES)
    enough = int(why.split("about ")[1].split()[0].replace(",", ""))
    (draw,) = draws(available, [enough], [0], "classification")
    assert scarcity(available[draw.rows], available, NAMES) is None


def test_points_of_regression_are_of_r2():
    why = refusal(comparison(-0.03, -0.1, 0.04), BETTER, 0, 200, 1000)
    assert "−0.030 in R²" in why


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
