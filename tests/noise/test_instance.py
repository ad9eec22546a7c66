"""Instance-dependent noise: the other function of the input, and the law of Xia et al."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_labels import GraphPart, made, made_targets
from scipy import stats

from repprobe.data import Data
from repprobe.errors import DataError, UsageError
from repprobe.noise import corrupt, instance

RANDOM = np.random.default_rng(5)
N = 6000
CLEAN = np.arange(N) % 4
IMAGES = RANDOM.integers(0, 256, (N, 1, 4, 4)).astype(np.uint8)
DATA = made(CLEAN, 4, inputs=IMAGES, unit=255.0)


def test_labels_become_the_other_function():
    other = (CLEAN * 3 + 1) % 4
    noisy = corrupt("instance:0.3", made(CLEAN, 4, instance_labels=other))
    moved = noisy.labels != CLEAN
    assert (noisy.labels[moved] == other[moved]).all()
    assert moved.mean() == pytest.approx(0.3 * (other != CLEAN).mean(), abs=0.02)


@pytest.mark.parametrize("shape", [(N,), (N, 2)])
def test_targets_become_the_other_function(shape):
    targets = np.arange(np.prod(shape), dtype=float).reshape(shape)
    noisy = corrupt("instance:0.6", made_targets(targets, instance_labels=-1 - targets))
    assert noisy.rate == pytest.approx(0.6, abs=0.02)
    assert ((noisy.labels == targets) | (noisy.labels == -1 - targets)).all()
    assert corrupt("instance:1", made_targets(targets, instance_labels=-targets)).rate > 0.99


@pytest.mark.parametrize("rate", [0.1, 0.4, 0.95])
def test_the_mean_rate_is_that_of_the_truncated_normal(rate):
    noisy = corrupt(f"instance:{rate}", DATA)
    expected = stats.truncnorm(-rate / 0.1, (1 - rate) / 0.1, rate, 0.1).mean()
    assert noisy.rate == pytest.approx(expected, abs=4 * np.sqrt(0.25 / N))


def test_the_rate_of_an_example_is_truncated_normal():
    rates = instance.Instance(0.1)._rates(np.array([0.0, 0.3, 1.0]))
    expected = stats.truncnorm(-1, 9, 0.1, 0.1).ppf([0, 0.3, 1])
    assert rates == pytest.approx(expected, abs=1e-12)


def test_wrong_classes_follow_the_softmax_of_the_projected_input():
    # The same input many times, so that the frequencies of the labels can be counted.
    x = np.tile(RANDOM.random((1, 6)).astype(np.float32), (40_000, 1))
    noisy = corrupt("instance:0.5", made(np.full(40_000, 2), 5, inputs=x), seed=3)
    logits = x[0].astype(float) @ instance._weights(3, 2, (6, 5))
    logits[2] = -np.inf
    expected = np.exp(logits) / np.exp(logits).sum()
    moved = noisy.labels[noisy.labels != 2]
    counts = np.bincount(moved, minlength=5)
    assert stats.chisquare(np.delete(counts, 2), np.delete(expected, 2) * len(moved)).pvalue > 1e-3


def test_a_long_input_decides_its_wrong_class():
    # The logits of 2,000 numbers are so far apart that the softmax is all but certain.
    kinds = RANDOM.normal(size=(20, 2000)).astype(np.float32)
    noisy = corrupt("instance:1", made(np.zeros(1000), 6, inputs=np.repeat(kinds, 50, axis=0)))
    likeliest = 1 + (kinds @ instance._weights(0, 0, (2000, 6)))[:, 1:].argmax(axis=1)
    moved = noisy.labels > 0
    assert (noisy.labels == np.repeat(likeliest, 50))[moved].mean() > 0.95
    assert len(np.unique(likeliest)) > 2


def test_weights_are_standard_normal_and_each_class_has_its_own():
    a, b = (instance._weights(0, c, (100, 100)).ravel() for c in (0, 1))
    assert stats.kstest(a, "norm").pvalue > 1e-3
    assert abs(np.corrcoef(a, b)[0, 1]) < 0.05


def test_memory_is_bounded_and_the_bounds_change_nothing(monkeypatch):
    whole = corrupt("instance:0.5", DATA).labels
    asked = []
    part = DATA.train

    class Watched:
        labels = part.labels
        whole = False

        def __len__(self):
            return N

        def inputs(self, indices):
            asked.append(indices)
            return part.inputs(indices)

    monkeypatch.setattr(instance, "_WEIGHT_BYTES", 2 * 8 * 16 * 4)
    monkeypatch.setattr(instance, "_INPUT_BYTES", 100 * 8 * 16)
    watched = Data("made", Watched(), part, "classification", DATA.classes, 255.0, "made")
    assert np.array_equal(corrupt("instance:0.5", watched).labels, whole)
    rows = np.concatenate(asked)
    assert max(map(len, asked)) <= 100
    assert all((np.diff(block) > 0).all() for block in asked)
    assert len(np.unique(rows)) == len(rows)
    assert set(np.flatnonzero(whole != CLEAN)) == set(rows)


@settings(max_examples=20, deadline=None)
@given(st.lists(st.integers(0, N - 1), min_size=1, max_size=300), st.integers(0, 5))
def test_an_example_has_its_label_among_any_rows(rows, seed):
    rows = np.array(rows)
    whole = corrupt("instance:0.6", DATA, seed=seed).labels
    assert np.array_equal(corrupt("instance:0.6", DATA, seed=seed, rows=rows).labels, whole[rows])


def test_the_unit_counts():
    as_they_are = made(CLEAN, 4, inputs=(IMAGES / 255).astype(np.float32))
    same = corrupt("instance:0.5", as_they_are).labels == corrupt("instance:0.5", DATA).labels
    assert same.mean() > 0.999
    too_large = made(CLEAN, 4, inputs=IMAGES, unit=1.0)
    assert (corrupt("instance:0.5", too_large).labels != corrupt("instance:0.5", DATA).labels).any()


def test_graphs_and_regression_need_another_function():
    part = GraphPart([0, 1, 0, 1])
    graphs = Data("some graphs", part, part, "classification", ("a", "b"), 1.0, "made")
    with pytest.raises(UsageError, match="'some graphs' holds graphs and has no second function"):
        corrupt("instance:0.5", graphs)
    with pytest.raises(UsageError, match="'made' is regression and has no second function"):
        corrupt("instance:0.5", made_targets([1.0, 2.0]))


def test_another_function_of_another_shape_is_refused():
    with pytest.raises(DataError, match=r"shape \(3,\), the first \(6000,\)"):
        corrupt("instance:0.5", made(CLEAN, 4, instance_labels=np.zeros(3, np.int64)))
