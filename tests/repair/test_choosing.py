"""The choice of the cut, and when one that keeps the network's form is preferred."""

import numpy as np

from repprobe.repair.choosing import choose_cut

N = 400
FOLDS = np.arange(N) % 5


def outcomes(accuracy, seed=0):
    """Return (2, n) outcomes: the first regularization is right for none."""
    hits = np.zeros(N, np.float32)
    order = np.random.default_rng(seed).permutation(N)
    hits[order[: round(accuracy * N)]] = 1
    return np.stack([np.zeros(N, np.float32), hits])


def test_the_best_layer_and_its_regularization_are_chosen():
    cut = choose_cut({"a": outcomes(0.6), "b": outcomes(0.9), "c": outcomes(0.5)}, FOLDS, ())
    assert (cut.layer, cut.point, cut.drop_in, cut.best) == ("b", 1, False, "b")
    assert cut.certainty == 1
    assert cut.outcomes.mean() == 0.9


def test_a_drop_in_cut_within_one_standard_error_is_preferred():
    tables = {"deep": outcomes(0.81, 1), "last": outcomes(0.8, 2)}
    cut = choose_cut(tables, FOLDS, {"last"})
    assert (cut.layer, cut.best, cut.drop_in) == ("last", "deep", True)
    assert cut.outcomes.mean() == 0.8


def test_a_drop_in_cut_beyond_one_standard_error_is_not():
    tables = {"deep": outcomes(0.9, 1), "last": outcomes(0.7, 2)}
    cut = choose_cut(tables, FOLDS, {"last"})
    assert (cut.layer, cut.best, cut.drop_in) == ("deep", "deep", False)
