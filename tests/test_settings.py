"""Settings are checked when they are made."""

import pytest

from repprobe.errors import UsageError
from repprobe.settings import Settings


@pytest.mark.parametrize(
    ("clean", "budgets"),
    [(None, None), (300, (300,)), ("all", ("all",)), ([100, "all"], (100, "all"))],
)
def test_budgets_are_a_tuple_whatever_was_given(clean, budgets):
    assert Settings(clean=clean).budgets == budgets


@pytest.mark.parametrize("clean", [0, 1.5, "many", [100, 0], [100, "many"], [1.5], []])
def test_budgets_that_are_no_numbers_are_refused(clean):
    with pytest.raises(UsageError, match="--clean"):
        Settings(clean=clean)


@pytest.mark.parametrize("clean", ["all", ["all", "all"]])
def test_all_labels_have_one_draw_only(clean):
    with pytest.raises(UsageError, match="--seeds 1"):
        Settings(clean=clean, seeds=3)
    assert Settings(clean=[100, "all"], seeds=3).seeds == 3


@pytest.mark.parametrize("margin", [5, 1, -0.01, float("nan")])
def test_a_margin_is_a_share(margin):
    with pytest.raises(UsageError, match=r"share such as 0\.05"):
        Settings(margin=margin)
    assert Settings(margin=0).margin == 0
