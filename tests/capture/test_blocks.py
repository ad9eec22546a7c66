"""The blocks of a network: every entry of its state dict in exactly one."""

import pytest
import torch
import torchvision
from torch import nn
from torch.nn.utils import parametrizations

from repprobe.capture import list_layers
from repprobe.capture.blocks import blocks
from repprobe.data import load_data
from repprobe.errors import RepprobeError
from repprobe.training import architecture
from repprobe.zoo import registry

from .conftest import make_data, make_model


def found(net, *shape):
    """Return the blocks, having checked what holds of all of them."""
    return checked(make_model(net), make_data(*shape))


def checked(model, data):
    parts = blocks(model, data)
    keys = [key for block in parts.values() for key in block]
    assert sorted(keys) == sorted(model.module.state_dict())
    assert list(parts) == [layer.name for layer in list_layers(model, data) if layer.default]
    return parts


def prefixes(parts):
    return [sorted({key.rpartition(".")[0] for key in block}) for block in parts.values()]


def test_small_cnn():
    parts = found(registry.build("small-cnn", width=2), 1, 8, 8)
    stages = [(f"stage{s}.conv{i}", f"stage{s}.bn{i}") for s in (1, 2, 3) for i in (1, 2)]
    assert prefixes(parts) == [sorted(stage) for stage in stages] + [[], ["linear"]]
    assert parts["linear"] == ("linear.weight", "linear.bias")
    assert "stage1.bn1.running_mean" in parts["stage1.relu1"]


def test_cnn9():
    parts = found(registry.build("cnn9", width=0.02), 3, 28, 28)
    assert prefixes(parts) == [[f"bn{i}", f"c{i}"] for i in range(1, 10)] + [["l_c1"]]


def test_mlp():
    parts = found(registry.build("mlp", in_features=12, num_classes=3), 12)
    assert prefixes(parts) == [["linear1"], ["linear2"], ["linear3"], ["output"]]


@pytest.mark.parametrize(
    ("name", "arguments", "head"),
    [("cifar-resnet", {"depth": 8}, "linear"), ("preact-resnet18", {}, "linear")],
)
def test_residual_networks_of_the_zoo(name, arguments, head):
    parts = found(registry.build(name, **arguments), 3, 32, 32)
    for layer, block in parts.items():
        if layer.startswith("layer"):
            assert block
            assert all(key.startswith(f"{layer}.") for key in block)
    assert next(iter(parts.values()))[0] == "conv1.weight"
    assert parts[head] == (f"{head}.weight", f"{head}.bias")


def test_torchvision_resnet18():
    parts = found(torchvision.models.resnet18(), 3, 64, 64)
    blocks_of = [[f"layer{s}.{b}"] for s in (1, 2, 3, 4) for b in (0, 1)]
    inner = [sorted({".".join(k.split(".")[:2]) for k in block}) for block in parts.values()]
    assert inner[1:9] == blocks_of
    assert prefixes(parts)[0] == ["bn1", "conv1"]
    assert (parts["avgpool"], parts["fc"]) == ((), ("fc.weight", "fc.bias"))


def test_a_vision_transformer():
    net = torchvision.models.vit_b_16(image_size=32).eval()
    parts = found(net, 3, 32, 32)
    assert parts["conv_proj"] == ("class_token", "conv_proj.weight", "conv_proj.bias")
    first = parts["encoder.layers.encoder_layer_0"]
    assert first[0] == "encoder.pos_embedding"
    assert "encoder.layers.encoder_layer_0.self_attention.out_proj.weight" in first
    assert prefixes(parts)[-2:] == [["encoder.ln"], ["heads.head"]]


@pytest.mark.parametrize(
    ("arch", "arguments"),
    [
        ("max-sum-gnn", {"hidden": 4}),
        ("max-max-gnn", {"hidden": 4, "rounds": 3}),
        ("deepsets", {"hidden": 4}),
    ],
)
def test_networks_for_graphs(arch, arguments):
    data = load_data("max-degree:20")
    name, settled = architecture.settle(arch, arguments, data)
    parts = checked(make_model(architecture.fresh(name, settled, 0)), data)
    assert [key.partition(".")[0] for key in list(parts.values())[-1]] == ["output", "output"]
    order = [key.partition(".")[0] for block in parts.values() for key in block]
    expected = ["node", "set"] if arch == "deepsets" else ["round1", "round2"]
    assert [name for name in dict.fromkeys(order) if name in expected] == expected


def test_the_bias_of_a_round_of_messages_that_makes_the_answer():
    """It belongs to the round, not to what the round is given."""
    from torch_geometric.nn import GCNConv

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.second = GCNConv(1, 4), GCNConv(4, 1)

        def forward(self, x, edge_index, batch):
            x = self.second(self.first(x, edge_index).relu(), edge_index)
            return torch.zeros(int(batch.max()) + 1, 1).index_add_(0, batch, x)

    parts = checked(make_model(Net()), load_data("max-degree:20"))
    assert list(parts.values())[-1] == ("second.bias", "second.lin.weight")


class Tied(nn.Module):
    """A decoder that takes the encoder's weight, a layer that runs twice, and one never called."""

    def __init__(self):
        super().__init__()
        self.encoder = nn.Linear(6, 6)
        self.twice = nn.Linear(6, 6)
        self.decoder = nn.Linear(6, 6)
        self.decoder.weight = self.encoder.weight
        self.head = parametrizations.weight_norm(nn.Linear(6, 3))
        self.unused = nn.Linear(2, 2)
        self.again = self.encoder

    def forward(self, x):
        x = torch.relu(self.encoder(x))
        x = torch.relu(self.twice(x))
        x = torch.relu(self.decoder(x))
        return self.head(torch.relu(self.twice(x)))


def test_tied_weights_are_in_one_block():
    parts = found(Tied(), 6)
    of = {key: layer for layer, block in parts.items() for key in block}
    assert of["encoder.weight"] == of["decoder.weight"] == of["again.weight"] == of["again.bias"]
    assert of["decoder.bias"] != of["decoder.weight"]


def test_what_runs_twice_is_in_its_first_block():
    parts = found(Tied(), 6)
    of = {key: layer for layer, block in parts.items() for key in block}
    order = list(parts)
    assert order.index(of["twice.weight"]) < order.index(of["decoder.bias"])


def test_parametrizations_and_modules_that_are_not_called():
    parts = found(Tied(), 6)
    assert set(list(parts.values())[-1]) == {
        "head.bias",
        "head.parametrizations.weight.original0",
        "head.parametrizations.weight.original1",
    }
    assert "unused.weight" in next(iter(parts.values()))


def test_names_are_those_of_the_wrapped_network():
    net = nn.DataParallel(nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 3)))
    parts = found(net, 4)
    assert list(parts.values()) == [
        ("module.0.weight", "module.0.bias"),
        ("module.2.weight", "module.2.bias"),
    ]


def test_a_network_that_does_not_fit_the_data(one_line):
    with pytest.raises(RepprobeError) as caught:
        blocks(make_model(nn.Linear(5, 3)), make_data(4))
    one_line(caught)


def test_the_network_is_left_as_it_was():
    net = registry.build("small-cnn", width=2).train()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    model = make_model(net)
    net.train()
    state = torch.get_rng_state()
    blocks(model, make_data(1, 8, 8))
    assert net.training
    assert torch.equal(state, torch.get_rng_state())
    assert all(torch.equal(before[key], value) for key, value in net.state_dict().items())
