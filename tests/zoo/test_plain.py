"""The network that is given by its list of layers."""

import pytest
import torch
from torch import nn

from repprobe import zoo
from repprobe.errors import UsageError

LAYERS = [
    {
        "kind": "conv2d",
        "name": "features.0",
        "in_channels": 1,
        "out_channels": 4,
        "kernel_size": [3, 3],
        "stride": 2,
        "padding": [1, 1],
        "bias": False,
    },
    {"kind": "batch_norm", "name": "features.1", "features": 4, "images": True},
    {"kind": "leaky_relu", "name": "features.1_leaky_relu", "slope": 0.2},
    {"kind": "avg_pool", "name": "pool", "kernel_size": 2, "stride": 2, "padding": 0},
    {"kind": "flatten", "name": "flatten"},
    {"kind": "linear", "name": "head.fc", "in_features": 16, "out_features": 3},
]


def test_it_has_the_names_given_and_computes_the_layers_one_after_the_other():
    torch.manual_seed(0)
    features = nn.Sequential(nn.Conv2d(1, 4, 3, 2, 1, bias=False), nn.BatchNorm2d(4))
    linear = nn.Linear(16, 3)
    network = zoo.build("plain", layers=LAYERS)
    state = {f"features.{key}": value for key, value in features.state_dict().items()}
    state |= {f"head.fc.{key}": value for key, value in linear.state_dict().items()}
    network.load_state_dict(state)
    x = torch.randn(5, 1, 8, 8)
    expected = nn.functional.leaky_relu(features.eval()(x), 0.2)
    expected = linear(nn.functional.avg_pool2d(expected, 2).flatten(1))
    assert torch.equal(network.eval()(x), expected)
    assert {layer["name"] for layer in LAYERS} <= dict(network.named_modules()).keys()


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"kind": "attention"}, "kind must be conv2d, .*, not 'attention'"),
        ({"name": "flatten"}, "'flatten' is given twice"),
        ({"name": "features..2"}, "needs a dotted name"),
        ({"name": "forward"}, "modules have a 'forward'"),
        ({"width": 3}, "cannot be a flatten"),
    ],
)
def test_what_is_no_layer_is_refused(change, match):
    layers = [*LAYERS, {"kind": "flatten", "name": "last", **change}]
    with pytest.raises(UsageError, match=match):
        zoo.build("plain", layers=layers)


def test_it_is_never_guessed_from_shapes():
    shapes = {
        key: tuple(v.shape) for key, v in zoo.build("plain", layers=LAYERS).state_dict().items()
    }
    assert zoo.guess_arguments("plain", shapes) is None
