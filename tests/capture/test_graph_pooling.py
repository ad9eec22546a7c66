"""Rows of nodes and edges become rows of graphs, as torch-geometric's pooling makes them."""

import numpy as np
import pytest
import torch

from repprobe.capture.graph_pooling import Grouping
from repprobe.capture.layer import Layer
from repprobe.capture.pooling import Pooling
from repprobe.checkpoints.preprocessing import Preprocessing
from repprobe.feeding import Fed

from .graph_networks import POOLS, graph_part, node_data

NONE = Preprocessing.parse("none")


def batch_of(part, rows):
    return Fed.of(part.inputs(np.asarray(rows)), NONE, 1.0)


def layer(level, shape, own=None):
    known = {"level": level, "own_pooling": own}
    return Layer("l", "l", 0, (), "output", "L", shape, "float32", "vector", 0, 1, "", **known)


@pytest.mark.parametrize("mode", list(POOLS))
@pytest.mark.parametrize("level", ["node", "edge"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_rows_of_a_graph_are_pooled_as_torch_geometric_does(mode, level, dtype):
    batch = batch_of(graph_part(12, 0, empty=True), range(12))
    graph = batch.graph if level == "node" else batch.graph[batch.edges[1]]
    rows = torch.randn(len(graph), 7).to(dtype)
    expected = POOLS[mode](rows.float(), graph, 12)
    torch.testing.assert_close(Grouping(batch).pool(rows, level, mode), expected)


@pytest.mark.parametrize("mode", list(POOLS))
def test_a_graph_without_edges_gives_zeros(mode):
    batch = batch_of(graph_part(6, 0, empty=True), range(6))
    pooled = Grouping(batch).pool(torch.randn(batch.edges.shape[1], 3) - 9, "edge", mode)
    assert (pooled == 0).all(1).tolist() == [False, True, False, False, True, False]
    none = batch_of(graph_part(6, 0, empty=True), [1, 4])
    assert Grouping(none).pool(torch.randn(0, 3), "edge", mode).tolist() == [[0, 0, 0]] * 2


def test_the_examples_that_hold_a_marked_row():
    batch = batch_of(graph_part(5, 0), range(5))
    marked = torch.zeros(len(batch.x), dtype=torch.bool)
    marked[batch.graph.tolist().index(3)] = True
    assert Grouping(batch).holding(marked, "node").tolist() == [False, False, False, True, False]


def test_nodes_that_are_examples_are_picked():
    data = node_data()
    batch = batch_of(data.train, [1, 5, 7])
    rows = torch.randn(60, 4)
    expected = rows[data.train.nodes[[1, 5, 7]]]
    assert torch.equal(Grouping(batch).pool(rows, "node", "max"), expected)


@pytest.mark.parametrize(
    ("asked", "own", "mode"),
    [
        ("auto", "max", "max"),
        ("auto", None, "mean"),
        ("sum", "max", "sum"),
        ("mean", "sum", "mean"),
        ("grid", "sum", "sum"),
        ("none", None, "mean"),
        ("cls", "max", "max"),
    ],
)
def test_which_pooling_a_layer_of_nodes_gets(asked, own, mode):
    batch = batch_of(graph_part(8, 0), range(8))
    rows = torch.randn(len(batch.x), 2, 3)
    pooler = Pooling(asked).plan_layer(layer("node", (2, 3), own))
    expected = POOLS[mode](rows.flatten(1), batch.graph, 8)
    torch.testing.assert_close(pooler(rows, Grouping(batch)), expected)
    assert pooler.partial == (mode == "max")


def test_what_is_too_wide_is_projected_after_pooling():
    batch = batch_of(graph_part(8, 0), range(8))
    rows = torch.randn(len(batch.x), 50)
    pooler = Pooling("sum", width=20, seed=3).plan_layer(layer("node", (50,)))
    pooled = POOLS["sum"](rows, batch.graph, 8)
    expected = Pooling("auto", width=20, seed=3).plan((50,), "vector")(pooled)
    torch.testing.assert_close(pooler(rows, Grouping(batch)), expected)
    assert Pooling("none", width=20).plan_layer(layer("node", (50,))).width == 50
