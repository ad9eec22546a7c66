"""What one run of the network shows."""

import pytest
import torch
from torch import nn

from repprobe.capture.pooling import Pooling
from repprobe.capture.recorder import Recorder
from repprobe.capture.stages import default_layers
from repprobe.capture.trace import trace
from repprobe.errors import CaptureError

from .conftest import fed
from .networks import (
    CifarResNet,
    Meddler,
    Outputs,
    Recurrent,
    Restless,
    Tokens,
    Twice,
)


def by_name(run):
    return {layer.name: layer for layer in run.layers}


def test_layers_come_in_the_order_of_execution():
    net = nn.ModuleDict({"second": nn.Linear(3, 3), "first": nn.Linear(3, 3)})
    net.forward = lambda x: net["second"](net["first"](x))
    assert [layer.name for layer in trace(net, fed(torch.randn(3, 3))).layers] == [
        "first",
        "second",
    ]


def test_a_module_called_twice_yields_two_layers():
    names = [layer.name for layer in trace(Twice(), fed(torch.randn(3, 6))).layers]
    assert names == ["layer", "act", "layer_1", "act_1", "head"]


def test_members_of_tuples_dicts_and_dataclasses_are_layers():
    names = set(by_name(trace(Outputs(), fed(torch.randn(3, 6)))))
    assert {"pair[0]", "pair[1][0]", "pair[1][1]", 'table["a"]', 'table["b"]["c"]'} <= names
    assert 'record["first"]' in names


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("index", "int64 values, not floating point"),
        ("empty", "empty"),
        ("constant", "no axis counts the examples"),
        ("mixed", "one axis holds examples and positions together"),
        ("number", "puts out a int, no tensor"),
    ],
)
def test_what_cannot_be_probed_has_its_reason(name, reason):
    assert by_name(trace(Outputs(), fed(torch.randn(3, 6))))[name].reason == reason


def test_modules_that_are_not_called_are_named():
    assert trace(Outputs(), fed(torch.randn(3, 6))).uncalled == {"unused": "Linear"}


def test_the_batch_axis_is_found_where_it_is_not_the_first():
    layer = by_name(trace(Recurrent(), fed(torch.randn(3, 4, 5))))["lstm[1][0]"]
    assert (layer.batch_axis, layer.shape) == (1, (2, 6))


def test_calls_know_what_is_inside_them():
    run = trace(CifarResNet(), fed(torch.randn(3, 3, 32, 32)))
    block = next(call for call in run.calls if call.name == "layer1.0")
    assert [call.name for call in block.children] == [
        f"layer1.0.{part}" for part in ("conv1", "bn1", "conv2", "bn2", "shortcut")
    ]
    assert block.parent.name == "layer1"


def test_equal_values_are_the_same_information():
    net = nn.Sequential(nn.Linear(4, 4), nn.Dropout(), nn.Unflatten(1, (2, 2)), nn.Flatten())
    run = trace(net, fed(torch.randn(3, 4)))
    first, *others = run.layers
    assert all(run.same_information(first, other) for other in others)


def test_stages_that_happen_to_agree_are_not_the_same_information():
    net = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    for layer in net:
        nn.init.zeros_(layer.weight)
        nn.init.zeros_(layer.bias)
    run = trace(net, fed(torch.randn(3, 4)))
    assert run.layers[0].digest == run.layers[1].digest
    assert not run.same_information(*run.layers)


def test_tokens_are_given_as_whole_numbers():
    run = trace(Tokens(), fed(torch.randint(0, 11, (3, 5)).float()))
    assert run.integer_inputs
    assert by_name(run)["encoder.layers.0"].layout == "sequence"


def test_tokens_with_fractions_are_refused():
    with pytest.raises(CaptureError, match=r"takes whole numbers .*'embedding'.*preprocess none"):
        trace(Tokens(), fed(torch.rand(3, 5)))


def test_a_network_that_is_not_deterministic_is_told_with_its_first_such_layer():
    (note,) = trace(Restless(), fed(torch.randn(3, 6))).notes
    assert "not deterministic in evaluation mode" in note
    assert "from layer 'two' on" in note


def test_a_deterministic_network_has_no_note():
    assert trace(Twice(), fed(torch.randn(3, 6))).notes == ()


def test_the_wrong_number_of_channels_is_said():
    with pytest.raises(CaptureError) as caught:
        trace(CifarResNet(), fed(torch.randn(3, 1, 32, 32)))
    assert str(caught.value) == "the network takes 3 channels, the data have 1."


def test_the_wrong_image_size_is_said_with_the_layer():
    net = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Flatten(), nn.Linear(72, 3))
    with pytest.raises(CaptureError) as caught:
        trace(net, fed(torch.randn(3, 1, 9, 9)))
    assert str(caught.value) == (
        "the network is not for inputs of shape (1, 9, 9): its layer '2' takes 72 features and "
        "gets 98."
    )


def test_another_failure_is_one_line_with_the_shape():
    net = Meddler()
    net.fail_at = 1
    with pytest.raises(CaptureError) as caught:
        trace(net, fed(torch.randn(3, 6)))
    assert str(caught.value) == ("the network cannot be run on inputs of shape (6,): told to fail")


def test_a_module_named_output_does_not_take_the_reserved_name():
    net = nn.Sequential()
    net.add_module("hidden", nn.Linear(4, 4))
    net.add_module("output", nn.Linear(4, 2))
    assert list(by_name(trace(net, fed(torch.randn(3, 4))))) == ["hidden", "output_0"]


def test_a_network_of_one_module_goes_by_its_class():
    assert list(by_name(trace(nn.Linear(4, 2), fed(torch.randn(3, 4))))) == ["Linear"]


def test_a_parametrized_module_stays_one_layer():
    net = nn.Sequential(nn.utils.parametrizations.weight_norm(nn.Linear(4, 4)), nn.Linear(4, 2))
    assert list(by_name(trace(net, fed(torch.randn(3, 4))))) == ["0", "1"]


def test_an_exception_that_the_network_catches_does_no_harm():
    class Careful(nn.Module):
        def __init__(self):
            super().__init__()
            self.broken = nn.Sequential(nn.Linear(9, 9))
            self.head = nn.Linear(4, 2)

        def forward(self, x):
            try:
                return self.broken(x)
            except RuntimeError:
                return self.head(x)

    run = trace(Careful(), fed(torch.randn(3, 4)))
    assert [layer.name for layer in run.layers] == ["head"]
    assert [layer.name for layer in default_layers(run)] == ["head"]


@torch.inference_mode()
def test_calls_of_a_module_that_calls_itself_count_in_the_order_of_their_ends():
    class Deep(nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = nn.Parameter(torch.eye(4) * 2)

        def forward(self, x, depth=2):
            return (self(x, depth - 1) if depth else x) @ self.weight

    net, x = nn.Sequential(Deep()), torch.randn(3, 4)
    layers = trace(net, fed(x)).layers
    assert [layer.name for layer in layers] == ["0", "0_1", "0_2"]
    pooling = Pooling("none")
    recorder = Recorder(net, {la: pooling.plan(la.shape, la.layout) for la in layers})
    with recorder.attached():
        recorder.run(fed(x))
    for factor, layer in zip((2, 4, 8), layers, strict=True):
        torch.testing.assert_close(recorder.features[layer.name], x * factor)
