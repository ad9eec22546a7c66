"""Clean examples that the test part holds too."""

import numpy as np
import pytest

from repprobe.data import ArrayPart, Data, draws
from repprobe.data.overlap import apart_from_test
from repprobe.errors import UsageError


def made(shared, train=1000, test=500):
    """Return data of two classes of which the first `shared` test inputs are training ones."""
    random = np.random.default_rng(0)
    x = random.integers(0, 256, (train + test, 1, 4, 4), np.uint8)
    y = np.arange(train + test) % 2
    x[train : train + shared] = x[:shared]
    return Data(
        "made",
        ArrayPart(x[:train], y[:train]),
        ArrayPart(x[train:], y[train:]),
        "classification",
        ("a", "b"),
        255,
        "",
    )


def test_nothing_is_said_where_nothing_overlaps():
    data = made(0)
    drawn = draws(data.train.labels, [200], [0], "classification")
    assert apart_from_test(data, drawn) == (drawn, [])


def test_a_few_are_left_out_of_every_budget():
    data = made(5)
    drawn = draws(data.train.labels, [500, "all"], [0], "classification")
    (kept,), (note,) = apart_from_test(data, drawn)
    assert "5 are in the test part too" in note
    assert kept.budgets[1] == len(kept.rows) == len(kept.folds) == 995
    assert not np.isin(kept.rows, np.arange(5)).any()
    first = drawn[0].rows[:500]
    assert kept.budgets[0] == 500 - np.isin(first, np.arange(5)).sum()
    assert (kept.rows[: kept.budgets[0]] == first[first >= 5]).all()


def test_many_are_refused_with_their_number(one_line):
    data = made(500)
    with pytest.raises(UsageError) as caught:
        apart_from_test(data, draws(data.train.labels, ["all"], [0], "classification"))
    one_line(caught, "500 of the 1,000 clean examples")


def test_all_draws_keep_as_many():
    data = made(9)
    kept, _ = apart_from_test(
        data, draws(data.train.labels, [300, 600], range(4), "classification")
    )
    assert len({draw.budgets for draw in kept}) == 1
    for draw in kept:
        assert draw.budgets[-1] == len(draw.rows) == len(draw.folds)
        assert not np.isin(draw.rows, np.arange(9)).any()
