"""What an axis counts is told apart, and graphs are chosen so that it can be."""

import numpy as np
import pytest
import torch

from repprobe.capture.examples import few, rows_per_example, without_last
from repprobe.capture.levels import row_counts
from repprobe.capture.trace import EXAMPLES, trace
from repprobe.checkpoints.preprocessing import Preprocessing
from repprobe.data.dataset import ArrayPart
from repprobe.data.graphs.parts import GraphPart, NodePart, starts_of
from repprobe.errors import CaptureError
from repprobe.feeding import Fed

from .graph_networks import (
    BASIC,
    POOLS,
    Aggregated,
    Odd,
    Pooled,
    TakesData,
    graph_data,
    graph_part,
    node_data,
)


def traced(net, data):
    raw = few(data.train, np.arange(len(data.train)), EXAMPLES)
    return trace(net.eval(), Fed.of(raw, Preprocessing.parse("none"), 1.0))


def by_name(run):
    return {layer.name: layer for layer in run.layers}


def counts(part, rows):
    """Return what `few` gives of the part: rows without the last example, and with it."""
    batch = Fed.of(few(part, rows, EXAMPLES), Preprocessing.parse("none"), 1.0)
    return row_counts(without_last(batch)), row_counts(batch)


def test_every_layer_of_a_network_has_its_level():
    run = traced(Aggregated("max"), graph_data())
    assert {name: (la.level, la.shape) for name, la in by_name(run).items()} == {
        "conv.aggr_module": ("node", (4,)),
        "conv.nn.0": ("node", (6,)),
        "conv.nn.1": ("node", (6,)),
        "conv.nn.2": ("node", (6,)),
        "conv.nn": ("node", (6,)),
        "conv": ("node", (6,)),
        "edges.mlp.0": ("edge", (5,)),
        "edges.mlp.1": ("edge", (5,)),
        "edges.mlp": ("edge", (5,)),
        "edges.aggr_module": ("node", (5,)),
        "edges": ("node", (5,)),
        "readout": ("example", (5,)),
        "linear": ("example", (3,)),
    }
    assert (run.source.level, run.source.shape) == ("node", (4,))
    assert not any(layer.reason for layer in run.layers)


def test_what_counts_nothing_is_left_out_with_its_reason():
    layers = by_name(traced(Odd(), graph_data()))
    assert layers["loops"].reason == "one axis counts neither examples, nodes nor edges"
    assert layers["pairs"].reason == "several axes change with the batch"
    assert layers["mean"].reason == "no axis counts the examples"
    assert (layers["turned"].level, layers["turned"].batch_axis) == ("node", 1)
    assert (layers["heads"].level, layers["heads"].shape) == ("node", (2, 5))
    assert layers["heads"].layout == "vector"


def test_where_nodes_are_examples_edges_and_graphs_are_left_out():
    layers = by_name(traced(Aggregated("max"), node_data()))
    assert layers["conv"].level == "node"
    assert layers["conv"].reason == ""
    assert layers["edges.mlp"].reason == "it is about edges, and the examples are nodes"
    assert layers["readout"].reason == "no axis counts the examples"


@pytest.mark.parametrize("mode", ["mean", "max", "sum"])
@pytest.mark.parametrize("network", [Pooled, TakesData, Aggregated])
def test_the_networks_own_pooling_is_found(network, mode):
    run = traced(network(mode), graph_data())
    found = {la.own_pooling for la in (run.source, *run.layers) if la.level != "example"}
    assert found == {mode}


def test_a_layer_that_is_pooled_otherwise_than_the_last_keeps_its_own():
    class Two(Pooled):
        def __init__(self):
            super().__init__("sum")
            self.skip = torch.nn.Linear(8, 3)

        def forward(self, x, edge_index, batch):
            x = self.conv1(x, edge_index)
            first = self.skip(POOLS["max"](x, batch))
            return first + self.linear(POOLS["sum"](self.conv2(x, edge_index), batch))

    layers = by_name(traced(Two(), graph_data()))
    assert layers["conv1"].own_pooling == "max"
    assert layers["conv2"].own_pooling == "sum"
    assert layers["conv1.lin"].own_pooling == "sum"


