"""Which figure of the long table goes where."""

from __future__ import annotations

import math

import pytest
from score_builders import build, deep, together

from repprobe.errors import DataError
from repprobe.probes.scores import ALL, Score, Scores
from repprobe.report.table import Table, depth_order


def score(layer="a", order=1, value=0.5, **others):
    given = {
        "model": "m",
        "width": 8,
        "probe": "logistic",
        "regularization": 1.0,
        "clean_labels": 100,
        "seed": 0,
        "split": "test",
        "group": ALL,
        "metric": "accuracy",
        "low": 0.4,
        "high": 0.6,
    }
    return Score(layer=layer, order=order, value=value, **{**given, **others})


def chain(model, *layers):
    return [score(layer, order, model=model) for order, layer in enumerate(layers)]


def test_a_summing_row_goes_before_single_draws():
    rows = [score(value=0.1), score(value=0.3, seed=1), score(value=0.25, seed=ALL, low=0.2)]
    assert Table.from_scores(Scores(rows)).point("m", "a") == (0.25, 0.2, 0.6)


def test_draws_without_a_summing_row_are_averaged_and_have_no_interval():
    table = Table.from_scores(Scores([score(value=0.1), score(value=0.3, seed=1)]))
    value, low, high = table.point("m", "a")
    assert value == pytest.approx(0.2)
    assert math.isnan(low)
    assert math.isnan(high)


def test_training_figures_and_figures_about_the_fit_are_left_out():
    rows = [
        score(),
        score(value=0.9, split="train"),
        score(value=1.0, metric="converged"),
        score(value=7.0, metric="gradient_norm"),
    ]
    assert Table.from_scores(Scores(rows)).points == {("m", "a", ALL): (0.5, 0.4, 0.6)}


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"probe": "ridge"}, r"layer 'a' of model 'm'.*several probes \(logistic, ridge\)"),
        ({}, "same figure twice"),
    ],
)
def test_figures_that_compete_for_one_place_are_refused(other, words):
    with pytest.raises(DataError, match=words) as caught:
        Table.from_scores(Scores([score(), score(**other)]))
    assert "\n" not in str(caught.value)


def test_the_largest_budget_is_taken_or_the_one_asked_for():
    scores = Scores(
        [score(clean_labels=500, value=0.8), score(), score("output", 9, 0.7, clean_labels=0)]
    )
    assert Table.from_scores(scores).value("m", "a") == 0.8
    assert Table.from_scores(scores, 100).value("m", "a") == 0.5


@pytest.mark.parametrize("rows", [[], [score(split="train")], [score(group="cat")]])
def test_a_table_without_overall_test_figures_is_refused(rows):
    with pytest.raises(DataError, match=r"nothing to draw.*'accuracy'"):
        Table.from_scores(Scores(rows))


def test_a_layer_that_has_only_a_note_about_its_features_is_kept():
    rows = [score(), score("b", 2, 0.25, metric="non_finite")]
    table = Table.from_scores(Scores(rows))
    assert table.layers == ["a", "b"]
    assert ("m", "b") in table.present
    assert math.isnan(table.value("m", "b"))


def test_infinity_is_no_figure():
    table = Table.from_scores(Scores([score(), score("b", 2, -math.inf)]))
    assert math.isnan(table.value("m", "b"))
    assert table.best("m") == "a"


def test_the_best_layer_is_a_probed_one_and_the_earliest_of_equals():
    rows = [
        score("input", 0, 0.99),
        score("a", 1, 0.5),
        score("b", 2, 0.7),
        score("c", 3, 0.7),
        score("output", 4, 0.98),
    ]
    assert Table.from_scores(Scores(rows)).best("m") == "b"


def test_depth_goes_before_the_order_of_rows():
    rows = chain("m", "input", "a", "b", "c", "output")
    assert depth_order(reversed(rows)) == ["input", "a", "b", "c", "output"]


def test_a_deeper_relative_keeps_both_orders():
    shallow = chain("s", "input", "1.0", "1.1", "2.0", "2.1", "fc", "output")
    deeper = chain("d", "input", "1.0", "1.1", "1.2", "2.0", "2.1", "2.2", "fc", "output")
    assert depth_order(shallow + deeper) == [row.layer for row in deeper]
    assert depth_order(deeper + shallow) == [row.layer for row in deeper]


def test_strangers_are_merged_by_relative_depth():
    assert depth_order(chain("x", "a", "b") + chain("y", "p", "q", "r", "s")) == [
        "p",
        "a",
        "q",
        "r",
        "b",
        "s",
    ]


def test_models_that_contradict_each_other_lose_no_layer():
    rows = chain("x", "a", "b", "c") + chain("y", "c", "b", "a")
    assert sorted(depth_order(rows)) == ["a", "b", "c"]


def test_chance_is_that_of_the_classes():
    assert Table.from_scores(build()).chance == pytest.approx(0.1)
    assert Table.from_scores(build(classes=[])).chance == 0


def test_regression_has_no_classes():
    table = Table.from_scores(build(classes=["target 1", "target 2"], metric="r2"))
    assert table.classes == []
    assert table.metric == "r2"


def test_the_table_survives_the_way_through_csv():
    scores = together(build(), build(deep(3), model="other"))
    there, back = Table.from_scores(scores), Table.from_scores(Scores.from_csv(scores.to_csv()))
    assert there == back
