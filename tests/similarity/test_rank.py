"""Effective rank."""

from __future__ import annotations

import math

import numpy as np
import pytest

from repprobe.similarity import effective_rank


def with_singular_values(values, m, d):
    """Return centred features (m, d) that have these singular values."""
    rng = np.random.default_rng(0)
    count = len(values)
    left, _ = np.linalg.qr(np.hstack([np.ones((m, 1)), rng.normal(size=(m, count))]))
    right, _ = np.linalg.qr(rng.normal(size=(d, count)))
    return left[:, 1:] @ np.diag(values) @ right.T


@pytest.mark.parametrize(("m", "d"), [(50, 8), (20, 60)])
def test_equal_directions_count_fully(m, d):
    assert effective_rank(7 + with_singular_values([3.0] * 5, m, d)) == pytest.approx(5, abs=1e-4)


@pytest.mark.parametrize(("m", "d"), [(50, 8), (20, 60)])
def test_it_is_the_exponential_of_the_entropy(m, d):
    values = np.array([4.0, 2.0, 1.0, 1.0])
    shares = values / values.sum()
    wanted = np.exp(-np.sum(shares * np.log(shares)))
    features = with_singular_values(values, m, d)
    assert effective_rank(features) == pytest.approx(wanted, rel=1e-5)
    assert effective_rank(1e-5 * features) == pytest.approx(wanted, rel=1e-5)


def test_one_direction_has_rank_one():
    direction = np.outer(np.arange(30.0), [1.0, 2.0, 3.0])
    assert effective_rank(direction) == pytest.approx(1, abs=1e-4)


def test_without_spread_there_is_none():
    assert math.isnan(effective_rank(np.full((10, 3), 0.3)))
    assert math.isnan(effective_rank(np.array([[1.0, np.nan], [2.0, 3.0]])))
