"""Devices are found by the name that a user gives."""

import pytest

from repprobe.device import usable_device
from repprobe.errors import UsageError


def test_a_device_that_torch_has_no_name_for_is_answered_with_those_to_take():
    with pytest.raises(UsageError) as caught:
        usable_device("gpu")
    assert str(caught.value) == "there is no device 'gpu'; take auto, cpu, cuda, cuda:1, …"


def test_a_device_that_is_not_there_is_one_line():
    with pytest.raises(UsageError, match=r"^the device 'cuda:99' cannot be used: [^\n]+$"):
        usable_device("cuda:99")


def test_the_cpu_is_there():
    assert str(usable_device("cpu")) == "cpu"
