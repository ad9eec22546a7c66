"""Features of graph networks, against plain hooks and torch-geometric's own pooling."""

from collections import Counter

import numpy as np
import pytest
import torch
from torch import nn
from torch_geometric.nn import MLP, GCNConv

from repprobe.capture import capture, list_layers, stream
from repprobe.capture.batching import BATCH_SIZES, example_bytes
from repprobe.capture.inputs import Inputs
from repprobe.capture.trace import trace
from repprobe.data.dataset import SubsetPart
from repprobe.errors import CaptureError
from repprobe.feeding import Fed

from .conftest import make_model
from .graph_networks import (
    BASIC,
    POOLS,
    Aggregated,
    Pooled,
    TakesData,
    graph_data,
    node_data,
)
from .test_streaming import Collector

NETWORKS = {
    **BASIC,
    **{f"Pooled-{mode}": lambda mode=mode: Pooled(mode) for mode in POOLS},
    **{f"Aggregated-{mode}": lambda mode=mode: Aggregated(mode) for mode in POOLS},
    "TakesData": TakesData,
}


def run(net, data, **kwargs):
    return capture(make_model(net), data, **{"train_rows": np.arange(len(data.train)), **kwargs})


@torch.inference_mode()
def hooked(net, data):
    """Return the batch of each part as a whole, and name -> activation of plain hooks."""
    return [_hooked(net.eval(), part) for part in (data.train, data.test)]


def _hooked(net, part):
    batch = Fed.of(part.inputs(np.arange(len(part))), make_model(net).preprocessing, 1.0)
    seen: dict[str, torch.Tensor] = {"input": batch.x}

    calls: Counter[str] = Counter()

    def hook(name):
        def note(_module, _args, out):
            seen[f"{name}_{calls[name]}" if calls[name] else name] = out.clone()
            calls[name] += 1

        return note

    named = [(name, module) for name, module in net.named_modules() if name]
    handles = [module.register_forward_hook(hook(name)) for name, module in named]
    seen["output"] = batch.run(net)
    for handle in handles:
        handle.remove()
    return batch, seen


def expected(net, data, name, mode):
    """Return the features of a layer as plain hooks and global pooling give them."""
    rows = []
    for batch, seen in hooked(net, data):
        value = seen[name].flatten(1)
        if batch.nodes is not None:
            value = value[batch.nodes] if len(value) == len(batch.x) else value
        elif len(value) == len(batch.x):
            value = POOLS[mode](value, batch.graph, batch.count)
        elif len(value) == batch.edges.shape[1]:
            value = POOLS[mode](value, batch.graph[batch.edges[0]], batch.count)
        rows.append(value)
    return torch.cat(rows).numpy()


@pytest.mark.parametrize("network", list(NETWORKS))
@pytest.mark.parametrize("pool", ["auto", "mean", "max", "sum"])
def test_features_are_what_plain_hooks_and_global_pooling_give(network, pool):
    net, data = NETWORKS[network](), graph_data(empty=True)
    features = run(net, data, layers=["*"], pool=pool, batch_size=7)
    mode = network.partition("-")[2] or ("sum" if network == "TakesData" else "mean")
    mode = mode if pool == "auto" else pool
    assert set(features.skipped.values()) <= {"the network does not call it"}
    assert len(features) == 45
    for name in features:
        if not name.endswith(".input"):
            np.testing.assert_allclose(
                features[name], expected(net, data, name, mode), atol=5e-6, rtol=1e-5
            )


@pytest.mark.parametrize("network", list(BASIC))
def test_features_of_nodes_are_rows_of_what_plain_hooks_give(network):
    net, data = BASIC[network](), node_data()
    features = run(net, data, layers=["*"])
    assert set(features.skipped.values()) <= {"the network does not call it"}
    for name in features:
        if not name.endswith(".input"):
            np.testing.assert_allclose(
                features[name], expected(net, data, name, ""), atol=5e-6, rtol=1e-5
            )
    np.testing.assert_allclose(features.output, expected(net, data, "output", ""), atol=1e-6)


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


def test_where_nodes_are_examples_the_graph_stays_whole():
    net, data, sizes = BASIC["GCN"](), node_data(), []
    net.register_forward_hook(lambda m, a, out: sizes.append(len(out)))
    features = run(net, data, batch_size=5, memory_bytes=1)
    assert sizes[3:] == [60, 60]
    first, second = features.notes
    assert first == "the graph goes through the network whole, so --batch-size was not used."
    assert "more than --memory allows; it cannot be split" in second
    assert run(net, data).notes == ()


def test_a_graph_that_does_not_fit_is_an_error_at_once():
    class Greedy(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = GCNConv(4, 3)

        def forward(self, x, edge_index):
            if len(x) > 50:
                raise MemoryError
            return self.conv(x, edge_index)

    with pytest.raises(CaptureError, match="not enough memory for the graph, which goes"):
        run(Greedy(), node_data())


def test_a_cache_of_the_graph_is_neither_used_nor_changed():
    class Cached(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = GCNConv(4, 3, cached=True)

        def forward(self, x, edge_index):
            return self.conv(x, edge_index)

    net, data, other = Cached().eval(), node_data(60), node_data(90)
    fresh = run(net, data)
    assert net.conv._cached_edge_index is None
    Fed.of(other.train.inputs(np.arange(3)), make_model(net).preprocessing, 1.0).run(net)
    cached = net.conv._cached_edge_index
    again = run(net, data)
    np.testing.assert_array_equal(again["conv"], fresh["conv"])
    assert net.conv._cached_edge_index is cached
    assert net.conv.cached is True


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


def test_a_network_of_half_precision_takes_graphs():
    features = run(Pooled("max").bfloat16(), graph_data())
    assert np.isfinite(features["conv2"]).all()


def test_memory_is_estimated_from_the_nodes_and_edges_of_a_graph():
    data = graph_data()
    net = make_model(Aggregated("sum"))
    inputs = Inputs.of(net, data, np.arange(30), None)
    fed = inputs.prepared(inputs.few(3), net.module)
    found = example_bytes(trace(net.module, fed), inputs.rows)
    nodes, edges = inputs.rows["node"], inputs.rows["edge"]
    assert nodes > 3
    # inside edges.mlp.0: what it was given, what the round was given, and what it puts out
    assert found == pytest.approx(2 * 4 * (6 * nodes + (12 + 12 + 5) * edges), rel=0.35)
    large = run(net.module, data, memory_bytes=int(3 * found))
    assert any("memory" in note for note in large.notes) is False
    assert BATCH_SIZES[0] > 1


def test_a_perceptron_over_nodes():
    net, data = MLP([4, 8, 3]), node_data()
    batch = Fed.of(data.train.inputs(np.arange(5)), make_model(net).preprocessing, 1.0)
    features = run(Wrapped(net), data)
    with torch.inference_mode():
        whole = net.eval()(batch.x)[data.test.nodes]
    np.testing.assert_allclose(features.output[features.train_count :], whole, atol=1e-6)


class Wrapped(nn.Module):
    """Names its inputs, as networks for graphs do."""

    def __init__(self, inner):
        super().__init__()
        self.inner = inner

    def forward(self, x, edge_index):
        return self.inner(x)


def test_features_kept_on_disk_are_found_again(tmp_path):
    net, data, calls = Pooled("sum"), graph_data(), []
    first = run(net, data, cache_dir=tmp_path)
    net.register_forward_hook(lambda *_: calls.append(1))
    assert run(net, data, cache_dir=tmp_path).layers == first.layers
    assert calls == []
    run(net, data, cache_dir=tmp_path, pool="max")
    assert calls
