"""The choice of the cut, and when one that keeps the network's form is preferred."""

from pathlib import Path

import numpy as np
import pytest

import repprobe
from repprobe.diagnosis.best import layer_choice
from repprobe.repair.choosing import choose_cut

NOISY = Path(__file__).resolve().parents[2] / "examples" / "noisy-digits.pt"
N = 400
FOLDS, ROWS = np.arange(N) % 5, np.arange(N)


def outcomes(accuracy, seed=0):
    """Return (2, n) outcomes: the first regularization is right for none."""
    hits = np.zeros(N, np.float32)
    order = np.random.default_rng(seed).permutation(N)
    hits[order[: round(accuracy * N)]] = 1
    return np.stack([np.zeros(N, np.float32), hits])


def test_the_best_layer_and_its_regularization_are_chosen():
    cut = choose_cut(
        {"a": outcomes(0.6), "b": outcomes(0.9), "c": outcomes(0.5)}, FOLDS, (), np.arange(N)
    )
    assert (cut.layer, cut.point, cut.drop_in, cut.best) == ("b", 1, False, "b")
    assert cut.certainty == 1
    assert cut.outcomes.mean() == 0.9


def test_a_drop_in_cut_within_one_standard_error_is_preferred():
    tables = {"deep": outcomes(0.81, 1), "last": outcomes(0.8, 2)}
    cut = choose_cut(tables, FOLDS, {"last"}, ROWS)
    assert (cut.layer, cut.best, cut.drop_in) == ("last", "deep", True)
    assert cut.outcomes.mean() == 0.8


def test_a_drop_in_cut_beyond_one_standard_error_is_not():
    tables = {"deep": outcomes(0.9, 1), "last": outcomes(0.7, 2)}
    cut = choose_cut(tables, FOLDS, {"last"}, ROWS)
    assert (cut.layer, cut.best, cut.drop_in) == ("deep", "deep", False)


def test_layers_says_the_same_of_the_same_labels():
    data = repprobe.load_data("digits")
    settings = {"clean": 100, "probe": "ridge", "width": 16, "seed": 3}
    fixed = repprobe.fix(NOISY, data, cut="stage[12].*", **settings)
    run = repprobe.layers(NOISY, data, layers=("stage[12].*",), **settings)
    choice = layer_choice(run.scores, run.scores.rows[0].model)
    assert list(fixed.cut.validation) == list(choice.validation)
    assert len(choice.validation) > 1
    assert fixed.cut.best == choice.name
    assert fixed.cut.certainty == choice.probability
    assert fixed.cut.validation == pytest.approx(choice.validation)
