"""The paper's perceptron."""

import pytest
import torch
from torch import nn

from repprobe import zoo
from repprobe.errors import UsageError


def test_it_is_the_papers_network_by_default():
    network = zoo.build("mlp", num_classes=10, input_shape=(3, 32, 32))
    linear = [m for m in network.modules() if isinstance(m, nn.Linear)]
    assert [(m.in_features, m.out_features, m.bias is not None) for m in linear] == [
        (3072, 512, False),
        (512, 512, False),
        (512, 512, False),
        (512, 10, True),
    ]


def test_it_has_the_parameters_of_the_original():
    network = zoo.build("mlp", num_classes=10, in_features=3072)
    count = 3072 * 512 + 512 * 512 + 512 * 512 + (512 * 10 + 10)
    assert count == 2_102_282
    assert sum(p.numel() for p in network.parameters()) == count


def test_width_scales_the_hidden_layers():
    network = zoo.build("mlp", num_classes=3, in_features=4, hidden=(64, 32), width=0.125)
    shapes = [tuple(m.weight.shape) for m in network.modules() if isinstance(m, nn.Linear)]
    assert shapes == [(8, 4), (4, 8), (3, 4)]


def test_every_hidden_layer_is_followed_by_a_relu_module():
    network = zoo.build("mlp", num_classes=3, in_features=4, hidden=(5, 6))
    assert [name for name, _ in network.named_children()] == [
        "flatten",
        "linear1",
        "relu1",
        "linear2",
        "relu2",
        "output",
    ]


def test_inputs_of_any_shape_are_flattened():
    network = zoo.build("mlp", num_classes=3, input_shape=(1, 4, 5))
    x = torch.randn(2, 1, 4, 5)
    assert torch.equal(network(x), network(x.reshape(2, 20)))


def test_no_hidden_layer_is_a_linear_model():
    network = zoo.build("mlp", num_classes=3, in_features=4, hidden=())
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    assert zoo.guess_arguments("mlp", shapes) == {"num_classes": 3, "in_features": 4, "hidden": []}


@pytest.mark.parametrize("sizes", [{}, {"in_features": 4, "input_shape": (4,)}])
def test_exactly_one_description_of_the_input_is_taken(sizes):
    with pytest.raises(UsageError, match=r"one of in_features and input_shape"):
        zoo.build("mlp", num_classes=3, **sizes)
