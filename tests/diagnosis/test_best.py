"""The best layer is chosen by left-out clean examples, of all draws together."""

import numpy as np
from score_tables import held, rows, share

from repprobe.diagnosis import best_layer, diagnose


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
