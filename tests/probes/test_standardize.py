"""Standardization survives what real activations bring."""

import numpy as np

from repprobe.probes.standardize import Standardization


def test_it_agrees_with_scikit_learn():
    from sklearn.preprocessing import StandardScaler

    x = np.random.default_rng(0).normal(3, 5, size=(3000, 7)).astype(np.float32)
    expected = StandardScaler().fit_transform(x.astype(np.float64))
    np.testing.assert_allclose(Standardization.fit(x).apply(x, np.float64), expected, atol=1e-9)


def test_a_constant_feature_becomes_zero_and_not_nan():
    x = np.full((100, 2), 0.1, np.float32)
    x[:, 1] = np.arange(100)
    z = Standardization.fit(x).apply(x)
    assert np.abs(z[:, 0]).max() < 1e-6
    assert np.isfinite(z).all()


def test_a_mean_far_above_the_spread_costs_no_digits():
    noise = np.random.default_rng(1).normal(size=(5000, 1))
    x = 1e6 + noise
    z = Standardization.fit(x).apply(x, np.float64)
    expected = (noise - noise.mean()) / noise.std()
    np.testing.assert_allclose(z, expected, atol=1e-8)


def test_a_model_of_standardized_features_becomes_one_of_raw_features():
    generator = np.random.default_rng(2)
    x = generator.normal(3, 5, size=(50, 4))
    w, b = generator.normal(size=(4, 3)), generator.normal(size=3)
    s = Standardization.fit(x)
    raw_w, raw_b = s.fold_into(w, b)
    np.testing.assert_allclose(x @ raw_w + raw_b, s.apply(x, np.float64) @ w + b, atol=1e-12)
