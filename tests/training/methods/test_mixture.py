"""Clean and wrong labels told apart by their losses."""

import numpy as np
import pytest

from repprobe.training.methods.mixture import clean_probability, normalized


def test_two_clusters_are_told_apart():
    generator = np.random.default_rng(0)
    wrong = generator.random(1000) < 0.4
    losses = np.where(wrong, generator.normal(4, 0.3, 1000), generator.normal(0.5, 0.2, 1000))
    clean = clean_probability(normalized(losses), 0)
    assert ((clean < 0.5) == wrong).all()
    assert ((clean < 0.01) | (clean > 0.99)).mean() > 0.99


def test_which_component_comes_first_does_not_matter():
    losses = np.concatenate([np.linspace(0, 0.1, 50), np.linspace(0.9, 1, 50)])
    for seed in range(6):
        np.testing.assert_array_equal(clean_probability(losses, seed) > 0.5, losses < 0.5)


def test_the_probability_is_that_of_the_mixture():
    # by hand: EM to convergence on these clusters ends at weights ½, means ±, equal variances
    losses = np.array([0.0, 0.1, 0.2, 0.8, 0.9, 1.0])
    clean = clean_probability(losses, 0)
    variance = 2 / 3 * 0.1**2 + 5e-4
    density = [np.exp(-((losses - mean) ** 2) / 2 / variance) for mean in (0.1, 0.9)]
    assert clean == pytest.approx(density[0] / sum(density), abs=1e-4)


def test_losses_that_are_alike_leave_all_labels():
    np.testing.assert_array_equal(normalized(np.full(5, 2.0)), np.zeros(5))
    np.testing.assert_array_equal(normalized(2.0 + 1e-9 * np.arange(5)), np.zeros(5))
    np.testing.assert_array_equal(clean_probability(np.zeros(5), 0), np.ones(5))
    np.testing.assert_array_equal(clean_probability(np.zeros(1), 0), np.ones(1))
    np.testing.assert_array_equal(normalized(np.array([1.0, 3.0, 2.0])), [0, 1, 0.5])
