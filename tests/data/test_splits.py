"""Draws keep the classes' proportions, lie within one another, and never change."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repprobe.data.splits import draws, split_off_test
from repprobe.errors import DataError, UsageError

LABELS = np.repeat([0, 1, 2], [700, 250, 50])[np.random.default_rng(1).permutation(1000)]


def draw(labels, *budgets, seed=0, task="classification"):
    (found,) = draws(labels, budgets, [seed], task)
    return found


def counts(labels, rows):
    return np.bincount(labels[rows], minlength=labels.max() + 1)


def test_every_budget_keeps_the_proportions_of_the_classes():
    found = draw(LABELS, 100, 400)
    assert counts(LABELS, found.rows[:100]).tolist() == [70, 25, 5]
    assert counts(LABELS, found.rows).tolist() == [280, 100, 20]


def test_a_rare_class_keeps_two_examples():
    assert counts(LABELS, draw(LABELS, 10).rows).tolist() == [6, 2, 2]


def test_shares_that_are_no_whole_numbers_are_rounded():
    labels = np.repeat([0, 1, 2], [50, 30, 20])
    # shares of 11: 5.5, 3.3, 2.2
    assert counts(labels, draw(labels, 11).rows).tolist() == [6, 3, 2]


def test_a_draw_repeats_nothing():
    rows = draw(LABELS, 333).rows
    assert rows.dtype == np.int64
    assert len(set(rows)) == 333


def test_the_seed_decides_the_draw():
    first, again, other = draws(LABELS, [50], [3, 3, 4], "classification")
    assert np.array_equal(first.rows, again.rows)
    assert np.array_equal(first.folds, again.folds)
    assert not np.array_equal(first.rows, other.rows)


def test_a_draw_is_the_same_in_every_version():
    # Written down once: a change here changes every published score.
    found = draw(np.arange(40) % 4, 12)
    assert found.rows.tolist() == [20, 13, 2, 11, 32, 21, 18, 3, 36, 1, 34, 15]
    assert found.folds.tolist() == [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1]


def test_a_budget_does_not_depend_on_the_budgets_beside_it():
    alone, among = draw(LABELS, 100), draw(LABELS, 20, 100, "all")
    assert np.array_equal(alone.rows, among.rows[:100])
    assert np.array_equal(alone.folds, among.folds[:100])


def test_budgets_are_sorted_and_named_once():
    assert draw(LABELS, "all", 200, 50, 200, 1000).budgets == (50, 200, 1000)


def test_all_examples_can_be_drawn():
    assert np.array_equal(np.sort(draw(LABELS, "all").rows), np.arange(1000))


def test_the_whole_part_is_drawn_with_the_first_seed_only():
    found = draws(LABELS, [100, "all"], [5, 6], "classification")
    assert [(d.seed, d.budgets, len(d.rows)) for d in found] == [
        (5, (100, 1000), 1000),
        (6, (100,), 100),
    ]
    assert [d.seed for d in draws(LABELS, [1000], [5, 6], "classification")] == [5]


def test_more_than_there_are_names_both_numbers():
    with pytest.raises(UsageError, match=r"1001 .* only 1000"):
        draw(LABELS, 10, 1001)


def test_too_few_says_the_smallest_number():
    with pytest.raises(UsageError, match=r"5 clean labels .* smallest number is 6"):
        draw(LABELS, 100, 5)


def test_a_negative_seed_is_refused():
    with pytest.raises(UsageError, match="seed is -1"):
        draw(LABELS, 10, seed=-1)


def test_regression_targets_are_drawn_without_strata():
    targets = np.linspace(0, 1, 100)
    found = draw(targets, 10, 20, task="regression")
    assert len(set(found.rows)) == 20
    assert np.bincount(found.folds).tolist() == [4] * 5
    with pytest.raises(UsageError, match="smallest number is 2"):
        draw(targets, 1, task="regression")


SIZES = st.lists(st.integers(2, 60), min_size=2, max_size=12)


@settings(max_examples=100, deadline=None)
@given(SIZES, st.data())
def test_every_prefix_is_stratified(sizes, data):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    n = data.draw(st.integers(2 * len(sizes), sum(sizes)))
    found = counts(labels, draw(labels, n, "all").rows[:n])
    assert found.sum() == n
    assert (found >= 2).all()
    # No class got its last row before another that was more in need of one (Webster): those
    # with two rows were given them.
    last = [(2 * k - 1) / size for k, size in zip(found, sizes, strict=True) if k > 2]
    following = [(2 * k + 1) / s for k, s in zip(found, sizes, strict=True) if k < s]
    assert max(last, default=0) <= min(following, default=2)


@settings(max_examples=100, deadline=None)
@given(SIZES, st.integers(2, 7), st.data())
def test_folds_are_stratified_in_every_prefix(sizes, fold_count, data):
    labels = np.repeat(np.arange(len(sizes)), sizes)
    (found,) = draws(labels, ["all"], [0], "classification", fold_count)
    n = data.draw(st.integers(2 * len(sizes), sum(sizes)))
    drawn, folds = labels[found.rows[:n]], found.folds[:n]
    assert len(set(folds)) == min(fold_count, n)
    for c in range(len(sizes)):
        shares = np.bincount(folds[drawn == c], minlength=fold_count)
        assert shares.max() - shares.min() <= 1
        assert shares.max() < shares.sum()


def test_folds_are_of_equal_size_where_classes_are():
    labels = np.arange(300) % 3
    folds = draw(labels, "all").folds
    for n in range(6, 301):
        assert np.ptp(np.bincount(folds[:n], minlength=5)) <= 1


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
