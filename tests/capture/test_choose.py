"""Layers by pattern."""

import pytest
import torch
from torch import nn

from repprobe.capture.choose import choose
from repprobe.capture.trace import trace
from repprobe.errors import CaptureError, UnknownNameError

from .conftest import fed
from .networks import CifarResNet, Lambda, Outputs, Recurrent, Twice


@pytest.fixture(scope="module")
def resnet():
    return trace(CifarResNet().eval(), fed(torch.randn(3, 3, 32, 32)))


@pytest.fixture(scope="module")
def outputs():
    return trace(Outputs(), fed(torch.randn(3, 6)))


def names(run, *patterns):
    return [layer.name for layer in choose(run, patterns).layers]


def test_no_pattern_gives_one_layer_per_stage(resnet):
    assert len(names(resnet)) == 12


def test_all_gives_every_leaf(resnet):
    found = names(resnet, "all")
    assert len(found) == 48
    assert found[:4] == ["conv1", "bn1", "layer1.0.conv1", "layer1.0.bn1"]


def test_globs_cross_dots_and_results_come_in_order(resnet):
    assert names(resnet, "layer2.*.conv?", "conv1") == [
        "conv1",
        *(f"layer2.{block}.conv{i}" for block in (0, 1, 2) for i in (1, 2)),
    ]


def test_sets_of_characters(resnet):
    assert names(resnet, "layer[13].0") == ["layer1.0", "layer3.0"]


def test_what_the_head_is_given_can_be_named(resnet):
    assert names(resnet, "linear.input") == ["linear.input"]


def test_brackets_in_names_are_literal(outputs):
    assert names(outputs, "pair[1][0]") == ["pair[1][0]"]
    assert names(outputs, 'table["b"]*') == ['table["b"]["c"]']
    assert names(outputs, "*[0]") == ["pair[0]", "pair[1][0]"]


def test_the_module_stands_for_all_its_outputs():
    run = trace(Recurrent(), fed(torch.randn(3, 4, 5)))
    assert names(run, "lstm") == ["lstm[0]", "lstm[1][0]", "lstm[1][1]"]


def test_repeated_calls():
    run = trace(Twice(), fed(torch.randn(3, 6)))
    assert names(run, "layer_1") == ["layer_1"]
    assert names(run, "layer*") == ["layer", "layer_1"]


def test_layers_that_cannot_be_probed_are_left_out_with_the_reason(outputs):
    choice = choose(outputs, ["stem", "index", "empty", "unused"])
    assert [layer.name for layer in choice.layers] == ["stem"]
    assert choice.skipped == {
        "index": "int64 values, not floating point",
        "empty": "empty",
        "unused": "the network does not call it",
    }


def test_nothing_left_is_an_error(outputs):
    with pytest.raises(CaptureError, match=r"\(index: int64 values, not floating point\)"):
        choose(outputs, ["index"])


def test_a_network_without_a_layer_to_probe_is_an_error():
    run = trace(nn.Sequential(Lambda(lambda x: x.long())), fed(torch.randn(3, 6)))
    with pytest.raises(CaptureError, match=r"none of the layers can be probed \(0: int64"):
        choose(run)


def test_an_unknown_layer_has_near_matches_and_the_way_to_list_all(resnet):
    with pytest.raises(UnknownNameError) as caught:
        choose(resnet, ["layer1.4"])
    message = str(caught.value)
    assert "no layer is named 'layer1.4'; did you mean layer1." in message
    assert message.endswith("List them with: repprobe layers MODEL --data DATA --list")


@pytest.mark.parametrize("name", ["conv1.weight", "bn1.running_mean"])
def test_a_parameter_is_no_layer(resnet, name):
    owner = name.split(".")[0]
    with pytest.raises(UnknownNameError) as caught:
        choose(resnet, [name])
    assert str(caught.value) == (
        f"'{name}' is a parameter of the layer '{owner}', not a layer; take '{owner}'."
    )
