"""The max-sum and the max-max GNN: equal to their definition, one node and one edge at a time."""

import subprocess
import sys

import pytest
import torch
from graph_tasks import last_loss_and_variance
from torch import nn

from repprobe import zoo
from repprobe.checkpoints import load_model
from repprobe.errors import CheckpointError, UsageError

NAMES = ("max-sum-gnn", "max-max-gnn")


def two_graphs():
    """A path of three nodes with one apart, and a pair of nodes; three features each."""
    edges = torch.tensor([[0, 1, 1, 2, 4, 5], [1, 0, 2, 1, 5, 4]])
    return torch.randn(6, 3), edges, torch.tensor([0, 0, 0, 0, 1, 1])


def perceptron(layers, x):
    for i in (1, 2, 3):
        linear = getattr(layers, f"linear{i}")
        x = (linear.weight @ x + linear.bias).clamp(min=0)
    return x


@pytest.mark.parametrize("name", NAMES)
def test_it_computes_its_definition(name):
    network = zoo.build(name, num_classes=2, in_features=3, hidden=5)
    x, edges, batch = two_graphs()
    states = list(x)
    for layers in (network.round1.mlp, network.round2.mlp):
        gathered = []
        for node in range(6):
            messages = [
                perceptron(layers, torch.cat([states[node], states[source]]))
                for source, target in edges.T.tolist()
                if target == node
            ]
            stacked = torch.stack(messages) if messages else torch.zeros(1, 5)
            gathered.append(stacked.sum(0) if name == "max-sum-gnn" else stacked.max(0).values)
        states = gathered
    states = torch.stack([perceptron(network.node, state) for state in states])
    pooled = torch.stack([states[batch == graph].max(0).values for graph in (0, 1)])
    expected = pooled @ network.output.weight.T + network.output.bias
    assert torch.allclose(network(x, edges, batch), expected, atol=1e-6)


@pytest.mark.parametrize("name", NAMES)
def test_parameters_at_full_size(name):
    h = 128
    first_round = (2 * 1 * h + h) + (h * h + h) + (h * h + h)  # pairs of one feature each
    second_round = (2 * h * h + h) + (h * h + h) + (h * h + h)  # pairs of states
    node = (h * h + h) + (h * h + h) + (h * h + h)
    read_out = h + 1
    network = zoo.build(name)
    assert sum(p.numel() for p in network.parameters()) == (
        first_round + second_round + node + read_out
    )


@pytest.mark.parametrize("name", NAMES)
def test_nodes_without_neighbours_get_zero(name):
    network = zoo.build(name, in_features=3, hidden=5)
    no_edges = torch.zeros(2, 0, dtype=torch.int64)
    states = network.round1(torch.randn(4, 3), no_edges)
    assert torch.equal(states, torch.zeros(4, 5))
    assert network(torch.randn(4, 3), no_edges, torch.zeros(4, dtype=torch.int64)).isfinite().all()


@pytest.mark.parametrize("name", NAMES)
def test_graphs_of_a_batch_do_not_touch(name):
    network = zoo.build(name, in_features=3, hidden=5)
    x, edges, batch = two_graphs()
    alone = network(x[:4], edges[:, :4], batch[:4])
    assert torch.allclose(network(x, edges, batch)[:1], alone, atol=1e-6)
    assert torch.equal(network(x, edges, batch, 2), network(x, edges, batch))


def test_every_step_is_a_module():
    names = [name for name, m in zoo.build("max-sum-gnn").named_modules() if not list(m.children())]
    mlp = [f"{kind}{i}" for i in (1, 2, 3) for kind in ("linear", "relu")]
    assert sorted(names) == sorted(
        [f"round{r}.mlp.{step}" for r in (1, 2) for step in mlp]
        + [f"round{r}.aggr_module" for r in (1, 2)]
        + [f"node.{step}" for step in mlp]
        + ["pool", "output"]
    )


@pytest.mark.parametrize("rounds", [1, 3])
def test_rounds_are_counted_from_the_shapes(rounds):
    network = zoo.build("max-sum-gnn", rounds=rounds, hidden=4, in_features=2, num_classes=3)
    shapes = {key: tuple(value.shape) for key, value in network.state_dict().items()}
    guess = {"num_classes": 3, "in_features": 2, "hidden": 4, "rounds": rounds}
    assert zoo.guess_arguments("max-sum-gnn", shapes) == guess
    assert sum(isinstance(m, nn.Linear) for m in network.modules()) == 3 * rounds + 4


@pytest.mark.parametrize("name", ["hidden", "rounds", "in_features", "num_classes"])
def test_sizes_are_checked(name):
    with pytest.raises(UsageError, match=f"{name} must be a whole number above 0"):
        zoo.build("max-max-gnn", **{name: 0})


def test_a_bare_state_dict_does_not_tell_the_two_apart(tmp_path):
    network = zoo.build("max-max-gnn", hidden=4)
    torch.save(network.state_dict(), tmp_path / "bare.pt")
    with pytest.raises(CheckpointError, match=r"fits zoo:max-max-gnn and zoo:max-sum-gnn, which"):
        load_model(tmp_path / "bare.pt")
    model = load_model(tmp_path / "bare.pt", arch="zoo:max-max-gnn")
    assert type(model.module) is type(network)
    example = two_graphs()
    example = (example[0][:, :1], *example[1:])
    assert torch.equal(model.module(*example), network(*example))


def test_the_file_says_which_it_is(tmp_path):
    network = zoo.build("max-max-gnn", hidden=4)
    content = {"state_dict": network.state_dict(), "architecture": "zoo:max-max-gnn"}
    torch.save({**content, "arguments": {"hidden": 4}}, tmp_path / "net.pt")
    assert type(load_model(tmp_path / "net.pt").module) is type(network)


def test_shapes_are_guessed_without_torch_geometric():
    code = (
        "import sys; from repprobe import zoo\n"
        "for name in zoo.names(): zoo.guess_arguments(name, {'output.weight': (1, 2)})\n"
        "sys.exit('torch_geometric' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_max_sum_learns_the_maximum_degree():
    loss, variance = last_loss_and_variance("max-sum-gnn", "max-degree", epochs=7)
    assert loss < 0.4 * variance
