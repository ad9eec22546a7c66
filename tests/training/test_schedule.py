"""Schedules of the learning rate, from text."""

import math

import pytest

from repprobe.errors import UnknownNameError, UsageError
from repprobe.training import schedule


@pytest.mark.parametrize(
    ("text", "factors"),
    [
        ("constant", {0: 1, 9: 1}),
        ("cosine", {0: 1, 5: 0.5, 9: (1 + math.cos(0.9 * math.pi)) / 2}),
        ("linear:6", {0: 1, 6: 1, 7: 0.75, 9: 0.25}),
        ("step:0.1@4,8", {3: 1, 4: 0.1, 7: 0.1, 8: 0.01}),
        ("exponential:0.5", {0: 1, 1: 0.5, 3: 0.125}),
        ("halve:3", {2: 1, 3: 0.5, 6: 0.25}),
    ],
)
def test_factors_of_ten_epochs(text, factors):
    follow = schedule.parse(text)
    assert {epoch: follow(epoch, 10) for epoch in factors} == pytest.approx(factors)


@pytest.mark.parametrize("text", ["cosine", "linear:3", "linear:30"])
def test_no_factor_falls_to_zero_within_the_epochs(text):
    assert all(schedule.parse(text)(epoch, 10) > 0 for epoch in range(10))


def test_what_depends_on_the_last_epoch():
    assert {t for t in schedule.FORMS.values() if schedule.follows_end(t)} == {
        *("cosine", "linear:80")
    }


@pytest.mark.parametrize(
    "text",
    [
        *("cosine:3", "constant:1", "linear", "linear:0", "step:0.1", "step:0.1@", "step:0.1@4,x"),
        *("step:2@4", "step:nan@4", "exponential:0", "exponential:", "halve:0", "halve:2.5"),
    ],
)
def test_numbers_that_make_no_sense(text, one_line):
    with pytest.raises(UsageError) as caught:
        schedule.parse(text)
    one_line(caught, text, schedule.FORMS[text.partition(":")[0]])


def test_an_unknown_schedule_is_near_a_known_one(one_line):
    with pytest.raises(UnknownNameError) as caught:
        schedule.parse("cosin")
    one_line(caught, "cosin", "cosine")
