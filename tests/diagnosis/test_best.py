"""The best layer is chosen by left-out clean examples, of all draws together."""

import numpy as np
from score_tables import held, rows, share

from repprobe.diagnosis import best_layer, diagnose
from repprobe.diagnosis.best import layer_choice


def table(first, second, draws=1):
    """Return a network whose layers a and b do so well on left-out examples."""
    scores = rows({("net", layer): {s: share(0.5) for s in range(draws)} for layer in "ab"})
    for layer, rights in (("a", first), ("b", second)):
        for seed in range(draws):
            random = np.random.default_rng(seed)
            right = random.permutation(share(rights[seed], 100))
            scores.held_out["net", layer, 100, seed] = held(right)
    return scores


def test_left_out_examples_decide():
    assert best_layer(table([0.6], [0.7]), "net") == "b"
    assert best_layer(table([0.7], [0.6]), "net") == "a"


def test_all_draws_have_a_say():
    assert best_layer(table([0.9, 0.6], [0.7, 0.7], draws=2), "net") == "a"
    assert best_layer(table([0.7, 0.6], [0.6, 0.9], draws=2), "net") == "b"


def test_certainty_is_high_where_layers_differ_and_low_where_they_do_not():
    (clear,) = diagnose(table([0.3], [0.9]))
    (close,) = diagnose(table([0.80], [0.81]))
    assert clear.certainty == 1.0
    assert 0.4 < close.certainty < 0.75
    assert "(again in 100 % of bootstrap samples)" in clear.verdict


def test_without_left_out_examples_certainty_is_unknown():
    scores = table([0.3], [0.9])
    del scores.held_out["net", "a", 100, 0]
    (d,) = diagnose(scores)
    assert d.to_dict()["certainty"] is None
    assert "bootstrap" not in d.verdict


def drawn(generator, rows, answers):
    """Return a network of which layers a and b were probed on draws of these training rows."""
    scores = rows_of(len(rows))
    for seed, some in enumerate(rows):
        for layer, right in answers.items():
            noise = generator.random(len(some)) < 0.05
            scores.held_out["net", layer, 100, seed] = held(right[some] ^ noise, rows=some)
    return scores


def rows_of(draws):
    return rows({("net", layer): {s: share(0.5) for s in range(draws)} for layer in "ab"})


def test_draws_of_the_same_examples_are_no_further_evidence():
    generator = np.random.default_rng(0)
    answers = {"a": generator.random(100) < 0.80, "b": generator.random(100) < 0.84}
    same = np.arange(100)
    one = layer_choice(drawn(np.random.default_rng(1), [same], answers), "net")
    several = [generator.permutation(100) for _ in range(20)]
    ten = layer_choice(drawn(np.random.default_rng(1), several, answers), "net")
    assert len(ten.outcomes) == 100
    assert abs(ten.probability - one.probability) < 0.2
    assert ten.probability < 0.95


def test_an_example_in_several_draws_has_the_mean_of_its_outcomes():
    scores = rows_of(2)
    for layer, both in (("a", ([1, 1, 1, 0], [1, 1, 0, 0])), ("b", ([0, 0, 0, 0],) * 2)):
        for seed, right in enumerate(both):
            some = np.arange(4) + 2 * seed
            scores.held_out["net", layer, 100, seed] = held(right, folds=2, rows=some)
    choice = layer_choice(scores, "net")
    assert choice.outcomes.tolist() == [1, 1, 1, 0.5, 0, 0]


def test_other_examples_are_further_evidence():
    generator = np.random.default_rng(0)
    answers = {"a": generator.random(2000) < 0.80, "b": generator.random(2000) < 0.84}
    apart = [np.arange(100) + 100 * place for place in range(20)]
    choice = layer_choice(drawn(generator, apart, answers), "net")
    assert len(choice.outcomes) == 2000
    assert choice.probability > 0.95
