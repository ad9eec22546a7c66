"""The diagnosis names the best layer, where damage begins, and how sure it is of either."""

import dataclasses

import numpy as np
import pytest

from repprobe.diagnosis import best_layer, diagnose
from repprobe.probes.intervals import wilson
from repprobe.probes.scores import Score, Scores

ORDER = {"input": 0, "conv": 1, "fc": 2, "output": 3}


def figure(layer, hits, n=1000, split="test", probe="logistic", clean=500):
    value, low, high = wilson(hits, n)
    seed, clean = ("", 0) if layer == "output" else (0, clean)
    return Score(
        "net",
        layer,
        ORDER.get(layer, 1),
        64,
        probe,
        0.1,
        clean,
        seed,
        split,
        "all",
        "accuracy",
        value,
        low,
        high,
    )


def error(layer, value, clean=500):
    row = figure(layer, 0, split="validation", probe="ridge", clean=clean)
    return dataclasses.replace(row, metric="mse", value=value)


def outcomes(hits, n=1000):
    return np.arange(n) < hits


def table(own_hits=700, best_hits=800, raw_hits=300):
    rows = [
        figure("input", raw_hits),
        figure("conv", 600),
        figure("conv", 640, split="validation"),
        figure("fc", best_hits),
        figure("fc", best_hits + 10, split="validation"),
        figure("output", own_hits, probe="none"),
    ]
    held = {
        ("net", "fc", 500, 0): outcomes(best_hits),
        ("net", "conv", 500, 0): outcomes(600),
        ("net", "output", 0, ""): outcomes(own_hits),
    }
    return Scores(rows, held)


def test_a_gain_beyond_the_interval_is_said_in_points():
    (diagnosis,) = diagnose(table())
    assert diagnosis.gain == pytest.approx(0.1)
    assert 0.08 < diagnosis.low < 0.1 < diagnosis.high < 0.12
    assert " head on fc, " in diagnosis.verdict
    assert "80.0 %" in diagnosis.verdict
    assert ", a gain of 10.0 points (8.1 to 11.9)" in diagnosis.verdict


def test_a_gain_within_the_interval_is_called_none():
    (diagnosis,) = diagnose(table(own_hits=799))
    assert ", no gain beyond the error (+0.1 points, −0." in diagnosis.verdict


def test_the_test_part_has_no_say_in_the_choice_of_the_layer():
    scores = table()
    better = dataclasses.replace(figure("conv", 990))
    scores.rows[1] = better
    assert best_layer(scores, "net") == "fc"


def test_without_validation_the_test_figures_decide():
    scores = Scores([r for r in table().rows if r.split == "test"])
    assert best_layer(scores, "net") == "fc"


def test_a_network_that_is_no_better_than_its_input_is_told_so():
    (diagnosis,) = diagnose(table(raw_hits=900))
    assert diagnosis.verdict.endswith(", but no more than the raw input (−10.0 points).")


def test_a_network_that_is_better_than_its_input_is_not_told_so():
    (diagnosis,) = diagnose(table(raw_hits=300))
    assert "raw input" not in diagnosis.verdict


def test_a_network_without_output_for_these_classes_has_no_gain():
    scores = table()
    scores.rows.pop()
    (diagnosis,) = diagnose(scores)
    assert diagnosis.own is None
    assert "no output of the network" in diagnosis.verdict
    assert diagnosis.to_dict()["gain"] == {"gain": None, "low": None, "high": None}


def test_layers_that_could_not_be_scored_are_never_best():
    scores = table()
    scores.rows[3] = dataclasses.replace(scores.rows[3], value=float("nan"))
    assert best_layer(scores, "net") == "conv"


def test_without_validation_predictions_the_squared_error_decides():
    rows = [r for r in table().rows if r.split == "test"]
    assert best_layer(Scores([*rows, error("conv", 0.02), error("fc", 0.03)]), "net") == "conv"


def test_the_leading_metric_goes_before_the_squared_error():
    rows = [*table().rows, error("conv", 0.02), error("fc", 0.03)]
    assert best_layer(Scores(rows), "net") == "fc"


def test_regression_is_ranked_by_the_squared_error_too():
    rows = [dataclasses.replace(r, metric="r2") for r in table().rows if r.split == "test"]
    assert best_layer(Scores([*rows, error("conv", 2.0), error("fc", 3.0)]), "net") == "conv"


def budgets(*fc, own_hits=700):
    """A table whose layer `fc` has these hits with 10, 100, 1,000 … clean labels."""
    rows = [figure("output", own_hits, probe="none")]
    held = {("net", "output", 0, ""): outcomes(own_hits)}
    for power, hits in enumerate(fc, 1):
        rows += [
            figure("conv", 990 - hits, clean=10**power),
            figure("conv", 990 - hits, split="validation", clean=10**power),
            figure("fc", hits, clean=10**power),
            figure("fc", hits, split="validation", clean=10**power),
        ]
        held["net", "fc", 10**power, 0] = outcomes(hits)
    return Scores(rows, held)


def test_the_largest_budget_decides_and_is_compared():
    (diagnosis,) = diagnose(budgets(400, 750, 800))
    assert (diagnosis.best.layer, diagnosis.best.clean_labels) == ("fc", 1000)
    assert diagnosis.gain == pytest.approx(0.1)
    assert [(f.clean_labels, f.value) for f in diagnosis.curve] == [
        (10, 0.4),
        (100, 0.75),
        (1000, 0.8),
    ]


def test_the_fewest_labels_that_match_the_output_are_told():
    (diagnosis,) = diagnose(budgets(400, 700, 800))
    assert diagnosis.verdict.endswith(
        "; 100 clean labels are enough to match that output: 70.0 % (67.1 to 72.8)."
    )


def test_fewer_labels_that_beat_the_output_beyond_the_error_are_told():
    (diagnosis,) = diagnose(budgets(400, 760, 800))
    assert diagnosis.verdict.endswith(
        "; 100 clean labels are enough to beat that output: 76.0 % (73.3 to 78.5)."
    )


def test_a_figure_that_few_draws_leave_uncertain_is_not_enough():
    scores = budgets(750, 750, 800)
    unsure = next(i for i, r in enumerate(scores.rows) if (r.layer, r.clean_labels) == ("fc", 10))
    scores.rows[unsure] = dataclasses.replace(scores.rows[unsure], low=0.1)
    (diagnosis,) = diagnose(scores)
    assert diagnosis.enough.clean_labels == 100


@pytest.mark.parametrize("hits", [(400, 600, 800), (400, 600, 690)])
def test_where_fewer_labels_are_not_enough_the_smallest_budget_is_told(hits):
    (diagnosis,) = diagnose(budgets(*hits))
    assert diagnosis.verdict.endswith("; with 10 clean labels it is 40.0 % (37.0 to 43.1).")


def test_with_one_budget_nothing_is_said_of_budgets():
    (diagnosis,) = diagnose(table())
    assert diagnosis.verdict.count("clean labels") == 1
