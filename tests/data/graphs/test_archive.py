"""Graphs in an `.npz`: graph tasks with `batch`, node tasks without, and what is refused."""

import numpy as np
import pytest

from repprobe.data import load_data
from repprobe.errors import DataError

NODES, EDGES = 24, 40


def graph_task(**changes):
    """Eight graphs of three nodes, each a path in both directions."""
    first = np.repeat(np.arange(0, NODES, 3), 4)
    steps = np.tile([[0, 1, 1, 2], [1, 0, 2, 1]], 8)
    arrays = {
        "x": np.arange(2 * NODES, dtype=np.float64).reshape(NODES, 2),
        "edge_index": first + steps,
        "y": np.tile([0, 1], 4),
        "batch": np.repeat(np.arange(8), 3),
    }
    return {k: v for k, v in {**arrays, **changes}.items() if v is not None}


def node_task(**changes):
    random = np.random.default_rng(0)
    arrays = {
        "x": random.random((NODES, 3)),
        "edge_index": random.integers(0, NODES, (2, EDGES)),
        "y": np.tile([0, 1, 2], 8),
    }
    return {k: v for k, v in {**arrays, **changes}.items() if v is not None}


def load(folder, arrays):
    np.savez(folder / "set.npz", **arrays)
    return load_data(folder / "set.npz")


def test_graphs_are_examples_where_there_is_a_batch(tmp_path):
    data = load(tmp_path, graph_task())
    assert (data.task, data.classes, data.input_shape) == ("classification", ("0", "1"), (2,))
    assert (len(data.train), len(data.test)) == (6, 2)
    row = data.test.rows[1]
    graph = data.test.inputs(np.array([1]))
    assert graph.x.tolist() == graph_task()["x"][3 * row : 3 * row + 3].tolist()
    assert graph.edges.tolist() == [[0, 1, 1, 2], [1, 0, 2, 1]]
    assert not data.test.whole


def test_edges_and_their_features_may_stand_in_any_order(tmp_path):
    arrays = graph_task(edge_attr=np.arange(32))
    order = np.random.default_rng(0).permutation(32)
    shuffled = {
        "edge_index": arrays["edge_index"][:, order],
        "edge_attr": arrays["edge_attr"][order],
    }
    part = load(tmp_path, {**arrays, **shuffled}).train.part
    graph = part.inputs(np.array([5]))
    found = dict(zip(zip(*graph.edges.tolist(), strict=True), graph.edge_features, strict=True))
    assert found == {(0, 1): [20], (1, 0): [21], (1, 2): [22], (2, 1): [23]}


def test_float_labels_are_targets(tmp_path):
    data = load(tmp_path, graph_task(y=np.linspace(0, 1, 8)))
    assert (data.task, data.train.labels.dtype) == ("regression", np.float64)


def test_nodes_are_examples_where_there_is_none(tmp_path):
    data = load(tmp_path, node_task(classes=np.array(["a", "b", "c"])))
    assert (data.classes, len(data.train), len(data.test)) == (("a", "b", "c"), 18, 6)
    assert data.train.whole and data.test.whole
    rows = np.array([2, 0])
    batch = data.test.inputs(rows)
    assert batch.nodes.tolist() == data.test.rows[rows].tolist()
    assert (batch.x.shape, batch.edges.shape, len(batch)) == ((NODES, 3), (2, EDGES), 2)
    assert data.test.labels[rows].tolist() == (batch.nodes % 3).tolist()


def test_masks_say_which_nodes_are_in_which_part(tmp_path):
    train, test = np.arange(NODES) < 9, np.arange(NODES) > 17
    labels = np.where(train | test, np.arange(NODES) % 3, -1)  # the others are not labelled
    data = load(tmp_path, node_task(train_mask=train, test_mask=test, y=labels))
    assert data.train.nodes.tolist() == list(range(9))
    assert data.test.nodes.tolist() == list(range(18, 24))
    assert data.notes == ()


@pytest.mark.parametrize("mask", ["train_mask", "test_mask"])
def test_one_mask_leaves_the_rest_to_the_other_part(tmp_path, mask):
    data = load(tmp_path, node_task(**{mask: np.arange(NODES) < 12}))
    parts = {"train_mask": data.train, "test_mask": data.test}
    assert parts.pop(mask).nodes.tolist() == list(range(12))
    assert parts.popitem()[1].nodes.tolist() == list(range(12, 24))


def test_one_number_for_a_node_is_a_column(tmp_path):
    data = load(tmp_path, graph_task(x=np.arange(NODES, dtype=np.uint8)))
    assert data.input_shape == (1,)
    assert data.train.inputs(np.arange(2)).x.dtype == np.float32


