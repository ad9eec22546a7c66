"""The diagnosis names the best layer, and how sure it is of the gain."""

import dataclasses

import numpy as np
import pytest

from repprobe.diagnosis import best_layer, diagnose
from repprobe.probes.intervals import wilson
from repprobe.probes.scores import Score, Scores


def figure(layer, hits, n=1000, split="test", probe="logistic"):
    value, low, high = wilson(hits, n)
    seed = "" if layer == "output" else 0
    return Score(
        "net", layer, 1, 64, probe, 0.1, 500, seed, split, "all", "accuracy", value, low, high
    )


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
        ("net", "fc", 0): outcomes(best_hits),
        ("net", "conv", 0): outcomes(600),
        ("net", "output", ""): outcomes(own_hits),
    }
    return Scores(rows, held)


def test_a_gain_beyond_the_interval_is_said_in_points():
    (diagnosis,) = diagnose(table())
    assert diagnosis.gain == pytest.approx(0.1)
    assert 0.08 < diagnosis.low < 0.1 < diagnosis.high < 0.12
    assert "best at fc" in diagnosis.verdict
    assert "80.0 %" in diagnosis.verdict
    assert "10.0 points" in diagnosis.verdict
    assert diagnosis.verdict.endswith("less.")


def test_a_gain_within_the_interval_is_called_none():
    (diagnosis,) = diagnose(table(own_hits=799))
    assert "no different within the error" in diagnosis.verdict


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
    assert "No layer probed does better than the raw input (90.0 %" in diagnosis.verdict


def test_a_better_layer_on_the_test_part_forbids_that_sentence():
    scores = table(raw_hits=820)
    scores.rows[1] = dataclasses.replace(figure("conv", 900))
    (diagnosis,) = diagnose(scores)
    assert "best at fc" in diagnosis.verdict
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
