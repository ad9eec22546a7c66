"""Accuracy of the fixed network against clean labels per class."""

from pathlib import Path

import pytest

import repprobe
from repprobe import load_data
from repprobe.errors import UsageError
from repprobe.runs import read_run

NOISY = Path(__file__).resolve().parents[2] / "examples" / "noisy-digits.pt"
PROBED = {"cut": "stage1.relu2", "probe": "ridge", "width": 64}


@pytest.fixture(scope="module")
def digits():
    return load_data("digits")


@pytest.fixture(scope="module")
def measured(digits, tmp_path_factory):
    folder = tmp_path_factory.mktemp("budget") / "run"
    return repprobe.budget(NOISY, digits, [20, 5, "all"], seeds=2, out=folder, **PROBED)


def test_every_budget_has_its_draws_and_their_sum(measured):
    rows = measured.scores.where(layer="stage1.relu2", group="all", metric="accuracy")
    assert {(r.clean_labels, r.seed) for r in rows} == {
        *((50, 0), (50, 1), (50, "all")),
        *((200, 0), (200, 1), (200, "all")),
        (1438, 0),
    }
    figures = {r.clean_labels: r for r in measured.scores.leading()}
    assert sorted(figures) == [0, 50, 200, 1438]
    assert figures[0].layer == "output"
    assert figures[0].value < figures[50].value < figures[1438].value


def test_it_is_what_fix_gives_with_as_many_labels(measured, digits):
    fixed = repprobe.fix(NOISY, digits, clean=200, **PROBED)
    (row,) = measured.scores.where(clean_labels=200, seed=0, group="all", metric="accuracy")
    assert row.value == pytest.approx(fixed.test.after[0], abs=1 / 359 + 1e-9)
    assert row.regularization == fixed.regularization
    (own,) = measured.scores.where(layer="output", group="all")
    assert own.value == fixed.test.before[0]


def test_the_gains_are_told(measured):
    fewest = measured.info["budgets"][0]
    assert (fewest["per_class"], fewest["clean_labels"]) == (5, 50)
    assert 0 < fewest["low"] < fewest["gain"] < fewest["high"]
    assert (
        "5 clean labels per class (50 in all) make the network better" in measured.info["verdict"]
    )


def test_the_folder_holds_the_run_and_the_picture(measured):
    names = {path.name for path in measured.folder.iterdir()}
    assert names == {"scores.csv", "run.json", "budgets.png", "budgets.svg"}
    assert read_run(measured.folder).scores.budgets == [50, 200, 1438]


def test_the_cut_is_chosen_in_every_draw(digits):
    run = repprobe.budget(NOISY, digits, [10], seeds=2, probe="ridge", width=32)
    (budget,) = run.info["budgets"]
    assert len(budget["cuts"]) == 2
    assert {r.layer for r in run.scores} == {"fixed", "output"}


@pytest.mark.parametrize(
    ("budgets", "settings", "named"),
    [
        ([500], {}, "500 labels for each of 10 classes are 5,000, but the training part has 1,438"),
        ([], {}, "no number"),
        ([0], {}, "at least 1"),
        (["many"], {}, "'all'"),
        ([5], {"clean": 100}, "--clean"),
        ([5], {"then": "finetune"}, "--then"),
        ([5], {"seeds": 0}, "--seeds"),
        ([1], {}, "two per class"),
    ],
)
def test_bad_input(digits, tmp_path, one_line, budgets, settings, named):
    with pytest.raises(UsageError) as caught:
        repprobe.budget(NOISY, digits, budgets, out=tmp_path / "run", **settings)
    one_line(caught, named)
    assert not list(tmp_path.iterdir())
