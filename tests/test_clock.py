"""Seconds per stage."""

import time

import pytest

from repprobe.clock import Clock


def test_the_seconds_of_a_stage_add_up():
    clock = Clock()
    for _ in range(2):
        with clock.timed("load"):
            time.sleep(0.01)
    with clock.timed("probe"):
        pass
    assert list(clock.seconds) == ["load", "probe"]
    assert 0.02 <= clock.seconds["load"] < 1
    assert clock.seconds["probe"] < 0.02


def test_a_stage_that_fails_is_counted():
    clock = Clock()
    with pytest.raises(ZeroDivisionError), clock.timed("load"):
        time.sleep(0.01)
        _ = 1 / 0
    assert clock.seconds["load"] >= 0.01


def test_seconds_may_be_moved():
    clock = Clock()
    clock.seconds["capture"] = 3.0
    clock.move(1.25, "capture", "probe")
    assert clock.seconds == {"capture": 1.75, "probe": 1.25}