def test_the_fingerprint_is_of_the_file(tmp_path):
    first = load(tmp_path, graph_task()).fingerprint
    assert load(tmp_path, graph_task(edge_attr=np.ones(32))).fingerprint != first


def test_torch_geometrics_own_data_fit(tmp_path):
    from torch_geometric.datasets import KarateClub

    club = KarateClub()[0]
    arrays = {name: club[name].numpy() for name in ("x", "edge_index", "y", "train_mask")}
    arrays["train_mask"] = np.arange(34) % 2 == 0
    data = load(tmp_path, arrays)
    assert (data.input_shape, len(data.classes), len(data.train)) == ((34,), 4, 17)


def changed(name, at, value):
    values = graph_task()[name].copy()
    values[at] = value
    return {name: values}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"y": None}, r"has no array y; graphs need x, edge_index and y"),
        ({"x": None}, r"has no array x; graphs need"),
        ({"x": np.zeros((0, 2))}, r"batch of .* shape \(24,\); need integers of shape \(0,\)"),
        ({"x": np.zeros((24, 0))}, r"the features x of .* shape \(24, 0\); need numbers"),
        ({"x": np.zeros((NODES, 2, 2))}, r"the features x of .* are float64 of shape \(24, 2, 2\)"),
        ({"x": np.array(["a"] * NODES)}, r"the features x of .* are <U1"),
        (changed("x", (7, 1), np.nan), r"the features x of .* hold NaN or infinity at row 7"),
        (
            {"edge_index": np.zeros((32, 2), int)},
            r"edge_index of .* shape \(32, 2\); need .*\(2, E\)",
        ),
        ({"edge_index": np.zeros((2, 32))}, r"edge_index of .* is float64"),
        (
            changed("edge_index", (1, 5), 24),
            r"edge 5 of .* ends in node 24, but the 24 nodes are 0…",
        ),
        (changed("edge_index", (0, 3), -1), r"edge 3 of .* ends in node -1"),
        (changed("edge_index", (0, 3), 20), r"edge 3 of .* joins a node of graph 6 with one of g"),
        (changed("batch", 4, 0), r"do not count up from 0 \(node 4 is in graph 0\)"),
        (changed("batch", slice(9, None), 7), r"do not count up from 0 \(node 9 is in graph 7\)"),
        (changed("batch", slice(0, None), 1), r"do not count up from 0 \(node 0 is in graph 1\)"),
        ({"batch": np.zeros(3, int)}, r"batch of .* is int64 of shape \(3,\); need .* \(24,\)"),
        ({"y": np.array([0, 1, 0])}, r"has 8 graphs but 3 labels"),
        ({"edge_attr": np.ones((31, 2))}, r"has 32 edges but 31 edge_attr"),
        ({"train_mask": np.ones(24, bool)}, r"has train_mask, which is for nodes, and batch"),
        ({"batch": None}, r"has 24 nodes but 8 labels; if these are labels of graphs, store"),
        ({"y": np.array([0, -1] * 4)}, r"training label 1 of .* is -1"),
        ({"y": np.array([0, 1] * 4, object)}, r"never unpickled"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(tmp_path, changes, message):
    with pytest.raises(DataError, match=message) as caught:
        load(tmp_path, graph_task(**changes))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"train_mask": np.ones(24, int)},
            r"train_mask of .* is int64 .*; need bool of shape \(24,",
        ),
        ({"test_mask": np.ones(23, bool)}, r"test_mask of .* shape \(23,\); need bool"),
        (
            {"train_mask": np.arange(24) < 12, "test_mask": np.arange(24) > 10},
            r"node 11 of .* is in train_mask and in test_mask",
        ),
        ({"train_mask": np.zeros(24, bool)}, r"has a part without examples"),
        ({"edge_index": np.full((2, 3), 24)}, r"edge 0 of .* ends in node 24"),
    ],
)
def test_node_tasks_that_do_not_fit_are_refused(tmp_path, changes, message):
    with pytest.raises(DataError, match=message):
        load(tmp_path, node_task(**changes))


def test_a_damaged_archive_is_named(tmp_path):
    np.savez(tmp_path / "set.npz", **graph_task())
    content = bytearray((tmp_path / "set.npz").read_bytes())
    content[200] ^= 255
    (tmp_path / "set.npz").write_bytes(content)
    with pytest.raises(DataError, match=r"cannot read '.*set.npz' as .npz"):
        load_data(tmp_path / "set.npz")
