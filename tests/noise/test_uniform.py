"""Uniform noise follows its law."""

import numpy as np
import pytest

from repprobe.errors import UsageError
from repprobe.noise import uniform

LABELS = np.arange(20_000) % 10

PINNED = [3, 9, 0, 2, 4, 5, 2, 7, 8, 9, 0, 5]


def test_the_true_class_is_among_those_drawn():
    wrong = (uniform(LABELS, 0.8, 10) != LABELS).mean()
    assert wrong == pytest.approx(0.8 * 9 / 10, abs=0.01)


def test_wrong_labels_are_spread_evenly():
    noisy = uniform(LABELS, 1.0, 10)
    table = np.histogram2d(LABELS, noisy, bins=10)[0] / 2000
    assert np.abs(table - 0.1).max() < 0.03


def test_no_noise_changes_nothing():
    assert (uniform(LABELS, 0.0, 10) == LABELS).all()


def test_the_seed_decides_and_the_numbers_are_pinned():
    assert uniform(LABELS[:12], 0.5, 10, seed=3).tolist() == PINNED
    assert (uniform(LABELS, 0.5, 10, seed=3) != uniform(LABELS, 0.5, 10, seed=4)).any()


def test_a_ratio_outside_0_and_1_is_refused():
    with pytest.raises(UsageError, match=r"between 0 and 1, not 1\.5"):
        uniform(LABELS, 1.5, 10)


def test_the_clean_draw_of_the_same_seed_is_no_more_corrupted_than_the_rest():
    from repprobe.data import draws

    wrong = uniform(LABELS, 0.5, 10, seed=0) != LABELS
    (drawn,) = draws(LABELS, [4000], [0], "classification")
    assert wrong[drawn.rows].mean() == pytest.approx(wrong.mean(), abs=0.03)
