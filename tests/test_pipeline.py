"""`repprobe.layers` from Python: networks and data that were never files."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

import repprobe
from repprobe.data import ArrayPart, Data
from repprobe.errors import DataError, UsageError
from repprobe.lineup import distinct


def images(classes=3, n=120):
    generator = np.random.default_rng(0)
    x = generator.integers(0, 256, (n, 1, 6, 6)).astype(np.uint8)
    y = np.arange(n) % classes
    x[np.arange(n), 0, y, y] = 255
    half = n // 2
    return Data(
        "squares",
        ArrayPart(x[:half], y[:half]),
        ArrayPart(x[half:], y[half:]),
        "classification",
        tuple("abc"),
        255,
        "0",
    )


def network(outputs=3):
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Flatten(), nn.Linear(128, outputs))


def test_a_module_in_memory_is_probed_and_left_as_it_was():
    net = network().train()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    state = torch.random.get_rng_state()
    run = repprobe.layers(net, images())
    assert [r.layer for r in run.scores.summary()] == ["input", "1", "3", "output"]
    assert net.training
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())
    assert all((net.state_dict()[k] == v).all() for k, v in before.items())
    assert (torch.random.get_rng_state() == state).all()
    assert run.folder is None


def test_a_network_with_other_outputs_has_no_output_row_and_this_is_said():
    run = repprobe.layers(network(outputs=10), images())
    assert not len(run.scores.where(layer="output"))
    assert any("10 values" in note for note in run.info["models"][0]["notes"])
    assert "no output of the network" in run.info["verdict"]


def test_a_layer_with_nan_is_named_in_the_notes():
    net = network()
    with torch.no_grad():
        net[3].bias[1] = float("nan")
    run = repprobe.layers(net, images())
    assert any("'3' holds NaN" in note for note in run.info["models"][0]["notes"])


def test_nothing_to_probe_is_an_error():
    with pytest.raises(UsageError, match="no model"):
        repprobe.layers([], images())


def test_a_class_named_all_is_refused_at_once():
    data = dataclasses.replace(images(), classes=("a", "all", "c"))
    with pytest.raises(DataError, match="a class is named 'all'"):
        repprobe.layers(network(), data)


def test_targets_that_never_change_are_refused():
    part = ArrayPart(np.zeros((9, 1, 6, 6), np.uint8), np.full(9, 2.5))
    data = dataclasses.replace(images(), train=part, test=part, task="regression", classes=())
    with pytest.raises(DataError, match="the same number"):
        repprobe.layers(network(1), data)


def test_names_that_occur_again_are_numbered():
    assert distinct(["a", "b", "a", "a"]) == ["a", "b", "a-2", "a-3"]
