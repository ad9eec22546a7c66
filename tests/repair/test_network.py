"""A network with a head answers as the head does on captured features, whatever the layer."""

import copy

import numpy as np
import pytest
import torch
from made_heads import assert_alike, captured, made_data, made_head, made_model, scores
from scipy.special import log_softmax
from torch import nn
from torchvision.models import VisionTransformer, get_model

from repprobe import zoo
from repprobe.capture import Pooling
from repprobe.errors import UnknownNameError, UsageError
from repprobe.repair.network import CutNetwork, with_head
from repprobe.repair.place import Place, head_place
from tests.capture import graph_networks as graphs
from tests.capture import networks

IMAGES = {
    "mlp": lambda: zoo.build("mlp", num_classes=3, input_shape=(3, 8, 8), hidden=[20, 10]),
    "small-cnn": lambda: zoo.build("small-cnn", num_classes=3, in_channels=3, width=4),
    "cnn9": lambda: zoo.build("cnn9", num_classes=3, width=0.05),
    "preact-resnet18": lambda: zoo.build("preact-resnet18", num_classes=3, width=0.0625),
    "cifar-resnet": lambda: zoo.build("cifar-resnet", num_classes=3, depth=8, width=4),
}


def check(model, data, pooling, layers=(), most=4, last=lambda scores: scores):
    """Cut a network at some layers, the last one too, and compare what it then answers."""
    features = captured(model, data, pooling, layers)
    names = [name for name in features if name != "input"]
    for name in names[:: -max(1, len(names) // most)]:
        head = made_head(name, pooling, features[name].shape[1])
        fixed = with_head(model, data, head)
        answers = captured(fixed, data, pooling).output
        expected = scores(head, features[name])
        is_cut = isinstance(fixed.module, CutNetwork)
        assert_alike(answers, expected if is_cut else last(expected))


@pytest.mark.parametrize("name", IMAGES)
def test_networks_of_the_zoo(name):
    torch.manual_seed(0)
    size = 32 if name == "cnn9" else 8
    check(made_model(IMAGES[name](), "0.5/0.5"), made_data(3, size, size), Pooling())


@pytest.mark.parametrize(
    "pooling", [Pooling(width=20, seed=3), Pooling("none"), Pooling("max"), Pooling("grid", 40)]
)
def test_every_pooling(pooling):
    torch.manual_seed(0)
    check(made_model(IMAGES["cifar-resnet"]()), made_data(3, 16, 16), pooling)


TORCHVISION = {
    "resnet18": lambda: get_model("resnet18", weights=None, num_classes=3),
    "mobilenet": lambda: get_model("mobilenet_v3_small", weights=None, num_classes=3),
    "vit": lambda: VisionTransformer(32, 8, 2, 2, 16, 32, num_classes=3),
}


@pytest.mark.parametrize("name", TORCHVISION)
def test_torchvision_networks(name):
    torch.manual_seed(0)
    check(made_model(TORCHVISION[name]()), made_data(3, 32, 32, n=6), Pooling(), most=2)


@pytest.mark.parametrize(
    "module, data, layers",
    [
        (networks.Twice(), made_data(6), ("all",)),
        (networks.Outputs(), made_data(6), ("pair*", "table*", "record*")),
        (networks.Recurrent(), made_data(4, 5), ("lstm*",)),
        (networks.InPlace(), made_data(1, 8, 8), ("all",)),
        (networks.Tokens(), made_data(7, words=11), ()),
        (networks.Waves(), made_data(2, 9), ()),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, nn.Module) else "",
)
def test_later_calls_members_and_inputs(module, data, layers):
    check(made_model(module), data, Pooling(), layers, most=9)


GRAPHS = {
    "Pooled": lambda: graphs.Pooled("max"),
    "TakesData": graphs.TakesData,
    "max-sum": lambda: zoo.build("max-sum-gnn", num_classes=3, in_features=4, hidden=8),
    "deepsets": lambda: zoo.build("deepsets", num_classes=3, in_features=4, hidden=8),
}


@pytest.mark.parametrize("name", GRAPHS)
def test_networks_for_graphs(name):
    torch.manual_seed(0)
    last = {"last": lambda s: log_softmax(s, 1)} if name == "TakesData" else {}
    check(made_model(GRAPHS[name]()), graphs.graph_data(8), Pooling(), **last)


def test_nodes_of_one_graph():
    torch.manual_seed(0)
    check(made_model(graphs.BASIC["GCN"]()), graphs.node_data(), Pooling())


def test_the_networks_form_is_kept_at_the_last_hidden_layer():
    model, data = made_model(IMAGES["cifar-resnet"]()), made_data(3, 8, 8)
    before = copy.deepcopy(model.module.state_dict())
    place = head_place(model, data)
    assert place == Place("linear", "linear.input")
    fixed = with_head(model, data, made_head("linear.input", Pooling(), 16))
    assert fixed.architecture == model.architecture
    assert fixed.module.state_dict().keys() == before.keys()
    changed = [k for k, v in fixed.module.state_dict().items() if not torch.equal(v, before[k])]
    assert changed == ["linear.weight", "linear.bias"]
    assert all(torch.equal(v, before[k]) for k, v in model.module.state_dict().items())


def test_a_head_for_other_classes_is_no_drop_in():
    model, data = made_model(IMAGES["small-cnn"]()), made_data(3, 8, 8)
    place = head_place(model, data)
    head = made_head(place.layer, Pooling(), 16, outputs=7)
    fixed = with_head(model, data, head)
    assert isinstance(fixed.module, CutNetwork) and fixed.entry is None
    assert captured(fixed, data, Pooling(), ("head",)).output.shape[1] == 7


class Tied(nn.Module):
    """Its head's weight is that of another layer."""

    def __init__(self):
        super().__init__()
        self.first = nn.Linear(4, 4)
        self.head = nn.Linear(4, 4)
        self.head.weight = self.first.weight

    def forward(self, x):
        return self.head(self.first(x).relu())


def seq(*parts):
    return nn.Sequential(*parts)


@pytest.mark.parametrize(
    "module, shape",
    [
        (
            seq(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Conv2d(4, 3, 1)),
            (3, 8, 8),
        ),
        (seq(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 3, bias=False)), (4,)),
        (seq(nn.Linear(4, 4), nn.Tanh(), nn.Linear(4, 3), nn.Tanh()), (4,)),
        (
            seq(
                nn.utils.parametrizations.weight_norm(nn.Linear(4, 4)),
                nn.ReLU(),
                nn.utils.parametrizations.weight_norm(nn.Linear(4, 3)),
            ),
            (4,),
        ),
        (
            seq(
                nn.Linear(4, 4), nn.ReLU(), nn.utils.parametrizations.spectral_norm(nn.Linear(4, 3))
            ),
            (4,),
        ),
        (Tied(), (4,)),
        (nn.Linear(4, 3), (4,)),
    ],
    ids=["conv", "no bias", "squashed", "weight norm", "spectral norm", "tied", "no hidden layer"],
)
def test_where_no_head_can_be_put(module, shape):
    assert head_place(made_model(module), made_data(*shape)) is None


def test_several_positions_and_message_passing_are_no_place():
    tokens = seq(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 3), nn.Flatten())
    assert head_place(made_model(tokens), made_data(4, 5)) is None
    assert head_place(made_model(graphs.BASIC["GCN"]()), graphs.node_data()) is None


