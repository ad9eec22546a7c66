"""Training on graphs, and on the nodes of one."""

import numpy as np
import pytest
import torch

from repprobe.checkpoints import load_model
from repprobe.data import Data, Graphs, load_data
from repprobe.errors import UsageError
from repprobe.feeding import Fed
from repprobe.training import train


@pytest.fixture
def degrees(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return load_data("max-degree:60")


def test_regression_on_graphs(tmp_path, degrees):
    run = train(
        *("max-sum-gnn", degrees),
        out=tmp_path / "a.pt",
        noise="gaussian:10,15:0.5",
        epochs=2,
        arch_args={"hidden": 8},
    )
    first, last = run.history
    assert last["loss"] < first["loss"]
    assert last["memorized" if "memorized" in last else "test"] > 0
    model = load_model(run.path)
    assert model.arguments["num_classes"] == 1
    rows = np.arange(len(degrees.test))
    fed = Fed.of(degrees.test.inputs(rows), model.preprocessing, degrees.unit)
    with torch.no_grad():
        predicted = fed.run(model.module)[:, 0].double().numpy()
    truth = degrees.test.labels
    mape = 100 * np.abs((predicted - truth) / truth).mean()
    assert last["test"] == pytest.approx(mape, rel=1e-4)
    stored = torch.load(run.path, weights_only=True)
    assert stored["noisy_labels"].dtype == torch.float32
    assert stored["preprocess"] == "none"
    assert (stored["noisy_labels"].numpy() != degrees.train.labels).mean() == run.noise.rate


def test_what_graphs_cannot_do(tmp_path, degrees, one_line):
    classes = Data(
        "sizes", _classes(degrees), _classes(degrees), "classification", ("a", "b"), 1.0, "f"
    )
    with pytest.raises(UsageError) as caught:
        train("max-sum-gnn", classes, out=tmp_path / "a.pt", method="mixup")
    one_line(caught, "mixup", "graphs")
    with pytest.raises(UsageError) as caught:
        train("max-sum-gnn", classes, out=tmp_path / "a.pt", augment=True)
    one_line(caught, "sizes", "no images")
    with pytest.raises(UsageError) as caught:
        train("small-cnn", classes, out=tmp_path / "a.pt")
    one_line(caught, "zoo:small-cnn cannot be run on 'sizes', which holds graphs.")


def test_networks_with_a_row_per_node_are_not_for_whole_graphs(tmp_path, degrees, one_line):
    with pytest.raises(UsageError) as caught:
        train("pyg:GIN", degrees, out=tmp_path / "a.pt")
    one_line(caught, "pyg:GIN", "one row per node", "file.py:function", "read-out")
    assert not (tmp_path / "a.pt").exists()


def test_classes_of_graphs(tmp_path, degrees):
    part = _classes(degrees)
    data = Data("sizes", part, part, "classification", ("a", "b"), 1.0, "f")
    run = train("deepsets", data, out=tmp_path / "a.pt", noise="symmetric:0.2", epochs=1)
    assert 0 <= run.history[-1]["test"] <= 1
    assert run.settings["augment"] is False


class _classes:
    """Graphs with two classes in place of their targets."""

    whole = False

    def __init__(self, data):
        self.part = data.train
        self.labels = (data.train.labels > np.median(data.train.labels)).astype(np.int64)
        self.labels[:2] = (0, 1)

    def __len__(self):
        return len(self.labels)

    def inputs(self, indices):
        return self.part.inputs(indices)


class Nodes:
    """Some nodes of a ring, whose features tell their class."""

    whole = True

    def __init__(self, nodes, count=40):
        self.nodes, self.labels = nodes, nodes // (count // 2)
        around = np.arange(count)
        self.edges = np.stack([around, (around + 1) % count])
        self.x = np.eye(2, dtype=np.float32)[around // (count // 2)]

    def __len__(self):
        return len(self.nodes)

    def inputs(self, indices):
        graph = np.zeros(len(self.x), np.int64)
        nodes = self.nodes[indices]
        return Graphs(self.x, self.edges, graph, len(nodes), nodes)


NODE_NETWORK = """
from torch import nn
from torch_geometric.nn import GCNConv

class Network(nn.Module):
    def __init__(self, in_channels, num_classes):
        super().__init__()
        self.conv = GCNConv(in_channels, num_classes)

    def forward(self, x, edge_index):
        return self.conv(x, edge_index)
"""


def test_nodes_of_one_graph_are_trained_in_one_batch(tmp_path):
    (tmp_path / "net.py").write_text(NODE_NETWORK)
    train_part, test_part = Nodes(np.arange(0, 40, 2)), Nodes(np.arange(1, 40, 2))
    data = Data("ring", train_part, test_part, "classification", ("a", "b"), 1.0, "f")
    run = train(
        *(f"{tmp_path / 'net.py'}:Network", data),
        out=tmp_path / "a.pt",
        epochs=30,
        batch_size=4,
        learning_rate=0.1,
    )
    steps = torch.load(run.path, weights_only=True)["optimizers"][0]["state"][0]["step"]
    assert steps == 30
    assert run.history[-1]["test"] > 0.9
