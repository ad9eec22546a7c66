"""Batches of graphs are put together right, from any rows in any order."""

import numpy as np
import pytest

from repprobe.data.dataset import SubsetPart
from repprobe.data.graphs.parts import GraphPart, NodePart, spans, starts_of


def three_graphs(mirrored=False, features=None):
    """A path of three nodes, a single node, and two nodes joined; mirrored or as they are."""
    return GraphPart(
        np.array([[1], [2], [3], [4], [5], [6]], np.uint8),
        starts_of(np.array([3, 1, 2])),
        np.array([[0, 1, 0], [1, 2, 1]], np.uint8),
        starts_of(np.array([2, 0, 1])),
        np.array([7.0, 8.0, 9.0]),
        mirrored,
        features,
    )


def test_a_batch_numbers_its_nodes_anew():
    batch = three_graphs().inputs(np.array([2, 1, 0]))
    assert batch.x.tolist() == [[5], [6], [4], [1], [2], [3]]
    assert batch.graph.tolist() == [0, 0, 1, 2, 2, 2]
    assert batch.edges.tolist() == [[0, 3, 4], [1, 4, 5]]
    assert (len(batch), batch.nodes, batch.edge_features) == (3, None, None)
    assert (batch.x.dtype, batch.edges.dtype, batch.graph.dtype) == (
        np.float32,
        np.int64,
        np.int64,
    )


def test_a_row_may_come_twice():
    batch = three_graphs().inputs(np.array([2, 2]))
    assert batch.edges.tolist() == [[0, 2], [1, 3]]


def test_mirrored_edges_go_both_ways_with_their_features():
    features = np.array([[0.5], [1.5], [2.5]], np.float32)
    batch = three_graphs(mirrored=True, features=features).inputs(np.array([1, 0]))
    assert batch.edges.tolist() == [[1, 2, 2, 3], [2, 1, 3, 2]]
    assert batch.edge_features.tolist() == [[0.5], [0.5], [1.5], [1.5]]


def test_no_rows_are_an_empty_batch():
    batch = three_graphs(mirrored=True).inputs(np.zeros(0, np.int64))
    assert (len(batch), batch.x.shape, batch.edges.shape) == (0, (0, 1), (2, 0))


def test_nodes_come_with_their_whole_graph():
    part = NodePart(
        np.arange(8, dtype=np.float32).reshape(4, 2),
        np.array([[0, 1], [1, 0]]),
        np.array([3, 1]),
        np.array([0, 1]),
    )
    batch = part.inputs(np.array([1, 0]))
    assert batch.nodes.tolist() == [1, 3]
    assert (len(batch), batch.x.shape, batch.graph.tolist()) == (2, (4, 2), [0, 0, 0, 0])
    assert part.whole
    assert SubsetPart(part, np.array([0])).whole
    assert not SubsetPart(three_graphs(), np.array([0])).whole


@pytest.mark.parametrize("seed", range(5))
def test_spans_are_the_concatenated_ranges(seed):
    random = np.random.default_rng(seed)
    starts = starts_of(random.integers(0, 4, 20).astype(np.uint8))
    chosen = random.integers(0, 20, 9)
    places, owner = spans(starts, chosen)
    expected = [(p, i) for i, c in enumerate(chosen) for p in range(starts[c], starts[c + 1])]
    assert list(zip(places.tolist(), owner.tolist(), strict=True)) == expected
