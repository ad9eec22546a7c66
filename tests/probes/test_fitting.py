"""One probe: what is chosen, by whom, and what it gives."""

import numpy as np
import pytest
from made_features import dealt

from repprobe.errors import ProbeError, UnknownNameError, UsageError
from repprobe.probes.engines import get_engine
from repprobe.probes.fitting import GRIDS, KINDS, check_kind, default_kind, fit_probe

ENGINE = get_engine()


def blobs(n, width=20, classes=4, seed=0):
    generator = np.random.default_rng(seed)
    centres = np.random.default_rng(99).normal(size=(classes, width))
    y = np.arange(n) % classes
    return (100 + centres[y] * 0.7 + generator.normal(size=(n, width))).astype(np.float32), y


@pytest.mark.parametrize("kind", KINDS)
def test_every_probe_learns_raw_features(kind):
    (x, y), (test, truth) = blobs(400), blobs(1000, seed=1)
    probe = fit_probe(kind, x, y, 4, ENGINE, dealt(y))
    assert (probe.scores(test).argmax(1) == truth).mean() > 0.8
    if kind in ("ridge", "least-squares"):
        squares = (probe.scores(test) - np.eye(4)[truth]) ** 2
        assert probe.validation is None
        assert probe.validation_error == pytest.approx(squares.mean(), rel=0.1)
    else:
        assert (probe.validation.argmax(1) == y).mean() > 0.8
        assert np.isnan(probe.validation_error)
    assert probe.converged
    assert probe.regularization in GRIDS[kind] or kind == "least-squares"


def test_noise_is_answered_with_a_strong_penalty_and_signal_with_a_weak_one():
    generator = np.random.default_rng(0)
    noise = generator.normal(size=(200, 50)).astype(np.float32)
    y = np.arange(200) % 2
    signal = noise.copy()
    signal[:, 0] += 20 * y
    for kind, weak_is_large in (("logistic", True), ("ridge", False)):
        on_noise = fit_probe(kind, noise, y, 2, ENGINE, dealt(y)).regularization
        on_signal = fit_probe(kind, signal, y, 2, ENGINE, dealt(y)).regularization
        assert on_noise <= on_signal if weak_is_large else on_noise > on_signal


def test_a_rare_class_is_not_given_up_for_a_strong_penalty():
    # At strong penalties the accuracy stays at the majority's rate for decades.
    generator = np.random.default_rng(0)
    x = generator.normal(size=(600, 16)).astype(np.float32)
    y = (x[:, 0] > 1.1).astype(np.int64)
    probe = fit_probe("logistic", x, y, 2, ENGINE, dealt(y))
    assert (probe.scores(x).argmax(1) == y).mean() > 0.97


def test_the_validation_figure_comes_from_fits_without_the_example():
    # With more features than examples least squares passes through all it has seen.
    generator = np.random.default_rng(0)
    x, y = generator.normal(size=(60, 200)).astype(np.float32), np.arange(60) % 3
    probe = fit_probe("least-squares", x, y, 3, ENGINE, dealt(y))
    assert ((probe.scores(x) - np.eye(3)[y]) ** 2).mean() < 1e-6
    assert probe.validation_error > 0.2
    probe = fit_probe("logistic", x, y, 3, ENGINE, dealt(y))
    assert (probe.scores(x).argmax(1) == y).mean() > 0.9
    assert (probe.validation.argmax(1) == y).mean() < 0.6


def test_two_examples_per_class_are_enough():
    x, y = blobs(8)
    for kind in KINDS:
        assert fit_probe(kind, x, y, 4, ENGINE, dealt(y)).scores(x).shape == (8, 4)


def test_targets_are_fitted_as_numbers():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(100, 5)).astype(np.float32)
    y = x @ generator.normal(size=(5, 2)) + 3
    for kind in ("ridge", "least-squares"):
        probe = fit_probe(kind, x, y, 0, ENGINE, dealt(y, "regression"))
        np.testing.assert_allclose(probe.scores(x), y, atol=0.05)


def test_features_with_nan_are_refused():
    x, y = blobs(40)
    x[3, 3] = np.nan
    with pytest.raises(ProbeError, match="NaN or infinity"):
        fit_probe("ridge", x, y, 4, ENGINE, dealt(y))


def test_the_probe_must_suit_the_task():
    assert default_kind("classification") == "logistic"
    assert default_kind("regression") == "ridge"
    with pytest.raises(UsageError, match="take ridge or least-squares"):
        check_kind("knn", "regression")
    with pytest.raises(UnknownNameError, match="did you mean ridge"):
        check_kind("rigde", "classification")
