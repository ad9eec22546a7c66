"""One graph whose nodes are the examples."""

import numpy as np
import pytest
import torch
from torch import nn
from torch_geometric.nn import MLP, GCNConv

from repprobe.errors import CaptureError
from repprobe.feeding import Fed

from .conftest import make_model
from .graph_networks import BASIC, node_data
from .hooked import expected, run


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


def test_a_network_of_the_nodes_alone():
    net, data = MLP([4, 8, 3]), node_data()
    features = run(net, data)
    with torch.inference_mode():
        expected = net.eval()(torch.from_numpy(data.test.inputs(np.arange(20)).x))
    np.testing.assert_allclose(
        features.output[features.train_count :], expected[data.test.nodes], atol=1e-6
    )


def test_a_single_round_can_be_the_network():
    features = run(GCNConv(4, 3), node_data())
    assert features.layers == ("input", "lin")
    assert features.output.shape == (60, 3)
