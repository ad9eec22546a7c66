"""`repprobe.layers` from Python: networks and data that were never files."""

import dataclasses

import numpy as np
import pytest
import torch
from torch import nn

import repprobe
from repprobe.data import ArrayPart, Data
from repprobe.errors import DataError, UsageError
from repprobe.pipeline.lineup import distinct


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


def test_clean_labels_of_the_test_part_are_refused_or_left_out(one_line):
    data = images()
    with pytest.raises(UsageError) as caught:
        repprobe.layers(network(), dataclasses.replace(data, test=data.train))
    one_line(caught, "60 of the 60 clean examples are in the test part too")
    x = data.test.inputs(np.arange(60)).copy()
    x[0] = data.train.inputs(np.arange(1))[0]
    data = dataclasses.replace(data, test=ArrayPart(x, data.test.labels))
    run = repprobe.layers(network(), data)
    assert "of the 60 clean examples one is in the test part too" in run.info["data"]["notes"][-1]
    assert run.scores.budgets == [59]


def test_of_left_out_outcomes_only_what_chooses_the_layer_is_kept():
    run = repprobe.layers(network(), images(), clean=(20, 40), reference=(network(), "random"))
    assert {(at[0], at[2]) for at in run.scores.held_out} == {("Sequential", 40)}
    assert {held.outcomes.shape for held in run.scores.held_out.values()} == {(1, 40)}
    (found,) = repprobe.diagnosis.diagnose(run.scores, references=["Sequential-2"], random="random")
    assert found.to_dict() == {**run.info["diagnoses"][0], "memorization": None}


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


def test_a_module_in_memory_is_compared_with_its_fresh_copies():
    net = network()
    before = {k: v.clone() for k, v in net.state_dict().items()}
    run = repprobe.layers(net, images(), reference="random", clean=40, probe="ridge")
    assert run.scores.models == ["Sequential", "random"]
    assert run.info["references"] == [
        {"name": "random", "architecture": "Sequential", "networks": 3}
    ]
    over = run.scores.where(metric="over_random")
    assert [r.layer for r in over] == ["1", "3"]
    assert all((net.state_dict()[k] == v).all() for k, v in before.items())


def test_references_may_be_modules_and_regressions_have_them_too():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(200, 6)).astype(np.float32)
    y = x @ generator.normal(size=6)
    parts = ArrayPart(x[:120], y[:120]), ArrayPart(x[120:], y[120:])
    data = Data("line", *parts, "regression", (), 1.0, "0")
    torch.manual_seed(0)
    net, twin = (nn.Sequential(nn.Linear(6, 9), nn.ReLU(), nn.Linear(9, 1)) for _ in range(2))
    run = repprobe.layers(net, data, reference=(twin, "random"), preprocess="none", clean=80)
    assert run.scores.models == ["Sequential", "Sequential-2", "random"]
    (damage,) = run.scores.where(metric="damage", layer="1")
    ours, theirs = (
        run.scores.where(model=m, metric="r2", layer="1", split="test").rows[0].value
        for m in ("Sequential", "Sequential-2")
    )
    assert damage.value == pytest.approx(theirs - ours)
    assert damage.low < damage.value < damage.high
    assert {r.seed for r in run.scores.where(model="random", metric="r2")} == {0, 1, 2, "all"}
    assert run.info["settings"]["reference"] == ["Sequential", "random"]
