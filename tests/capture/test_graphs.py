"""Features of graph networks, against plain hooks and torch-geometric's own pooling."""

import numpy as np
import pytest
import torch
from torch import nn
from torch_geometric.nn import GCNConv

from repprobe.capture import capture, list_layers, stream
from repprobe.capture.batching import batch_size, example_bytes
from repprobe.capture.inputs import Inputs
from repprobe.capture.trace import trace
from repprobe.data.dataset import SubsetPart

from .conftest import make_model
from .graph_networks import (
    BASIC,
    POOLS,
    Aggregated,
    EdgeRound,
    Pooled,
    TakesBatch,
    TakesData,
    graph_data,
    node_data,
)
from .hooked import expected, run
from .test_streaming import Collector

NETWORKS = {
    **BASIC,
    **{f"Pooled-{mode}": lambda mode=mode: Pooled(mode) for mode in POOLS},
    **{f"Aggregated-{mode}": lambda mode=mode: Aggregated(mode) for mode in POOLS},
    "TakesData": TakesData,
    "TakesBatch": TakesBatch,
}


@pytest.mark.parametrize("network", list(NETWORKS))
@pytest.mark.parametrize("pool", ["auto", "mean", "max", "sum"])
def test_features_are_what_plain_hooks_and_global_pooling_give(network, pool):
    net, data = NETWORKS[network](), graph_data(empty=True)
    features = run(net, data, layers=["*"], pool=pool, batch_size=7)
    mode = network.partition("-")[2] or ("sum" if network.startswith("Takes") else "mean")
    mode = mode if pool == "auto" else pool
    assert set(features.skipped.values()) <= {"the network does not call it"}
    assert len(features) == 45
    for name in features:
        if not name.endswith(".input"):
            np.testing.assert_allclose(
                features[name], expected(net, data, name, mode), atol=5e-6, rtol=1e-5
            )


@pytest.mark.parametrize("network", ["Pooled-max", "Aggregated-sum", "TakesData"])
def test_the_networks_own_answer_is_one_row_per_graph(network):
    net, data = NETWORKS[network](), graph_data()
    features = run(net, data, batch_size=4)
    np.testing.assert_allclose(features.output, expected(net, data, "output", ""), atol=1e-6)
    assert features.notes == ()


def test_answers_for_nodes_are_none_for_graphs():
    assert run(BASIC["GCN"](), graph_data()).output is None


def test_rows_may_be_chosen_and_parts_be_subsets():
    net, data = Pooled("max"), graph_data()
    rows = np.array([2, 3, 11, 25])
    chosen = run(net, data, train_rows=rows, test_rows=np.array([4]))
    part = type(data)(**{**vars(data), "train": SubsetPart(data.train, rows)})
    subset = run(net, part, test_rows=np.array([4]))
    whole = run(net, data)
    for name in whole:
        np.testing.assert_allclose(chosen[name], whole[name][[*rows, 34]], atol=1e-6)
        np.testing.assert_allclose(subset[name], chosen[name], atol=1e-6)


def test_a_single_graph_can_be_probed():
    features = run(Pooled("max"), graph_data(), train_rows=np.array([3]), test_rows=np.arange(0))
    assert len(features) == 1


def test_a_sink_is_given_the_same():
    net, data, sink = Pooled("sum"), graph_data(), Collector()
    stream(make_model(net), data, sink=sink, train_rows=np.arange(30), batch_size=8)
    features = run(net, data, batch_size=8)
    for name in features:
        np.testing.assert_array_equal(sink.array(name), features[name])


def defaults(net, data):
    return [row.name for row in list_layers(make_model(net), data) if row.default]


def test_default_layers_are_rounds_and_the_pooled_representation():
    data = graph_data()
    assert defaults(Pooled("max"), data) == ["conv1", "conv2", "linear.input", "linear"]
    assert defaults(Aggregated("sum"), data) == ["conv", "edges", "readout", "linear"]


def test_default_layers_of_the_papers_network():
    from repprobe.zoo.gnn import MaxSumGNN

    assert defaults(MaxSumGNN(3, 4, 8), graph_data()) == [
        "round1",
        "round2",
        "node.relu1",
        "node.relu2",
        "node.relu3",
        "pool",
        "output_0",
    ]


@pytest.mark.parametrize(
    ("network", "names"),
    [
        ("GCN", ["act", "act_1", "convs.2"]),
        ("GraphSAGE", ["act", "convs.1"]),
        ("GIN", ["act_1", "act_3", "act_5", "jk", "lin"]),  # its perceptrons call `act` as well
        ("GAT", ["act", "jk", "lin"]),
    ],
)
def test_default_layers_of_torch_geometrics_networks(network, names):
    assert defaults(BASIC[network](), node_data()) == names


def test_what_is_said_about_pooling():
    data = graph_data()
    (note,) = run(BASIC["GCN"](), data).notes
    assert "does not show how it pools nodes" in note
    assert "by their mean; give --pool max or sum" in note
    assert run(BASIC["GCN"](), data, pool="sum").notes == ()
    assert run(Pooled("max"), data).notes == ()
    (note,) = run(Pooled("max"), data, pool="grid").notes
    assert note.startswith("--pool grid is not for nodes and edges")
    assert run(BASIC["GCN"](), node_data()).notes == ()


