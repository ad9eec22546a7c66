"""Draws keep the classes' proportions, lie within one another, and never change."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repprobe.data.splits import split_off_test, stratified_draw
from repprobe.errors import DataError, UsageError

LABELS = np.repeat([0, 1, 2], [700, 250, 50])[np.random.default_rng(1).permutation(1000)]


def draw(labels, n, seed=0, task="classification"):
    return stratified_draw(labels, n, seed, task)


def test_a_draw_keeps_the_proportions_of_the_classes():
    assert np.bincount(LABELS[draw(LABELS, 100)]).tolist() == [70, 25, 5]


def test_a_rare_class_keeps_two_examples():
    assert np.bincount(LABELS[draw(LABELS, 10)]).tolist() == [6, 2, 2]


def test_remainders_are_given_to_the_largest_first():
    labels = np.repeat([0, 1, 2], [50, 30, 20])
    # shares of 11: 5.5, 3.3, 2.2
    assert np.bincount(labels[draw(labels, 11)]).tolist() == [6, 3, 2]


def test_a_draw_is_sorted_and_repeats_nothing():
    rows = draw(LABELS, 333)
    assert rows.dtype == np.int64
    assert (np.diff(rows) > 0).all()


def test_the_seed_decides_the_draw():
    assert np.array_equal(draw(LABELS, 50, seed=3), draw(LABELS, 50, seed=3))
    assert not np.array_equal(draw(LABELS, 50, seed=3), draw(LABELS, 50, seed=4))


def test_a_draw_is_the_same_in_every_version():
    # Written down once: a change here changes every published score.
    labels = np.arange(40) % 4
    assert draw(labels, 12).tolist() == [1, 2, 3, 11, 13, 15, 18, 20, 21, 32, 34, 36]


def test_a_smaller_draw_lies_within_a_larger_one():
    assert set(draw(LABELS, 100)) <= set(draw(LABELS, 200)) <= set(draw(LABELS, 1000))


def test_all_examples_can_be_drawn():
    assert np.array_equal(draw(LABELS, 1000), np.arange(1000))


def test_more_than_there_are_names_both_numbers():
    with pytest.raises(UsageError, match=r"1001 .* only 1000"):
        draw(LABELS, 1001)


def test_too_few_says_the_smallest_number():
    with pytest.raises(UsageError, match="smallest number is 6"):
        draw(LABELS, 5)


def test_a_negative_seed_is_refused():
    with pytest.raises(UsageError, match="seed is -1"):
        draw(LABELS, 10, seed=-1)


def test_regression_targets_are_drawn_without_strata():
    targets = np.linspace(0, 1, 100)
    rows = draw(targets, 10, task="regression")
    assert len(set(rows)) == 10
    assert set(rows) <= set(draw(targets, 20, task="regression"))
    with pytest.raises(UsageError, match="smallest number is 2"):
        draw(targets, 1, task="regression")


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(2, 60), min_size=2, max_size=12), st.data())
def test_every_draw_has_n_rows_and_two_of_each_class(sizes, data):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    n = data.draw(st.integers(2 * len(sizes), sum(sizes)))
    counts = np.bincount(labels[draw(labels, n)], minlength=len(sizes))
    assert counts.sum() == n
    assert (counts >= 2).all()
    assert (counts <= sizes).all()
    share = n * np.array(sizes) / sum(sizes)
    # No class gets more than its rounded share; those below it only pay for the least of two.
    assert (counts <= np.maximum(np.ceil(share), 2)).all()


def test_a_test_part_is_a_fifth_of_every_class():
    train, test = split_off_test(LABELS, 0, "classification", "x")
    assert np.bincount(LABELS[test]).tolist() == [140, 50, 10]
    assert np.array_equal(np.sort(np.concatenate([train, test])), np.arange(1000))


def test_small_classes_keep_two_training_examples():
    labels = np.array([0] * 10 + [1] * 3 + [2] * 2)
    train, test = split_off_test(labels, 0, "classification", "x")
    assert np.bincount(labels[train]).tolist() == [8, 2, 2]
    assert np.bincount(labels[test]).tolist() == [2, 1]


def test_nothing_to_spare_is_an_error():
    with pytest.raises(DataError, match="'tiny' has no test part and too few"):
        split_off_test(np.array([0, 0, 1, 1]), 0, "classification", "tiny")


def test_regression_is_split_too():
    train, test = split_off_test(np.linspace(0, 1, 50), 0, "regression", "x")
    assert (len(train), len(test)) == (40, 10)
