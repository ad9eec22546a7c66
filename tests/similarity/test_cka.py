"""Debiased linear CKA against the definition, its invariances, and its interval."""

from __future__ import annotations

import math

import numpy as np
import pytest

from repprobe.errors import DataError
from repprobe.similarity import cka, jackknife
from repprobe.similarity.cka import LEAST

RNG = np.random.default_rng


def by_definition(x, y):
    """CKA of Gram matrices by Song et al. (2012), eq. 5, word by word."""

    def hsic(k, m):
        n = len(k)
        k, m = k - np.diag(np.diag(k)), m - np.diag(np.diag(m))
        one = np.ones(n)
        return (
            np.trace(k @ m)
            + (one @ k @ one) * (one @ m @ one) / ((n - 1) * (n - 2))
            - 2 / (n - 2) * (one @ k @ m @ one)
        ) / (n * (n - 3))

    k, m = x @ x.T, y @ y.T
    return hsic(k, m) / math.sqrt(hsic(k, k) * hsic(m, m))


def related(m, d1, d2, seed=0):
    rng = RNG(seed)
    shared = rng.normal(size=(m, 3))
    x = shared @ rng.normal(size=(3, d1)) + rng.normal(size=(m, d1)) + 5
    y = shared @ rng.normal(size=(3, d2)) + rng.normal(size=(m, d2)) - 2
    return x, y


@pytest.mark.parametrize(("m", "d1", "d2"), [(40, 3, 7), (12, 50, 30), (30, 4, 100), (5, 2, 2)])
def test_it_is_what_the_paper_defines(m, d1, d2):
    x, y = related(m, d1, d2)
    assert cka(x, y) == pytest.approx(by_definition(x, y), abs=1e-10)


@pytest.mark.parametrize(("m", "d1", "d2"), [(20, 3, 4), (9, 30, 20), (6, 2, 40)])
def test_the_pseudo_values_are_those_of_leaving_each_example_out(m, d1, d2):
    x, y = related(m, d1, d2)
    value, pseudo = jackknife(x, y)
    for i in range(m):
        left = [j for j in range(m) if j != i]
        without = np.clip(by_definition(x[left], y[left]), -1, 1)
        assert pseudo[i] == pytest.approx(m * value - (m - 1) * without, abs=1e-7)


def test_it_does_not_change_under_rotation_shift_and_scale():
    x, y = related(60, 8, 20)
    rotation, _ = np.linalg.qr(RNG(1).normal(size=(8, 8)))
    assert cka(1e6 * (x @ rotation) + 3, 1e-6 * y) == pytest.approx(cka(x, y), abs=1e-9)


def test_it_changes_under_other_linear_maps():
    x, y = related(60, 8, 20)
    assert abs(cka(x * np.arange(1, 9), y) - cka(x, y)) > 1e-3


@pytest.mark.parametrize("d", [3, 300])
def test_features_are_alike_to_themselves(d):
    x = RNG(0).normal(size=(50, d))
    value, pseudo = jackknife(x, x.copy())
    assert value == pytest.approx(1, abs=1e-12)
    assert pseudo == pytest.approx(np.ones(50), abs=1e-8)


def test_independent_features_are_not_alike_however_many_they_are():
    found = [
        cka(RNG(s).normal(size=(60, 500)), RNG(99 - s).normal(size=(60, 500))) for s in range(20)
    ]
    assert abs(np.mean(found)) < 0.02
    assert max(np.abs(found)) < 0.1


def test_wide_half_precision_features_lose_nothing():
    x, y = related(50, 10, 10)
    narrow = cka(x.astype(np.float16), y.astype(np.float16))
    assert narrow == pytest.approx(cka(x, y), abs=5e-3)
    assert cka(1e30 * x.astype(np.float32), y) == pytest.approx(cka(x, y), abs=1e-5)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_features_that_are_not_finite_have_no_cka(bad):
    x, y = related(30, 3, 3)
    x[4, 1] = bad
    value, pseudo = jackknife(x, y)
    assert math.isnan(value)
    assert np.isnan(pseudo).all()


def test_constant_features_have_no_cka():
    _, y = related(30, 3, 3)
    assert math.isnan(cka(np.full((30, 4), 0.1), y))
    assert math.isnan(cka(y, np.zeros((30, 4))))


def test_a_constant_feature_beside_others_says_nothing():
    x, y = related(30, 3, 3)
    assert cka(np.hstack([x, np.full((30, 1), 1e5)]), y) == pytest.approx(cka(x, y), abs=1e-9)


def test_too_few_examples_have_no_cka():
    x, y = related(LEAST - 1, 3, 3)
    assert math.isnan(cka(x, y))


def test_other_examples_are_refused():
    with pytest.raises(DataError, match="30 and of 29 examples"):
        cka(np.ones((30, 2)), np.ones((29, 2)))
