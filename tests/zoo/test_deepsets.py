"""DeepSets: equal to its definition, and blind to edges."""

import torch
from graph_tasks import last_loss_and_variance

from repprobe import zoo
from repprobe.checkpoints import load_model


def test_it_computes_its_definition():
    network = zoo.build("deepsets", num_classes=2, in_features=3, hidden=5)
    x, batch = torch.randn(7, 3), torch.tensor([0, 0, 0, 1, 1, 2, 2])

    def perceptron(layers, x):
        for i in (1, 2, 3):
            linear = getattr(layers, f"linear{i}")
            x = (x @ linear.weight.T + linear.bias).clamp(min=0)
        return x

    nodes = perceptron(network.node, x)
    pooled = torch.stack([nodes[batch == graph].max(0).values for graph in range(3)])
    expected = perceptron(network.set, pooled) @ network.output.weight.T + network.output.bias
    assert torch.allclose(network(x, None, batch), expected, atol=1e-6)
    assert torch.equal(network(x, torch.tensor([[0], [1]]), batch), network(x, None, batch, 3))


def test_parameters_at_full_size():
    h = 128
    of_nodes = (1 * h + h) + (h * h + h) + (h * h + h)
    of_the_set = (h * h + h) + (h * h + h) + (h * h + h)
    read_out = h + 1
    network = zoo.build("deepsets")
    assert sum(p.numel() for p in network.parameters()) == of_nodes + of_the_set + read_out


def test_a_bare_state_dict_is_recognized(tmp_path):
    network = zoo.build("deepsets", hidden=6, in_features=2, num_classes=4)
    torch.save(network.state_dict(), tmp_path / "bare.pt")
    model = load_model(tmp_path / "bare.pt")
    assert model.architecture == "zoo:deepsets"
    x, batch = torch.randn(5, 2), torch.tensor([0, 0, 1, 1, 1])
    assert torch.equal(model.module(x, None, batch), network(x, None, batch))


def test_it_learns_the_maximum_feature():
    loss, variance = last_loss_and_variance("deepsets", "max-feature", epochs=8)
    assert loss < 0.1 * variance
