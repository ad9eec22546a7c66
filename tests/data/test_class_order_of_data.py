"""Data whose classes are numbered as a network's outputs are."""

import numpy as np
import pytest

from repprobe.data import load_data
from repprobe.data.class_order import renumbered
from repprobe.errors import UsageError


def test_inputs_stay_and_labels_names_and_fingerprint_change():
    data = load_data("digits")
    order = tuple(np.roll(np.arange(10), 3))
    found = renumbered(data, order)
    rows = np.arange(50)
    assert (found.train.inputs(rows) == data.train.inputs(rows)).all()
    for c in range(10):
        assert found.classes[order[c]] == data.classes[c]
        assert ((found.train.labels == order[c]) == (data.train.labels == c)).all()
        assert ((found.test.labels == order[c]) == (data.test.labels == c)).all()
    assert found.fingerprint != data.fingerprint
    assert renumbered(data, order).fingerprint == found.fingerprint


def test_the_order_there_is_changes_nothing():
    data = load_data("digits")
    assert renumbered(data, range(10)) is data


@pytest.mark.parametrize("order", [(), (0, 1), (0,) * 10, tuple(range(1, 11))])
def test_an_order_that_is_none_is_refused(order, one_line):
    with pytest.raises(UsageError) as caught:
        renumbered(load_data("digits"), order)
    one_line(caught, "digits")