def test_no_pooling_is_found_where_there_is_none():
    run = traced(BASIC["GCN"](), graph_data())
    assert {layer.own_pooling for layer in run.layers} == {None}


def test_a_dead_network_tells_no_pooling():
    net = Pooled("max")
    for parameter in net.parameters():
        torch.nn.init.zeros_(parameter)
    assert by_name(traced(net, graph_data()))["conv2"].own_pooling is None


def ring(size, count, mirrored=False):
    """Return directed rings, in which there are as many edges as nodes."""
    edges = np.stack([np.arange(size), np.roll(np.arange(size), -1)])
    return GraphPart(
        np.ones((size * count, 4), np.float32),
        starts_of(np.full(count, size)),
        np.tile(edges, count),
        starts_of(np.full(count, size)),
        np.arange(count) % 3,
        mirrored=mirrored,
    )


@pytest.mark.parametrize(
    "part", [graph_part(20, 0), graph_part(20, 1, empty=True), ring(3, 20, True), ring(7, 1, True)]
)
def test_numbers_of_graphs_nodes_and_edges_differ(part):
    for start in range(max(1, len(part) - 5)):
        fewer, more = counts(part, np.arange(start, len(part)))
        assert len(set(fewer.values())) == 3
        assert len(set(more.values())) == 3
        assert all(fewer[level] < more[level] for level in fewer)


def test_where_nodes_and_edges_never_differ_they_count_as_nodes():
    assert counts(ring(5, 20), np.arange(20))[1]["node"] == 60
    layers = by_name(traced(Aggregated("sum"), type("D", (), {"train": ring(5, 20)})))
    assert {layer.level for layer in layers.values()} == {"node", "example"}


@pytest.mark.parametrize("nodes", [4, 10, 60, 300])
def test_two_subgraphs_of_a_graph_differ_in_size(nodes):
    part = node_data(nodes).train
    fewer, more = counts(part, np.arange(len(part)))
    assert 0 < fewer["node"] < more["node"] <= 48
    assert fewer["node"] != fewer["edge"] < more["edge"] != more["node"]


def test_a_subgraph_keeps_what_belongs_together():
    rng = np.random.default_rng(0)
    edges = rng.integers(0, 30, (2, 90))
    ends = np.stack(edges).T.astype(np.float32)
    x = np.arange(30, dtype=np.float32)[:, None]
    part = NodePart(x, edges, np.arange(30), np.zeros(30, np.int64), ends)
    batch = Fed.of(few(part, np.arange(30), EXAMPLES), Preprocessing.parse("none"), 1.0)
    for fed in (batch, without_last(batch)):
        torch.testing.assert_close(fed.x[fed.edges[0], 0], fed.edge_features[:, 0])
        torch.testing.assert_close(fed.x[fed.edges[1], 0], fed.edge_features[:, 1])
        assert len(fed) == len(fed.x) == len(fed.nodes) == len(fed.graph)


def test_how_many_rows_an_example_has():
    small, large = ring(3, 100), ring(8, 100, True)
    both = [(small, np.arange(100)), (large, np.arange(0, 100, 2))]
    assert rows_per_example(both) == {"example": 1, "node": 8, "edge": 16}
    data = node_data(60)
    parts = [(data.train, np.arange(10)), (data.test, np.arange(20))]
    assert rows_per_example(parts) == {"example": 1, "node": 3, "edge": 9}


def test_few_arrays_start_over():
    part = ArrayPart(np.arange(4, dtype=np.float32)[:, None], np.zeros(4))
    assert few(part, np.array([1, 3]), 3)[:, 0].tolist() == [1, 3, 1]


def test_graphs_of_other_features_are_refused_in_one_line():
    with pytest.raises(CaptureError) as caught:
        traced(Pooled("max"), type("D", (), {"train": graph_part(9, 0, features=6)}))
    assert str(caught.value) == "the network takes 4 features per node, the data have 6."


def test_an_argument_that_nobody_gives_is_named():
    class Asks(torch.nn.Module):
        def forward(self, x, edge_index, pos):
            return x

    with pytest.raises(CaptureError, match="the network's forward asks for 'pos'"):
        traced(Asks(), graph_data())
