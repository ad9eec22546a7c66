"""The two generated tasks: what they hold, that they stay the same, and where they are kept."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from repprobe.data import load_data
from repprobe.data.graphs import MaximumDegree, MaximumFeature
from repprobe.data.graphs.tasks import task_part
from repprobe.data.names import cache_folder
from repprobe.errors import DataError, UnknownNameError, UsageError

NAMES = ("max-degree", "max-feature")


@pytest.mark.parametrize("name", NAMES)
def test_parts_have_the_sizes_of_the_paper_or_those_asked_for(name):
    data = load_data(f"{name}:90")
    assert (len(data.train), len(data.test), data.task, data.unit) == (90, 90, "regression", 1.0)
    assert (data.input_shape, data.of_graphs, data.classes) == ((1,), True, ())
    sizes = np.bincount(data.train.inputs(np.arange(90)).graph)
    assert 20 <= sizes.min() <= 22 and 37 <= sizes.max() <= 39
    sizes = np.bincount(data.test.inputs(np.arange(90)).graph)
    assert 50 <= sizes.min() <= 52 and 67 <= sizes.max() <= 69
    assert len(task_part(name, "validation", 90)[0]) == 18


@pytest.mark.parametrize("split", ["train", "test"])
@pytest.mark.parametrize("name", NAMES)
def test_targets_are_what_the_names_say(name, split):
    part, degrees = task_part(name, split, 60)
    for row in range(60):
        graph = part.inputs(np.array([row]))
        degree = np.bincount(graph.edges[0]).max()
        assert degrees[row] == degree == np.bincount(graph.edges[1]).max()
        assert part.labels[row] == (degree if name == "max-degree" else graph.x.max())


def test_features_are_uniform_integers():
    part, _ = task_part("max-degree", "train", 1000)
    counts = np.bincount(part.x[:, 0])[1:]
    assert len(counts) == 100
    # 29,500 draws from 100 values: 295 each, with a standard deviation of 17.
    assert counts.min() > 295 - 5 * 17 and counts.max() < 295 + 5 * 17


def test_the_largest_feature_varies_from_graph_to_graph():
    """Features are below M, which is uniform on 20…100."""
    part, degrees = task_part("max-feature", "test", 1000)
    assert (part.x.min(), part.labels.min() >= 15, part.labels.max()) == (1, True, 99)
    assert 56 < part.labels.mean() < 61
    assert abs(np.corrcoef(part.labels, degrees)[0, 1]) < 0.1


def test_every_ninth_graph_is_of_one_density():
    part, _ = task_part("max-degree", "train", 900)
    nodes = np.diff(part.starts)
    density = np.diff(part.edge_starts) / (nodes * (nodes - 1) / 2)
    found = [density[k::9].mean() for k in range(9)]
    assert found[1:] == pytest.approx(np.arange(2, 10) / 10, abs=0.02)
    assert 0.1 < found[0] < 0.16  # connected graphs are the denser ones of p = 0.1


def test_instance_dependent_noise_has_its_labels():
    data = load_data("max-feature:50")
    assert np.array_equal(data.instance_labels, task_part("max-feature", "train", 50)[1])
    assert load_data("max-degree:50").instance_labels is None


@pytest.mark.parametrize(
    ("name", "digest"),
    [("max-degree", "0e0d4cf707da62da"), ("max-feature", "5da9aa230c706e6a")],
)
def test_the_graphs_never_change(name, digest):
    total = hashlib.sha256()
    for split in ("train", "validation", "test"):
        part, _ = task_part(name, split, 40)
        for array in (part.x, part.starts, part.edges, part.edge_starts, part.labels):
            total.update(np.ascontiguousarray(array).astype("<i8").tobytes())
    assert total.hexdigest()[:16] == digest


def test_seeds_parts_and_tasks_differ():
    sets = [("max-degree", "train", 0), ("max-degree", "train", 1), ("max-feature", "train", 0)]
    sets += [("max-degree", "validation", 0)]
    found = {task_part(n, s, 50, seed)[0].edges[:, :100].tobytes() for n, s, seed in sets}
    assert len(found) == 4


def test_a_second_time_is_read_from_the_cache(monkeypatch):
    first = load_data("max-degree:30")
    files = sorted(f.name for f in cache_folder("max-degree").iterdir())
    assert files == ["test-30-seed0-v1.npz", "train-30-seed0-v1.npz"]
    monkeypatch.setattr("repprobe.data.graphs.tasks._generate", None)
    again = load_data("max-degree:30")
    assert again.fingerprint == first.fingerprint
    assert np.array_equal(again.test.edges, first.test.edges)


@pytest.mark.parametrize("damage", [b"", b"no archive", None])
def test_a_damaged_cache_is_made_anew(damage):
    first = load_data("max-degree:30")
    file = cache_folder("max-degree") / "train-30-seed0-v1.npz"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 255
    file.write_bytes(bytes(content) if damage is None else damage)
    assert load_data("max-degree:30").fingerprint == first.fingerprint
    assert len(file.read_bytes()) == len(content)


def test_no_cache_is_needed(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    first = load_data("max-degree:30").fingerprint
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert load_data("max-degree:30").fingerprint == first


def test_fingerprints_tell_sizes_and_tasks_apart():
    names = ("max-degree:30", "max-degree:31", "max-feature:30")
    assert len({load_data(name).fingerprint for name in names}) == 3


@pytest.mark.parametrize("size", ["", "9", "x", "-20", "1e3", "2000000", "99999999999", "٣٠"])
def test_sizes_out_of_reason_are_refused(size):
    with pytest.raises(UsageError, match=r"is no number of training graphs; give one from 10 to"):
        load_data(f"max-degree:{size}")


def test_near_names_are_offered():
    with pytest.raises(UnknownNameError, match="did you mean max-degree"):
        load_data("max-degre")


def test_graphs_are_no_images():
    with pytest.raises(DataError, match="--image-size needs images, but 'max-degree:30' holds gr"):
        load_data("max-degree:30", image_size=8)


def test_a_folder_of_the_users_own_wins(monkeypatch, tmp_path):
    (tmp_path / "max-degree").mkdir()
    monkeypatch.setenv("REPPROBE_DATA", str(tmp_path))
    with pytest.raises(DataError, match="holds no data in a known layout"):
        load_data("max-degree")


@pytest.mark.parametrize("kind", [MaximumDegree, MaximumFeature])
def test_they_are_torch_geometric_data_sets(kind):
    from torch_geometric.loader import DataLoader

    split = kind("test", graphs=20)
    data = load_data(f"{kind.task}:20").test
    assert len(split) == 20
    assert split[3].is_undirected() and not split[3].has_self_loops()
    rows = np.array([4, 0, 19])
    batch = next(iter(DataLoader([split[int(row)] for row in rows], batch_size=3)))
    graphs = data.inputs(rows)
    assert np.array_equal(batch.x, graphs.x)
    assert np.array_equal(batch.edge_index, graphs.edges)
    assert np.array_equal(batch.batch, graphs.graph)
    assert np.array_equal(batch.y, data.labels[rows])
    assert batch.maximum_degree.shape == (3,)


def test_loading_them_imports_nothing_heavy():
    code = (
        "import sys; from repprobe.data import load_data; load_data('max-degree:20');"
        "print([m for m in ('torch', 'torch_geometric', 'sklearn') if m in sys.modules])"
    )
    root = Path(__file__).resolve().parents[3]
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=root, check=True
    )
    assert shown.stdout.strip() == "[]"
