"""The graphs are what they are called: simple, connected, and of the right density."""

from itertools import pairwise

import numpy as np
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from repprobe.data.graphs.erdos_renyi import connected_graphs, maximum_degrees
from repprobe.data.graphs.parts import starts_of


def generator(seed=0):
    return np.random.Generator(np.random.PCG64(seed))


def test_every_graph_is_simple_and_connected():
    nodes = np.tile(np.arange(20, 40), 6)
    edges, starts = connected_graphs(nodes, np.repeat([0.1, 0.2, 0.5], 40), generator())
    for graph, n in enumerate(nodes):
        source, target = edges[:, starts[graph] : starts[graph + 1]].astype(int)
        assert (source < target).all() and target.max() < n
        assert len(set(zip(source.tolist(), target.tolist(), strict=True))) == len(source)
        matrix = coo_array((np.ones(len(source)), (source, target)), (n, n))
        assert connected_components(matrix, directed=False)[0] == 1


@pytest.mark.parametrize("p", [0.3, 0.5, 0.9])
def test_every_pair_is_joined_with_the_same_probability(p):
    nodes = np.full(3000, 20)
    edges, _ = connected_graphs(nodes, np.full(3000, p), generator(1))
    shares = np.zeros((20, 20))
    np.add.at(shares, tuple(edges), 1 / 3000)
    # The standard error of one share is at most 0.0092; disconnected ones are rare from p = 0.3.
    assert abs(shares[np.triu_indices(20, 1)] - p).max() < 4.5 * 0.0092
    assert abs(shares[np.triu_indices(20, 1)].mean() - p) < 0.005


def test_few_trees_among_the_connected_graphs_of_three_nodes():
    """Of the connected graphs of three nodes, p³ / (p³ + 3p²(1 − p)) have three edges."""
    nodes = np.full(20000, 3)
    _, starts = connected_graphs(nodes, np.full(20000, 0.2), generator(2))
    assert set(np.diff(starts)) == {2, 3}
    assert abs((np.diff(starts) == 3).mean() - 0.2 / (0.2 + 3 * 0.8)) < 0.008


def test_maximum_degrees_equal_those_counted_one_by_one():
    nodes = np.arange(2, 30)
    edges, starts = connected_graphs(nodes, np.full(28, 0.4), generator(3))
    counted = [np.bincount(edges[:, a:b].ravel()).max() for a, b in pairwise(starts)]
    assert maximum_degrees(edges, starts, starts_of(nodes)).tolist() == counted