def test_nan_that_a_maximum_hides_is_counted():
    data = graph_data()
    data.train.x[data.train.starts[4]] = np.nan
    data.train.x[data.train.starts[9] + 1] = -np.inf
    features = run(Nodewise(), data, layers=["first"], pool="max")
    assert features.non_finite["first"] == 2
    assert features.non_finite["input"] == 2


class Nodewise(nn.Module):
    """Each node for itself, then a maximum that lets negative infinity go."""

    def __init__(self):
        super().__init__()
        self.first, self.linear = nn.LeakyReLU(), nn.Linear(4, 3)

    def forward(self, x, batch, edge_index=None):
        return self.linear(POOLS["max"](self.first(x), batch))


def test_measuring_leaves_a_graph_network_as_it_was():
    net, data = BASIC["GCN"](), graph_data()
    model = make_model(net)
    net.train()
    before = {key: value.clone() for key, value in net.state_dict().items()}
    keys = {name: set(vars(module)) for name, module in net.named_modules()}
    state = torch.get_rng_state()
    capture(model, data, train_rows=np.arange(30), layers=["*"])
    assert torch.equal(state, torch.get_rng_state())
    assert all(module.training for module in net.modules())
    for key, value in net.state_dict().items():
        assert torch.equal(value, before[key])
    assert {name: set(vars(module)) for name, module in net.named_modules()} == keys


@pytest.mark.parametrize("network", ["Pooled-max", "Aggregated-sum", "TakesData", "GraphSAGE"])
def test_half_precision(network):
    net, data = NETWORKS[network](), graph_data()
    exact, half = (run(net, data, dtype=dtype) for dtype in ("float32", "bfloat16"))
    assert half.notes == exact.notes
    assert half.layers == exact.layers
    for name in exact:
        scale = np.abs(exact[name]).max()
        np.testing.assert_allclose(half[name], exact[name], atol=0.15 * scale)


def test_nodes_may_be_whole_numbers_that_are_looked_up():
    class Atoms(nn.Module):
        def __init__(self):
            super().__init__()
            self.kinds, self.conv = nn.Embedding(7, 8), GCNConv(8, 8)
            self.linear = nn.Linear(8, 3)

        def forward(self, x, edge_index, batch):
            x = self.conv(self.kinds(x[:, 0]), edge_index)
            return self.linear(POOLS["sum"](x, batch))

    data = graph_data()
    for part in (data.train, data.test):
        part.x[:] = np.arange(part.x.size).reshape(part.x.shape) % 7
    features = run(Atoms(), data, layers=["kinds", "conv"])
    assert features["kinds"].shape == (45, 8)
    totals = [part.inputs(np.array([0])).x.sum(0) for part in (data.train, data.test)]
    np.testing.assert_allclose(features["input"][[0, 30]], totals)


def test_a_network_of_half_precision_takes_graphs():
    features = run(Pooled("max").bfloat16(), graph_data())
    assert np.isfinite(features["conv2"]).all()


def test_memory_is_estimated_from_the_nodes_and_edges_of_a_graph():
    data, model = graph_data(), make_model(EdgeRound(4, 50))
    inputs = Inputs.of(model, data, np.arange(30), None)
    run = trace(model.module, inputs.prepared(inputs.few(3), model.module))
    nodes, edges = inputs.rows["node"], inputs.rows["edge"]
    # inside mlp.1: the nodes' features, both ends of each edge, and twice the hidden values
    expected = 4 * nodes + (8 + 2 * 50) * edges
    assert example_bytes(run, inputs.rows) == pytest.approx(2 * 4 * expected, rel=1e-3)
    assert batch_size(run, torch.device("cpu"), {"example": 1, "node": 3000, "edge": 9000}) == 8
    assert batch_size(run, torch.device("cpu"), {"example": 1, "node": 10, "edge": 50}) == 1024


def test_batches_of_graphs_are_lowered_to_stay_within_memory():
    net, data, sizes = Pooled("max").eval(), graph_data(), []
    inputs = Inputs.of(make_model(net), data, np.arange(30), None)
    each = example_bytes(trace(net, inputs.prepared(inputs.few(3), net)), inputs.rows)
    net.register_forward_hook(lambda m, a, out: sizes.append(len(out)))
    (note,) = run(net, data, batch_size=16, memory_bytes=5 * each).notes
    assert max(sizes[3:]) == 4
    assert note.startswith("batches of 16 examples would take about")


def test_features_kept_on_disk_are_found_again(tmp_path):
    net, data, calls = Pooled("sum"), graph_data(), []
    first = run(net, data, cache_dir=tmp_path)
    net.register_forward_hook(lambda *_: calls.append(1))
    assert run(net, data, cache_dir=tmp_path).layers == first.layers
    assert calls == []
    run(net, data, cache_dir=tmp_path, pool="max")
    assert calls
