"""Paired differences: exact where theory is, and honest in simulation."""

import math

import numpy as np
import pytest
from scipy.stats import norm, ttest_1samp

from repprobe.probes.differences import (
    paired,
    paired_layers,
    paired_with_networks,
    unpaired_draws,
    without_error,
)
from repprobe.probes.intervals import gain_interval


def test_one_draw_of_numbers_is_a_paired_t_test():
    differences = np.random.default_rng(0).normal(0.1, 1, size=(1, 40))
    expected = ttest_1samp(differences[0], 0.05, alternative="greater")
    found = paired(differences)
    assert found.p_above(0.05) == pytest.approx(expected.pvalue, rel=1e-6)
    low, high = ttest_1samp(differences[0], 0.0).confidence_interval(0.95)
    assert found.interval()[1:] == pytest.approx((low, high))


def test_right_and_wrong_answers_get_the_adjusted_interval():
    # Bonett & Price (2012), eq. 5: (x12 + 1) / (n + 2) and (x21 + 1) / (n + 2).
    differences = np.repeat([1.0, -1.0, 0.0], [9, 3, 88])[None]
    value, low, high = paired(differences).interval()
    p12, p21 = 10 / 102, 4 / 102
    half = 1.96 * math.sqrt((p12 + p21 - (p12 - p21) ** 2) / 102)
    assert value == pytest.approx(0.06)
    assert (low, high) == pytest.approx((p12 - p21 - half, p12 - p21 + half), abs=2e-3)


def test_identical_answers_leave_an_interval_of_some_width_and_no_evidence():
    found = paired(np.zeros((3, 200)))
    assert found.interval().low < 0 < found.interval().high < 0.03
    assert found.p_above(0.0) == pytest.approx(0.5)
    assert found.p_above(0.05) > 0.99


def test_p_values_and_intervals_agree():
    found = paired((np.random.default_rng(1).random((3, 200)) < 0.3).astype(float))
    _, low, high = found.interval()
    assert found.p_above(low) == pytest.approx(0.025, abs=1e-6)
    assert found.p_above(high) == pytest.approx(0.975, abs=1e-6)


def test_a_difference_without_examples_has_no_interval_and_no_p_value():
    assert math.isnan(without_error(0.1).interval().low)
    assert math.isnan(without_error(0.1).p_above(0.0))
    assert paired(np.ones((1, 1))).components == ()


def draws_of(generator, shift, difficulty, draws, quality):
    """Return (draws, n) hits of probes whose quality differs from draw to draw."""
    n = len(difficulty)
    own = 0.7 * generator.normal(size=n)
    luck = quality * generator.normal(size=(draws, 1))
    return shift + luck + difficulty + own + 0.5 * generator.normal(size=(draws, n)) > 0


@pytest.mark.parametrize(("draws", "quality"), [(1, 0.0), (3, 0.1), (3, 0.3), (5, 0.1)])
def test_a_paired_interval_covers_the_truth_about_95_times_in_100(draws, quality):
    generator = np.random.default_rng(2)
    spread = math.sqrt(4 + 0.49 + 0.25 + quality**2)
    truth = norm.cdf(1.2 / spread) - norm.cdf(1.0 / spread)
    covered = []
    for _ in range(800):
        difficulty = 2 * generator.normal(size=300)
        better, worse = (draws_of(generator, s, difficulty, draws, quality) for s in (1.2, 1.0))
        _, low, high = paired(better * 1.0 - worse).interval()
        covered.append(low <= truth <= high)
    assert 0.925 <= np.mean(covered) <= 0.98


@pytest.mark.parametrize("networks", [2, 4])
def test_one_more_network_like_the_references_is_rarely_called_damaged(networks):
    generator = np.random.default_rng(3)
    alarms = []
    for _ in range(500):
        difficulty = 2 * generator.normal(size=300)
        quality = 1 + 0.3 * generator.normal(size=networks + 1)
        hits = np.stack([draws_of(generator, q, difficulty, 2, 0.1) for q in quality]) * 1.0
        alarms.append(paired_with_networks([hits[:-1] - hits[-1]])[0].p_above(0.0) < 0.05)
    assert np.mean(alarms) <= 0.07


