"""`repprobe.layers` from files to scores, on graphs and on nodes."""

import numpy as np
import pytest
import torch
from torch_geometric.nn import models

import repprobe
from repprobe.zoo import build

from .graph_networks import Pooled, graph_part, node_data


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def layers_of(run):
    return [row.layer for row in run.scores.leading()]


def test_the_papers_network_on_the_papers_task(tmp_path):
    torch.manual_seed(0)
    torch.save(build("max-sum-gnn", hidden=16).state_dict(), tmp_path / "net.pt")
    options = {"arch": "zoo:max-sum-gnn", "clean": 100, "out": tmp_path / "out"}
    run = repprobe.layers(tmp_path / "net.pt", "max-degree:150", **options)
    names = ["input", "round1", "round2", "node.relu1", "node.relu2", "node.relu3", "pool"]
    assert layers_of(run) == [*names, "output_0", "output"]
    found = {row.layer: row.value for row in run.scores.leading()}
    assert found["round1"] > 0.8  # the sum over neighbours counts them
    assert found["node.relu3"] == found["pool"]  # pooled as the network does
    assert run.info["models"][0]["notes"] == []
    assert (tmp_path / "out" / "heatmap.svg").stat().st_size > 0


def test_graphs_of_the_users_own_and_a_network_of_the_users_own(tmp_path):
    part = graph_part(60, 0)
    graphs = part.inputs(np.arange(60))
    arrays = {"x": graphs.x, "edge_index": graphs.edges, "batch": graphs.graph, "y": part.labels}
    np.savez(tmp_path / "graphs.npz", **arrays)
    run = repprobe.layers(Pooled("sum"), tmp_path / "graphs.npz", preprocess="none")
    assert layers_of(run) == ["input", "conv1", "conv2", "linear.input", "linear", "output"]
    streamed = repprobe.layers(Pooled("sum"), tmp_path / "graphs.npz", probe="ridge")
    assert layers_of(streamed) == layers_of(run)


@pytest.mark.parametrize("name", ["GCN", "GAT"])
def test_a_torch_geometric_network_on_the_nodes_of_a_graph(tmp_path, name):
    whole = node_data(90).train
    labels = (whole.x[:, 0] > 0).astype(np.int64)
    mask = np.arange(90) % 3 > 0
    arrays = {"x": whole.x, "edge_index": whole.edges, "y": labels, "train_mask": mask}
    np.savez(tmp_path / "nodes.npz", **arrays)
    net = getattr(models, name)(4, 8, 2, 2)
    torch.save(net.state_dict(), tmp_path / "net.pt")
    run = repprobe.layers(tmp_path / "net.pt", tmp_path / "nodes.npz", preprocess="none")
    assert run.info["models"][0]["architecture"] == f"pyg:{name}"
    assert layers_of(run) == ["input", "act", "convs.1", "output"]
    assert next(row.value for row in run.scores.leading()) > 0.8  # the input tells the class
