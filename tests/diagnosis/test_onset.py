"""P values are corrected for their number, and the first small one is the onset."""

import math

import pytest

from repprobe.diagnosis.onset import holm, onset


def test_holm_agrees_with_a_worked_example():
    # Holm (1979): thresholds 0.05/4, 0.05/3, 0.05/2, 0.05 in increasing order.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])


def test_what_is_not_a_number_neither_counts_nor_changes():
    corrected = holm([0.02, math.nan, 0.5])
    assert corrected[0] == pytest.approx(0.04)
    assert math.isnan(corrected[1])


def test_corrected_values_stay_within_1():
    assert holm([0.9, 0.8]) == [1.0, 1.0]


def test_the_onset_is_the_first_in_order_not_the_smallest():
    assert onset(["a", "b", "c"], [0.2, 0.04, 0.001]) == "b"
    assert onset(["a", "b"], [math.nan, 0.06]) is None
