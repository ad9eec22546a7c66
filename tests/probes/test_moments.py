"""Sums of batches, merged in any order, are the sums of all rows at once."""

import itertools

import numpy as np
import pytest
import torch
from made_features import held

from repprobe.probes.moments import PANEL, PENDING, MomentSums, total

PARTS = ("count", "x", "y", "xx", "xy", "yy")


def made(n, d, k=2, seed=0, mean=3.0):
    generator = np.random.default_rng(seed)
    x = generator.normal(mean, 1.0, (n, d)).astype(np.float32)
    return x, x[:, :1] * generator.normal(size=k) + generator.normal(size=(n, k))


def summed(x, y, origin, sizes=(100, 7, 600, 1)):
    """Feed rows in batches of these sizes, in turn."""
    sums = MomentSums(torch.as_tensor(np.broadcast_to(origin, x.shape[1]).copy()), y.shape[1])
    start, turns = 0, itertools.cycle(sizes)
    while start < len(x):
        rows = slice(start, start + next(turns))
        sums.add(torch.from_numpy(x[rows]), torch.from_numpy(y[rows]))
        start = rows.stop
    return sums


def exact(x, y, origin):
    x = x.astype(np.float64) - origin
    return len(x), x.sum(0), y.sum(0), x.T @ x, x.T @ y, (y * y).sum(0)


def assert_equal(moments, expected, rtol=1e-11):
    for name, value in zip(PARTS, expected, strict=True):
        scale = np.abs(value).max()
        np.testing.assert_allclose(
            np.asarray(getattr(moments, name)), value, rtol=rtol, atol=rtol * scale, err_msg=name
        )


def centred(x, y):
    x, y = x.astype(np.float64), y.astype(np.float64)
    x, y = x - x.mean(0), y - y.mean(0)
    return len(x), 0 * x[0], 0 * y[0], x.T @ x, x.T @ y, (y * y).sum(0)


@pytest.mark.parametrize("width", [1, 5, PANEL - 1, PANEL, PANEL + 1, 2 * PANEL + 44])
@pytest.mark.parametrize("origin", [0.0, 2.5])
def test_sums_of_batches_are_those_of_all_rows_at_once(width, origin):
    x, y = made(1500, width)
    assert_equal(summed(x, y, origin).moments(), exact(x, y, origin))


@pytest.mark.parametrize("sizes", [(1,), (PENDING,), (PENDING - 1, 2), (3 * PENDING + 5,)])
def test_how_rows_are_cut_into_batches_does_not_matter(sizes):
    x, y = made(1000, 6)
    assert_equal(summed(x, y, 1.0, sizes).moments(), exact(x, y, 1.0))


@pytest.mark.parametrize("origins", [(3.0, 3.0, 3.0), (3.0, -1.0, 2.5)])
def test_shards_can_be_merged_in_any_order(origins):
    x, y = made(900, PANEL + 3)
    shards = np.split(np.arange(900), [200, 210])
    for order in itertools.permutations(range(3)):
        first, *rest = (summed(x[shards[i]], y[shards[i]], origins[i]) for i in order)
        for other in rest:
            first.merge(other)
        assert_equal(first.moments(), exact(x, y, origins[order[0]]), rtol=1e-10)


def test_rows_may_come_after_a_merge_and_after_a_look():
    x, y = made(300, 4)
    sums = summed(x[:100], y[:100], 1.0)
    early = sums.moments()
    sums.merge(summed(x[100:200], y[100:200], 2.0))
    sums.add(torch.from_numpy(x[200:]), torch.from_numpy(y[200:]))
    assert_equal(sums.moments(), exact(x, y, 1.0))
    assert_equal(early, exact(x[:100], y[:100], 1.0))


def test_moments_in_the_same_coordinates_add_up():
    x, y = made(500, 9)
    parts = [summed(x[i], y[i], 1.0).moments() for i in np.split(np.arange(500), [30, 60, 61])]
    assert_equal(total(parts), exact(x, y, 1.0))


def test_moments_can_be_seen_from_elsewhere_and_about_the_mean():
    x, y = made(400, 5)
    origin, scale = np.linspace(-1, 1, 5), np.linspace(0.5, 2, 5)
    moments = summed(x, y, 0.0).moments()
    seen = moments.seen_from(torch.from_numpy(origin), torch.from_numpy(scale))
    assert_equal(seen, exact((x - origin) / scale, y, 0.0))
    assert_equal(seen.centred(), centred((x - origin) / scale, y), rtol=1e-9)


def test_a_mean_far_above_the_spread_of_a_million_rows_costs_no_digits():
    generator = np.random.default_rng(0)
    mixing = np.triu(generator.normal(size=(8, 8))) / 4 + np.eye(8)
    chunks = [
        (1e4 + generator.normal(size=(100_000, 8)) @ mixing).astype(np.float32) for _ in range(10)
    ]
    sums = MomentSums(torch.from_numpy(chunks[0][:100]).double().mean(0), 1)
    for chunk in chunks:
        sums.add(torch.from_numpy(chunk), torch.from_numpy(chunk[:, :1]))
    moments = sums.moments()
    assert moments.count == 1_000_000
    rows = np.concatenate(chunks).astype(np.float64)
    expected = np.cov(rows, rowvar=False, bias=True)
    found = moments.centred()
    scale = np.abs(expected).max()
    np.testing.assert_allclose(found.xx / moments.count, expected, rtol=1e-6, atol=1e-7 * scale)
    np.testing.assert_allclose(
        found.xy[:, 0] / moments.count, expected[0], rtol=1e-6, atol=1e-6 * scale
    )


def test_half_precision_rows_are_summed_in_full_precision():
    x, y = made(3000, 5)
    x = x.astype(np.float16)
    assert_equal(summed(x, y, 1.0).moments(), exact(x, y, 1.0))


def test_sums_of_nothing_are_zero_and_add_nothing():
    x, y = made(50, 3)
    empty = MomentSums(torch.full((3,), 2.0), 2)
    assert_equal(empty.moments(), exact(x[:0], y[:0], 2.0))
    assert_equal(empty.moments().centred(), exact(x[:0], y[:0], 2.0))
    sums = summed(x, y, 1.0)
    sums.merge(empty)
    assert_equal(sums.moments(), exact(x, y, 1.0))
    empty.merge(sums)
    assert_equal(empty.moments(), exact(x, y, 2.0))


@pytest.mark.parametrize(("width", "targets"), [(1024, 10), (300, 1), (40, 1000)])
def test_the_size_is_foretold(width, targets):
    before = held()
    sums = MomentSums(torch.zeros(width), targets)
    x, y = made(2 * PENDING + 700, width, targets)
    for start in range(0, len(x), 700):
        rows = slice(start, start + 700)
        sums.add(torch.from_numpy(x[rows]), torch.from_numpy(y[rows]))
    del x, y
    taken = held() - before
    foretold = MomentSums.nbytes(width, targets)
    assert 0.5 * foretold < taken <= foretold
    assert sums.moments().count == 2 * PENDING + 700
