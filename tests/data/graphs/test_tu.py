"""TU collections: read as torch-geometric reads them, found where they lie, refused when wrong."""

import io
import urllib.error
import zipfile

import numpy as np
import pytest

from repprobe.data import download, load_data
from repprobe.data.graphs.tu import read_tu
from repprobe.data.names import cache_folder
from repprobe.errors import DataError

GRAPHS = 30


def write_tu(folder, name, kinds=("node_labels", "graph_labels"), seed=0):
    """Write a collection of rings of 3–8 nodes, with the given further files."""
    random = np.random.default_rng(seed)
    folder.mkdir(parents=True, exist_ok=True)
    sizes = random.integers(3, 9, GRAPHS)
    first = np.concatenate([[0], np.cumsum(sizes)[:-1]])
    ring = [(f + i, f + (i + 1) % n) for f, n in zip(first, sizes, strict=True) for i in range(n)]
    edges = np.array(ring + [(b, a) for a, b in ring]) + 1
    edges = random.permutation(edges)
    nodes = int(sizes.sum())
    files = {
        "node_labels": random.integers(-1, 3, nodes),
        "node_attributes": random.random((nodes, 2)).round(3),
        "edge_labels": random.integers(5, 8, len(edges)),
        "graph_labels": np.tile([-1, 1, 4], GRAPHS // 3),
        "graph_attributes": random.random(GRAPHS).round(3),
    }
    arrays = {"A": edges, "graph_indicator": np.repeat(np.arange(GRAPHS), sizes) + 1}
    arrays |= {kind: files[kind] for kind in kinds}
    for kind, values in arrays.items():
        rows = (", ".join(map(str, np.atleast_1d(row))) for row in values.tolist())
        (folder / f"{name}_{kind}.txt").write_text("\n".join(rows) + "\n")


@pytest.mark.parametrize(
    "kinds",
    [
        ("node_labels", "graph_labels"),
        ("node_labels", "node_attributes", "edge_labels", "graph_labels"),
        ("node_labels", "graph_attributes"),
    ],
)
def test_it_equals_torch_geometrics_reading(tmp_path, kinds):
    from torch_geometric.datasets import TUDataset

    write_tu(tmp_path / "RINGS" / "raw", "RINGS", kinds)
    with (tmp_path / "RINGS" / "raw" / "RINGS_A.txt").open("a") as file:
        file.write("1, 2\n4, 4\n")  # an edge twice, and a self-loop
    if "edge_labels" in kinds:
        with (tmp_path / "RINGS" / "raw" / "RINGS_edge_labels.txt").open("a") as file:
            file.write("5\n6\n")
    source = read_tu(tmp_path / "RINGS")
    theirs = TUDataset(str(tmp_path), "RINGS")
    assert len(source.train) == len(theirs) == GRAPHS
    for row in range(GRAPHS):
        ours, graph = source.train.inputs(np.array([row])), theirs[row]
        assert np.array_equal(ours.x, graph.x)
        assert np.array_equal(ours.edges, graph.edge_index)
        assert source.train.labels[row] == pytest.approx(graph.y.item())
        assert (ours.edge_features is None) == (graph.edge_attr is None)
        if ours.edge_features is not None:
            assert np.array_equal(ours.edge_features, graph.edge_attr)


def test_classes_are_the_numbers_in_the_file(tmp_path):
    write_tu(tmp_path / "RINGS", "RINGS")
    data = load_data(tmp_path / "RINGS")
    assert (data.task, data.classes, data.of_graphs) == ("classification", ("-1", "1", "4"), True)
    assert (len(data.train), len(data.test)) == (24, 6)
    assert any("6 of 30 examples were split off" in note for note in data.notes)


def test_targets_make_it_a_regression(tmp_path):
    write_tu(tmp_path / "RINGS", "RINGS", ("node_labels", "graph_attributes"))
    data = load_data(tmp_path / "RINGS")
    assert (data.task, data.classes, data.train.labels.dtype) == ("regression", (), np.float64)


def test_nodes_without_labels_have_their_attributes(tmp_path):
    write_tu(tmp_path / "RINGS", "RINGS", ("node_attributes", "graph_labels"))
    data = load_data(tmp_path / "RINGS")
    assert data.input_shape == (2,)
    assert any("their attributes are the features" in note for note in data.notes)


def test_nodes_without_anything_have_their_degree(tmp_path):
    write_tu(tmp_path / "RINGS", "RINGS", ("graph_labels",))
    data = load_data(tmp_path / "RINGS")
    assert set(data.train.inputs(np.arange(24)).x.ravel()) == {2.0}
    assert any("each has its degree as one" in note for note in data.notes)


@pytest.mark.parametrize("below", ["MUTAG/raw", "MUTAG", "mutag"])
@pytest.mark.parametrize("name", ["mutag", "MUTAG", "tu:MUTAG"])
def test_names_are_looked_for_in_the_users_folder(monkeypatch, tmp_path, below, name):
    monkeypatch.setenv("REPPROBE_DATA", str(tmp_path))
    write_tu(tmp_path / below, "MUTAG")
    data = load_data(name, download=False)
    assert (data.name, len(data.train)) == (name, 24)


def test_the_fingerprint_is_of_the_files_that_were_read(tmp_path):
    write_tu(tmp_path / "a", "RINGS")
    write_tu(tmp_path / "b", "RINGS", ("node_labels", "node_attributes", "graph_labels"))
    first = load_data(tmp_path / "a").fingerprint
    (tmp_path / "a" / "RINGS_graph_labels.txt").write_text("2\n3\n" * 15)
    assert load_data(tmp_path / "a").fingerprint != first


def test_isolated_nodes_and_graphs_without_edges_stay(tmp_path):
    write_tu(tmp_path, "RINGS", ("graph_labels",))
    with (tmp_path / "RINGS_graph_indicator.txt").open("a") as file:
        file.write("30\n31\n31\n")
    with (tmp_path / "RINGS_graph_labels.txt").open("a") as file:
        file.write("4\n")
    part = read_tu(tmp_path).train
    last = part.inputs(np.array([30]))
    assert (len(part), last.x.tolist(), last.edges.shape) == (31, [[0.0], [0.0]], (2, 0))


@pytest.mark.parametrize(
    ("kind", "text", "message"),
    [
        ("A", "1, 2\n3\n", r"cannot read '.*RINGS_A.txt': the number of columns changed"),
        ("A", "1, 2, 3\n", r"RINGS_A.txt' has 3 numbers per line; need 2"),
        (
            "A",
            "1, x\n",
            r"cannot read '.*RINGS_A.txt': could not convert string ' x' to int64 at [^.]*\.$",
        ),
        ("A", "1, 900\n", r"edge 0 of '.*RINGS_A.txt' ends in node 899, but the \d+ nodes are 0…"),
        ("A", "0, 1\n", r"edge 0 of '.*RINGS_A.txt' ends in node -1"),
        ("A", "1, 100\n", r"edge 0 of .* joins a node of graph 0 with one of graph \d+"),
        (
            "graph_indicator",
            lambda old: old.replace("1\n", "2\n", 1),
            r"do not count up from 0 \(node 1 is in graph 0\); sort the nodes",
        ),
        ("graph_indicator", "", r"RINGS_graph_indicator.txt' is empty"),
        ("graph_labels", "1\n2\n", r"has 30 graphs but 2 labels"),
        ("node_labels", "1\n", r"RINGS_node_labels.txt' has 1 lines for \d+ nodes"),
        (
            "node_labels",
            lambda old: "1000000000\n" + old.partition("\n")[2],
            r"span 1,000,000,\d+ values; at most 10,000 can be columns",
        ),
    ],
)
def test_damaged_files_are_named(tmp_path, kind, text, message):
    write_tu(tmp_path, "RINGS")
    file = tmp_path / f"RINGS_{kind}.txt"
    file.write_text(text(file.read_text()) if callable(text) else text)
    with pytest.raises(DataError, match=message) as caught:
        load_data(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    write_tu(tmp_path, "RINGS")
    (tmp_path / "RINGS_graph_labels.txt").unlink()
    with pytest.raises(DataError, match=r"lacks the file RINGS_graph_labels.txt"):
        load_data(tmp_path)


@pytest.fixture
def server(monkeypatch, tmp_path):
    """The web, with the collection ENZYMES only."""
    write_tu(tmp_path / "web", "ENZYMES")
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for file in (tmp_path / "web").iterdir():
            archive.write(file, f"ENZYMES/{file.name}")
        archive.writestr("../../escaped.txt", "kept among the others")
    asked = []

    def urlopen(url, timeout):
        asked.append(url)
        if not url.endswith("/ENZYMES.zip"):
            raise urllib.error.HTTPError(url, 404, "Not Found", {}, None)
        return io.BytesIO(packed.getvalue())

    monkeypatch.setattr("urllib.request.urlopen", urlopen)
    return asked


def test_a_download_is_kept_in_the_cache(server, capsys):
    from torch_geometric.datasets import TUDataset

    data = load_data("enzymes")
    assert server == [f"{TUDataset.url}/ENZYMES.zip"]
    assert load_data("tu:enzymes").fingerprint == data.fingerprint
    assert len(server) == 1
    assert [f.name for f in cache_folder("enzymes").parent.iterdir()] == ["enzymes"]
    assert (cache_folder("enzymes") / "escaped.txt").exists()
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("name", ["proteins", "tu:proteins", "tu:PROTEINS"])
def test_a_failed_download_says_where_to_put_the_files(server, name):
    with pytest.raises(DataError, match=r"could not download proteins \(HTTP Error 404") as caught:
        load_data(name)
    assert "PROTEINS_A.txt, … of PROTEINS.zip from https://" in str(caught.value)
    assert "into the folder PROTEINS under $REPPROBE_DATA" in str(caught.value)
    assert list(cache_folder("proteins").parent.iterdir()) == []


def test_nothing_is_fetched_unless_allowed(server):
    with pytest.raises(DataError, match=r"ENZYMES is not on this machine\. Put its files"):
        load_data("enzymes", download=False)
    assert not server


def test_the_address_is_torch_geometrics():
    from torch_geometric.datasets import TUDataset

    assert TUDataset.url == download.TU
