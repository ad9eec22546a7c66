"""All layers of one network: rows, draws, and layers that cannot be probed."""

import math
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from made_features import MadeFeatures

from repprobe.data.splits import Draw
from repprobe.probes.engines import get_engine
from repprobe.probes.probing import Labels, own_answer, probe_layers


@pytest.fixture
def case():
    generator = np.random.default_rng(0)
    y = np.arange(160) % 2
    good = generator.normal(size=(160, 5)).astype(np.float32)
    good[:, 0] += 3 * y
    broken = good.copy()
    broken[100, 2] = np.nan
    features = MadeFeatures(60, input=good[:, 1:], good=good, broken=broken)
    folds = np.arange(40) // 2 % 5
    draws = [Draw(0, np.arange(0, 40), (20, 40), folds), Draw(1, np.arange(20, 60), (40,), folds)]
    labels = Labels(y[:60], y[60:], ("no", "yes"), draws)
    answer = np.stack([1 - y, y], 1).astype(np.float32)
    return SimpleNamespace(features=features, labels=labels, answer=answer)


def probe(case, **changes):
    arguments = {"model": "m", "kind": "ridge", "engine": get_engine(), **changes}
    return probe_layers(case.features, case.labels, **arguments)


def answered(case):
    return own_answer(case.answer[60:], case.labels, "m", 3)


def test_every_layer_has_rows_in_order_the_input_first_and_the_output_last(case):
    scores, _ = probe(case)
    scores += answered(case)
    assert [(r.layer, r.order) for r in scores.summary()] == [
        ("input", 0),
        ("good", 1),
        ("broken", 2),
        ("output", 3),
    ]


def test_every_draw_has_its_row_and_all_draws_have_one(case):
    scores, probes = probe(case)
    figures = scores.where(layer="good", split="test", group="all", metric="accuracy")
    assert [r.seed for r in figures.where(clean_labels=20)] == [0]
    rows = figures.where(clean_labels=40).rows
    assert [r.seed for r in rows] == [0, 1, "all"]
    assert rows[2].value == pytest.approx((rows[0].value + rows[1].value) / 2)
    assert rows[2].low < rows[2].value < rows[2].high
    places = ((20, 0), (40, 0), (40, 1))
    assert set(probes) == {(layer, *place) for layer in ("input", "good") for place in places}
    assert {place for place in scores.outcomes if place[1] == "good"} == {
        ("m", "good", *place) for place in places
    }


def test_a_budget_of_several_is_probed_as_if_alone(case):
    many, _ = probe(case)
    draw = case.labels.draws[0]
    alone = Draw(0, draw.rows[:20], (20,), draw.folds[:20])
    case.labels = replace(case.labels, draws=[alone])
    one, _ = probe(case)
    among = many.where(clean_labels=20, layer="good")
    assert one.where(layer="good").rows == among.rows


def test_ridge_tells_the_squared_error_on_left_out_examples(case):
    scores, probes = probe(case)
    row = scores.where(layer="good", seed=1, split="validation").rows[0]
    assert (row.metric, row.clean_labels) == ("mse", 40)
    assert row.value == probes["good", 40, 1].validation_error
    assert 0.01 < row.value < 0.25


def test_every_class_has_its_row(case):
    scores, _ = probe(case)
    groups = [r.group for r in scores.where(layer="good", seed=1, split="test")]
    assert groups == ["all", "no", "yes"]


def test_a_layer_with_nan_has_a_row_that_says_so_and_no_figure(case):
    scores, _ = probe(case)
    accuracy, share = scores.where(layer="broken").rows
    assert math.isnan(accuracy.value)
    assert (share.metric, share.value) == ("non_finite", 1 / 160)


def test_a_network_that_answers_nan_is_marked_and_not_scored(case):
    case.answer[80] = np.nan
    accuracy, share = answered(case).rows
    assert math.isnan(accuracy.value)
    assert (share.metric, share.value) == ("non_finite", 1 / 100)


def test_the_output_row_is_the_networks_own_answer(case):
    scores = answered(case)
    row = scores.where(layer="output", group="all").rows[0]
    assert scores.outcomes["m", "output", 0, ""].all()
    assert (row.value, row.probe, row.clean_labels, row.seed) == (1.0, "none", 0, "")


def test_an_answer_to_a_regression_is_scored_as_numbers(case):
    targets = case.answer[:, 1].astype(float)
    labels = replace(case.labels, train=targets[:60], test=targets[60:], classes=())
    scores = own_answer(case.answer[60:, 1:], labels, "m", 3)
    assert {r.metric: r.value for r in scores}["r2"] == 1.0
    assert scores.outcomes["m", "output", 0, ""].tolist() == [1.0] * 100


def test_an_iterative_fit_brings_its_certificate(case):
    scores, _ = probe(case, kind="logistic")
    fit = scores.where(layer="good", split="train", seed=1).rows
    assert {r.metric: r.value for r in fit}["converged"] == 1.0
    assert 0 < {r.metric: r.value for r in fit}["gradient_norm"] < 1e-2


def test_progress_is_told_layer_by_layer(case):
    told = []
    probe(case, progress=lambda *step: told.append(step))
    assert told == [("probe", 1, 3), ("probe", 2, 3), ("probe", 3, 3)]