def test_draws_that_do_not_match_are_compared_without_pairing_them():
    generator = np.random.default_rng(4)
    difficulty = 2 * generator.normal(size=300)
    ours = draws_of(generator, 1.0, difficulty, 3, 0.3) * 1.0
    theirs = draws_of(generator, 1.0, difficulty, 4, 0.3) * 1.0
    (found,) = unpaired_draws([(ours, theirs)])
    assert found.value == pytest.approx(ours.mean() - theirs.mean())
    assert found.interval().low < 0 < found.interval().high
    assert len(found.components) == 3


def test_a_cross_validated_gain_is_less_certain_than_one_on_new_examples():
    generator = np.random.default_rng(5)
    new, own = generator.random(100) < 0.8, generator.random(100) < 0.6
    widths = [
        high - low
        for _, low, high in (gain_interval(new, own, s) for s in (None, 0.0, 0.001))
    ]  # fmt: skip
    assert widths[0] < widths[1] < widths[2]
    assert widths[1] / widths[0] == pytest.approx(math.sqrt(1.15))


def layer_tables(generator, draws, quality, shift, layers=6, n=200):
    """Return differences (draws, n) of layers whose draws' luck correlates; those later lost."""
    difficulty = 2 * generator.normal(size=n)
    tables = []
    common = generator.normal(size=(2, draws, 1))
    for place in range(layers):
        shifts = 1.0, 1.0 - shift * (place >= layers // 2)
        hits = [
            mu
            + quality * (0.6 * luck + 0.8 * generator.normal(size=(draws, 1)))
            + difficulty
            + 0.7 * generator.normal(size=n)
            + 0.8 * generator.normal(size=(draws, n))
            > 0
            for mu, luck in zip(shifts, common, strict=True)
        ]
        tables.append(hits[0] * 1.0 - hits[1])
    return tables


@pytest.mark.parametrize("draws", [2, 3])
def test_layers_tell_of_each_others_draws(draws):
    generator = np.random.default_rng(6)
    covered, alarms, alone = [], [], []
    for _ in range(300):
        tables = layer_tables(generator, draws, 0.3, 0.0)
        found = paired_layers(tables)
        covered += [f.interval().low <= 0 <= f.interval().high for f in found]
        alarms.append(min(f.p_above(0.0) for f in found) <= 0.05 / len(found))
        alone.append(min(paired(t).p_above(0.0) for t in tables) <= 0.05 / len(found))
    assert 0.93 <= np.mean(covered) <= 0.98
    assert np.mean(alarms) <= 0.05 <= np.mean(alone)


def test_two_draws_show_a_large_loss_beyond_doubt():
    generator = np.random.default_rng(7)
    found = paired_layers(layer_tables(generator, 2, 0.15, 2.0))
    assert all(f.value > 0.2 and f.p_above(0.01) < 0.05 / 6 for f in found[3:])
    assert all(f.p_above(0.01) > 0.05 for f in found[:3])


def test_layers_without_any_difference_neither_get_nor_tell_variance():
    generator = np.random.default_rng(8)
    tables = layer_tables(generator, 3, 0.3, 0.0, layers=3)
    zero = np.zeros_like(tables[0])
    alone, beside = paired_layers(tables), paired_layers([*tables, zero, zero])
    for a, b in zip(alone, beside, strict=False):
        assert b.components[1] == pytest.approx(a.components[1])
    assert beside[-1].components[1].variance == 0


def test_equal_layers_know_no_more_than_one():
    table = layer_tables(np.random.default_rng(9), 3, 0.3, 0.0, layers=1)[0]
    assert paired_layers([table] * 4)[2].components[1] == pytest.approx(paired(table).components[1])


def test_layers_with_other_draws_are_pooled_by_themselves():
    generator = np.random.default_rng(10)
    three, two = (layer_tables(generator, draws, 0.3, 0.0, layers=2) for draws in (3, 2))
    mixed = paired_layers([three[0], two[0], three[1], two[1], three[0][:1]])
    assert mixed[0] == paired_layers(three)[0]
    assert mixed[3] == paired_layers(two)[1]
    assert len(mixed[4].components) == 1
