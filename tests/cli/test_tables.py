"""The tables of the terminal."""

import math
from dataclasses import replace

import pytest
from repprobe.cli.tables import budget_table, layer_table, render

from repprobe.probes.scores import Score, Scores

BUDGETS = (100, 1000, 5000, 45_000)


def figure(layer="layer3.2", order=1, clean=100, value=0.5, **others):
    row = Score(
        *("net", layer, order, 64, "logistic", 0.01, clean, 0, "test", "all", "accuracy"),
        *(value, value - 0.02, value + 0.01),
    )
    return replace(row, **others)


@pytest.fixture
def scores():
    layers = ["input", *(f"layer{s}.{b}" for s in (1, 2, 3) for b in (0, 1, 2)), "linear"]
    rows = [
        figure(layer, order, clean, 0.2 + 0.05 * order + 0.01 * place, regularization=10.0**-place)
        for order, layer in enumerate(layers)
        for place, clean in enumerate(BUDGETS)
    ]
    own = figure("output", 11, 0, 0.81, probe="none", regularization=None, seed="")
    return Scores([*rows, own])


def test_every_budget_has_a_column(scores):
    header, *rows = budget_table(scores, "layer3.2")
    assert header == ["layer", "100", "1,000", "5,000", "45,000", "chosen", ""]
    assert rows[9] == [
        *("layer3.2", "65.0 ±1.5", "66.0 ±1.5", "67.0 ±1.5", "68.0 ±1.5", "C=0.001", "◀")
    ]
    assert rows[-1] == ["output", *["81.0 ±1.5"] * 4, "no probe", ""]


def test_four_budgets_fit_80_columns(scores):
    assert max(map(len, render(budget_table(scores, "layer3.2")).splitlines())) <= 80


def test_a_lost_layer_is_named_in_the_table_of_budgets(scores):
    scores.rows.append(figure("layer9", 10, 0, math.nan, seed=""))
    lost = next(row for row in budget_table(scores, None) if row[0] == "layer9")
    assert lost == ["layer9", *["NaN"] * 4, "NaN or infinity", ""]


def test_regression_is_told_by_r2(scores):
    several = Scores(replace(r, metric="r2") for r in scores)
    assert budget_table(several, None)[1][1] == "0.200 ±0.015"


def test_the_chosen_penalty_is_that_of_the_largest_budget(scores):
    assert layer_table(scores, None)[1][4] == "C=0.001"
    draws = [figure(clean=45_000, seed=s, regularization=10.0**s) for s in (0, 1)]
    assert layer_table(Scores([figure(regularization=1e-5), *draws]), None)[1][4] == "C=1…10"


def test_a_fit_that_did_not_converge_is_marked_at_its_budget_only(scores):
    mark = figure(clean=100, split="train", metric="converged", value=0.0)
    assert "converged" not in render(budget_table(Scores([*scores, mark]), None))
    mark = replace(mark, clean_labels=45_000)
    assert "(not converged)" in render(budget_table(Scores([*scores, mark]), None))
