"""All layers of one network: rows, draws, and layers that cannot be probed."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

from repprobe.probes.engines import get_engine
from repprobe.probes.probing import Labels, probe_layers


class Made(dict):
    """Features that were never captured."""

    train_count = 60

    @property
    def layers(self):
        return tuple(self)

    @property
    def non_finite(self):
        return {name: int((~np.isfinite(x).all(axis=1)).sum()) for name, x in self.items()}


@pytest.fixture
def case():
    generator = np.random.default_rng(0)
    y = np.arange(160) % 2
    good = generator.normal(size=(160, 5)).astype(np.float32)
    good[:, 0] += 3 * y
    broken = good.copy()
    broken[100, 2] = np.nan
    features = Made(input=good[:, 1:], good=good, broken=broken)
    draws = {0: np.arange(0, 40), 1: np.arange(20, 60)}
    labels = Labels(y[:60], y[60:], ("no", "yes"), draws)
    answer = np.stack([1 - y, y], 1).astype(np.float32)
    return SimpleNamespace(features=features, labels=labels, answer=answer)


def probe(case, **changes):
    arguments = {
        "model": "m",
        "kind": "ridge",
        "engine": get_engine(),
        "answer": case.answer,
        **changes,
    }
    return probe_layers(case.features, case.labels, **arguments)


def test_every_layer_has_rows_in_order_the_input_first_and_the_output_last(case):
    scores, _ = probe(case)
    assert [(r.layer, r.order) for r in scores.summary()] == [
        ("input", 0),
        ("good", 1),
        ("broken", 2),
        ("output", 3),
    ]


def test_every_draw_has_its_row_and_all_draws_have_one(case):
    scores, probes = probe(case)
    rows = scores.where(layer="good", split="test", group="all", metric="accuracy").rows
    assert [r.seed for r in rows] == [0, 1, "all"]
    assert rows[2].value == pytest.approx((rows[0].value + rows[1].value) / 2)
    assert rows[2].low < rows[2].value < rows[2].high
    assert set(probes) == {(layer, seed) for layer in ("input", "good") for seed in (0, 1)}


def test_every_class_has_its_row(case):
    scores, _ = probe(case)
    groups = [r.group for r in scores.where(layer="good", seed=0, split="test")]
    assert groups == ["all", "no", "yes"]


def test_a_layer_with_nan_has_a_row_that_says_so_and_no_figure(case):
    scores, _ = probe(case)
    accuracy, share = scores.where(layer="broken").rows
    assert math.isnan(accuracy.value)
    assert (share.metric, share.value) == ("non_finite", 1 / 160)


def test_a_network_that_answers_nan_is_marked_and_not_scored(case):
    case.answer[80] = np.nan
    scores, _ = probe(case)
    accuracy, share = scores.where(layer="output").rows
    assert math.isnan(accuracy.value)
    assert share.metric == "non_finite"


def test_the_output_row_is_the_networks_own_answer(case):
    scores, _ = probe(case)
    row = scores.where(layer="output", group="all").rows[0]
    assert (row.value, row.probe, row.clean_labels, row.seed) == (1.0, "none", 0, "")


def test_without_an_answer_there_is_no_output_row(case):
    scores, _ = probe(case, answer=None)
    assert not len(scores.where(layer="output"))


def test_an_iterative_fit_brings_its_certificate(case):
    scores, _ = probe(case, kind="logistic")
    fit = scores.where(layer="good", split="train", seed=0).rows
    assert {r.metric: r.value for r in fit}["converged"] == 1.0
    assert 0 < {r.metric: r.value for r in fit}["gradient_norm"] < 1e-2


def test_progress_is_told_layer_by_layer(case):
    told = []
    probe(case, progress=lambda *step: told.append(step))
    assert told == [("probe", 1, 3), ("probe", 2, 3), ("probe", 3, 3)]
