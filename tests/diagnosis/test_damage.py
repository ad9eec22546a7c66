"""Damage is the reference minus the network, on the same examples and draws."""

import math

import numpy as np
import pytest
from score_tables import rows, share

from repprobe.diagnosis import diagnose
from repprobe.errors import UnknownNameError
from repprobe.probes.intervals import wilson


def table(**figures):
    """Return a table of models whose layers a, b, c and output have these shares right."""
    layers = ("input", "a", "b", "c", "output")
    return rows(
        {
            (model, layer): {"" if layer == "output" else 0: share(right)}
            for model, rights in figures.items()
            for layer, right in zip(layers, rights, strict=True)
        }
    )


CLEAN = (0.3, 0.7, 0.8, 0.9, 0.9)
NOISY = (0.3, 0.7, 0.75, 0.6, 0.5)


def test_damage_is_the_reference_minus_the_network_with_a_paired_interval():
    (d,) = diagnose(table(clean=CLEAN, noisy=NOISY), references=["clean"])
    assert d.model == "noisy"
    assert [r.layer for r in d.damages] == ["a", "b", "c", "output"]
    assert [r.damage.value for r in d.damages] == pytest.approx([0, 0.05, 0.3, 0.4])
    low, high = d.damage("b").damage[1:]
    assert 0.035 < low < 0.05 < high < 0.067  # unpaired it would be four times as wide
    assert high - low < (wilson(800, 1000)[2] - wilson(800, 1000)[1]) / 1.5


def test_the_onset_is_the_first_layer_that_lost_more_than_the_margin():
    scores = table(clean=CLEAN, noisy=NOISY)
    assert diagnose(scores, references=["clean"])[0].onset == "b"
    assert diagnose(scores, references=["clean"], margin=0.06)[0].onset == "c"
    assert diagnose(scores, references=["clean"], margin=0.5)[0].onset is None


def test_the_output_is_no_onset():
    scores = table(clean=CLEAN, noisy=(*CLEAN[:4], 0.5))
    (d,) = diagnose(scores, references=["clean"])
    assert d.onset is None
    assert "only the network's own output is, by 40.0 points" in d.verdict


def test_without_a_reference_later_layers_are_compared_with_the_best():
    (d,) = diagnose(table(noisy=(0.3, 0.7, 0.75, 0.6, 0.5)))
    assert d.best.layer == "b"
    found = {r.layer: r.damage.value for r in d.damages if math.isfinite(r.damage.value)}
    assert found == pytest.approx({"c": 0.15, "output": 0.25})
    assert d.onset == "c"
    assert "Damage begins at c, 15.0 points (12.7 to 17.2) below b." in d.verdict


def test_identical_networks_show_no_damage_at_any_margin():
    for margin in (0.0, 0.01):
        (d,) = diagnose(table(clean=CLEAN, same=CLEAN), references=["clean"], margin=margin)
        assert d.onset is None
        assert "No layer is shown to be damaged" in d.verdict


def test_rows_say_each_comparison_in_the_layers_own_columns():
    (d,) = diagnose(table(clean=CLEAN, noisy=NOISY, random=CLEAN), references=["clean"],
                    random="random")  # fmt: skip
    found = d.rows()
    assert {(r.layer, r.metric) for r in found} == {
        *((layer, m) for layer in "abc" for m in ("damage", "over_input", "over_random")),
        ("output", "damage"),
    }
    row = next(r for r in found if (r.layer, r.metric) == ("c", "over_random"))
    assert (row.model, row.probe, row.clean_labels, row.split) == ("noisy", "ridge", 100, "test")
    assert row.value == pytest.approx(-0.3)
    assert row.low < -0.3 < row.high


def test_a_best_layer_that_random_weights_match_is_told():
    scores = table(noisy=NOISY, random=(0.3, 0.7, 0.8, 0.7, 0.1))
    (d,) = diagnose(scores, random="random")
    assert ", but less than random weights (−5.0 points" in d.verdict


def test_several_references_bring_their_own_spread():
    one = table(a=CLEAN, noisy=NOISY)
    (alone,) = diagnose(one, references=["a"])
    several = table(a=CLEAN, b=(0.3, 0.7, 0.85, 0.9, 0.9), c=(0.3, 0.7, 0.9, 0.9, 0.9), noisy=NOISY)
    (d,) = diagnose(several, references=["a", "b", "c"])
    assert d.damage("b").damage.value == pytest.approx(0.1)
    assert d.damage("b").damage.low < 0 < alone.damage("b").damage.low
    assert d.damage("c").damage.low > 0.25


def test_networks_with_random_weights_are_compared_draw_by_draw_where_draws_agree():
    random = np.random.default_rng(0)
    made = {seed: random.random(400) < 0.6 for seed in (0, 1, 2)}
    outcomes = {
        ("net", "a"): made,
        ("random", "a"): {seed: made[seed] & (np.arange(400) % 10 > 0) for seed in made},
    }
    (d,) = diagnose(rows(outcomes), random="random")
    (record,) = d.damages
    assert record.over_random.low > 0
    outcomes["net", "a"] = {0: made[0]}
    (d,) = diagnose(rows(outcomes), random="random")
    assert record.over_random.high - record.over_random.low < (
        d.damages[0].over_random.high - d.damages[0].over_random.low
    )


def test_a_table_that_was_read_back_has_differences_without_intervals():
    scores = table(clean=CLEAN, noisy=NOISY)
    scores.outcomes.clear()
    (d,) = diagnose(scores, references=["clean"])
    assert d.damage("c").damage.value == pytest.approx(0.3)
    assert math.isnan(d.damage("c").damage.low)
    assert d.onset is None
    assert "Largest damage: 30.0 points at c" in d.verdict


def test_a_reference_without_the_layer_leaves_the_others():
    scores = table(a=CLEAN, noisy=NOISY) + rows({("b", "elsewhere"): {0: share(0.5)}})
    (d,) = diagnose(scores, references=["a", "b"])
    assert d.damage("c").damage.value == pytest.approx(0.3)


def test_an_unknown_reference_is_refused_with_near_matches():
    with pytest.raises(UnknownNameError, match="clean"):
        diagnose(table(clean=CLEAN, noisy=NOISY), references=["cleen"])
