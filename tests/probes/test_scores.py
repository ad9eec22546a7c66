"""The long table keeps its columns and survives a round trip."""

import math
from dataclasses import replace

import numpy as np
import pytest

from repprobe.errors import DataError
from repprobe.probes.scores import COLUMNS, HeldOutcomes, Score, Scores

ROW = Score(
    "net", "layer1.0", 1, 64, "logistic", 0.01, 500, 0, "test", "all", "accuracy", 0.5, 0.4, 0.6
)


def test_the_columns_are_the_contract():
    assert ",".join(COLUMNS) == (
        "model,layer,order,width,probe,regularization,clean_labels,seed,split,group,metric,"
        "value,low,high"
    )


def test_what_is_written_is_read_back():
    blank = Score("net", "output", 2, 10, "none", None, 0, "", "test", "all", "accuracy", math.nan)
    back = Scores.from_csv(Scores([ROW, blank]).to_csv())
    assert back.rows[0] == ROW
    assert back.rows[1].regularization is None
    assert math.isnan(back.rows[1].value)


def test_unknown_figures_are_empty_cells():
    text = Scores([Score("n", "l", 1, 2, "none", None, 0, "", "test", "all", "accuracy", math.nan)])
    assert text.to_csv().splitlines()[1] == "n,l,1,2,none,,0,,test,all,accuracy,,,"


def test_another_table_is_refused():
    with pytest.raises(DataError, match="not a table of scores"):
        Scores.from_csv("a,b\n1,2\n")


def test_the_summary_takes_the_row_over_all_draws_where_there_is_one():
    over = replace(ROW, seed="all", value=0.55)
    other = replace(ROW, layer="layer1.1")
    summary = Scores([ROW, over, other]).summary()
    assert [(r.layer, r.value) for r in summary] == [("layer1.0", 0.55), ("layer1.1", 0.5)]


def several_budgets():
    own = replace(ROW, layer="output", order=3, clean_labels=0, seed="", value=0.8)
    broken = replace(ROW, layer="layer2.0", order=2, clean_labels=0, seed="", value=math.nan)
    large = replace(ROW, clean_labels=1000, value=0.7)
    small = [replace(ROW, seed=s, value=v) for s, v in ((0, 0.5), (1, 0.4), ("all", 0.45))]
    outcomes = {
        ("net", "layer1.0", 500, 0): np.array([1.0]),
        ("net", "layer1.0", 1000, 0): np.array([0.0]),
        ("net", "output", 0, ""): np.array([1.0]),
    }
    held_out = {
        place: HeldOutcomes(np.ones((1, 5), np.float32), 0, np.arange(5))
        for place in outcomes
        if place[2]
    }
    return Scores([large, *small, broken, own], outcomes, held_out)


def test_the_summary_takes_the_largest_budget_or_the_one_asked_for():
    scores = several_budgets()
    assert scores.budgets == [500, 1000]
    assert [r.value for r in scores.summary()][::2] == [0.7, 0.8]
    assert [(r.layer, r.seed) for r in scores.summary(500)] == [
        ("layer1.0", "all"),
        ("layer2.0", ""),
        ("output", ""),
    ]


def test_the_leading_figures_of_all_budgets_are_in_order_of_depth_and_budget():
    assert [(r.layer, r.clean_labels, r.seed) for r in several_budgets().leading()] == [
        ("layer1.0", 500, "all"),
        ("layer1.0", 1000, 0),
        ("layer2.0", 0, ""),
        ("output", 0, ""),
    ]


def test_a_budget_keeps_its_outcomes_and_those_of_the_output():
    assert list(several_budgets().at().outcomes) == [
        ("net", "layer1.0", 1000, 0),
        ("net", "output", 0, ""),
    ]
    assert list(several_budgets().at().held_out) == [("net", "layer1.0", 1000, 0)]
    assert list(several_budgets().at(500).held_out) == [("net", "layer1.0", 500, 0)]


def test_tables_that_are_added_bring_their_outcomes():
    scores = several_budgets()
    both = Scores([ROW]) + scores
    assert both.outcomes.keys() == scores.outcomes.keys()
    assert both.held_out.keys() == scores.held_out.keys()
    assert len(both) == len(scores) + 1


def test_every_model_is_summed_up_at_its_own_largest_budget():
    other = replace(ROW, model="other", clean_labels=100, value=0.3)
    values = {r.model: r.value for r in Scores([ROW, other]).summary()}
    assert values == {"net": 0.5, "other": 0.3}