@pytest.mark.parametrize("last", [nn.Softmax(1), nn.LogSoftmax(1), nn.Dropout()])
def test_a_softmax_may_follow_the_head(last):
    module = seq(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3), last)
    assert head_place(made_model(module), made_data(4)) == Place("2", "1")


def test_unknown_layers_and_heads_of_another_width_are_refused(one_line):
    model, data = made_model(IMAGES["small-cnn"]()), made_data(3, 8, 8)
    with pytest.raises(UnknownNameError) as caught:
        with_head(model, data, made_head("stage1.relu7", Pooling(), 4))
    one_line(caught, "stage1.relu7", "stage1.relu1")
    with pytest.raises(UsageError) as caught:
        with_head(model, data, made_head("average", Pooling(), 5))
    one_line(caught, "average", 5, 16)


def test_gradients_reach_what_lies_before_the_cut_and_nothing_else():
    model, data = made_model(IMAGES["small-cnn"]()), made_data(3, 8, 8)
    layer = "stage2.relu1"
    width = captured(model, data, Pooling(), (layer,))[layer].shape[1]
    network = with_head(model, data, made_head(layer, Pooling(), width)).module
    network(torch.from_numpy(data.test.inputs(np.arange(4)))).sum().backward()
    reached = {name for name, p in network.named_parameters() if p.grad is not None}
    assert {"head.weight", "base.stage1.conv1.weight"} <= reached
    assert not any(name.startswith("base.stage3") for name in reached)
