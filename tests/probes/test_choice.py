"""Choosing among candidates: nested, reproducible, and honest about what the choice is worth."""

import numpy as np
import pytest

from repprobe.errors import ProbeError
from repprobe.probes.choice import choose, nested_outcomes


def hits(*shares, n=200, seed=0):
    """Return (T, n) outcomes with these shares of right answers in each fold alike."""
    random = np.random.default_rng(seed)
    return np.stack([random.permutation(np.arange(n) < round(s * n)) for s in shares]).astype(
        np.float32
    )


FOLDS = np.arange(200) % 5


def test_the_best_candidate_and_its_regularization_are_chosen():
    choice = choose({"a": hits(0.5, 0.6), "b": hits(0.55, 0.9, 0.7)}, FOLDS)
    assert (choice.name, choice.point) == ("b", 1)
    assert choice.validation == pytest.approx({"a": 0.6, "b": 0.9}, abs=0.02)
    assert choice.outcomes.mean() == pytest.approx(0.9)
    assert choice.probability == 1.0


def test_of_equals_the_earliest_is_chosen():
    same = hits(0.7, 0.7, seed=1)
    same[1] = same[0]
    choice = choose({"a": same, "b": same.copy()}, FOLDS)
    assert (choice.name, choice.point) == ("a", 0)
    assert choice.probability == 1.0


def test_a_fold_is_judged_without_a_say_in_its_own_choice():
    # Each of five candidates is perfect in a fold of its own and useless elsewhere.
    table = np.stack([fold == FOLDS for fold in range(5)]).astype(np.float32)
    by_name = choose({str(fold): table[fold : fold + 1] for fold in range(5)}, FOLDS)
    by_point = choose({"all": table}, FOLDS)
    assert by_name.outcomes.mean() == by_point.outcomes.mean() == 0.0
    assert nested_outcomes(table, FOLDS).mean() == 0.0


def test_choosing_among_many_that_are_equally_good_is_not_called_a_success():
    values, naive = [], []
    for seed in range(30):
        random = np.random.default_rng(seed)
        table = (random.random((40, 100)) < 0.5).astype(np.float32)
        choice = choose({str(i): row[None] for i, row in enumerate(table)}, np.arange(100) % 5)
        values.append(choice.outcomes.mean())
        naive.append(table.mean(axis=1).max())
    assert np.mean(naive) > 0.58
    assert abs(np.mean(values) - 0.5) < 0.03


def test_the_probability_follows_the_evidence():
    close = choose({"a": hits(0.70, seed=2), "b": hits(0.69, seed=3)}, FOLDS)
    clear = choose({"a": hits(0.80, seed=2), "b": hits(0.60, seed=3)}, FOLDS)
    assert 0.4 < close.probability < 0.8
    assert clear.probability > 0.99


def test_the_same_seed_gives_the_same_choice():
    candidates = {"a": hits(0.70, seed=2), "b": hits(0.69, seed=3)}
    first, again, other = (choose(candidates, FOLDS, seed=s) for s in (0, 0, 1))
    assert first.probability == again.probability
    assert first.probability != other.probability
    assert np.array_equal(first.outcomes, again.outcomes)


def test_regression_outcomes_of_any_size_are_chosen_from():
    random = np.random.default_rng(4)
    good, bad = 0.8 + 0.1 * random.normal(size=(1, 200)), np.full((1, 200), -1e6)
    assert choose({"bad": bad, "good": good}, FOLDS).name == "good"


def test_rows_that_are_not_finite_are_no_candidates():
    table = hits(0.9, 0.6)
    table[0, 3] = np.nan
    choice = choose({"a": table, "b": np.full((2, 200), np.nan)}, FOLDS)
    assert (choice.name, choice.point) == ("a", 1)
    assert list(choice.validation) == ["a"]
    with pytest.raises(ProbeError, match="nothing to choose"):
        choose({"b": np.full((2, 200), np.nan)}, FOLDS)


def test_a_regularization_without_finite_outcomes_is_not_nested():
    table = hits(0.9, 0.6)
    table[0, 3] = np.nan
    assert nested_outcomes(table, FOLDS).tolist() == table[1].tolist()


def test_many_folds_are_joined_and_one_is_refused():
    choice = choose({"a": hits(0.5, 0.9), "b": hits(0.6)}, np.arange(200))
    assert (choice.name, choice.point) == ("a", 1)
    assert choice.outcomes.mean() == pytest.approx(0.9)
    with pytest.raises(ProbeError, match="two folds"):
        choose({"a": hits(0.5)}, np.zeros(200, np.int64))
