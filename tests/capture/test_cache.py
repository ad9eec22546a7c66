"""Features in memory, in files, and in files that are used again."""

import dataclasses
import errno
import gc
import importlib.util
import json
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from repprobe.capture import Features, capture
from repprobe.capture.store import FileStore, memory_bound
from repprobe.errors import OutputError, UnknownNameError

from .conftest import make_data, make_model
from .networks import Outputs


class Counted(nn.Module):
    """Counts the examples that pass."""

    def __init__(self):
        super().__init__()
        self.one = nn.Linear(6, 8)
        self.act = nn.LeakyReLU(0.1)
        self.two = nn.Linear(8, 3)
        self.dropout = nn.Dropout(0.1)

    def forward(self, x):
        Counted.passes += 1
        return self.two(self.dropout(self.act(self.one(x))))


@pytest.fixture
def net():
    Counted.passes = 0
    return Counted()


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """An empty folder for temporary files."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def run(net, data=None, model=None, **kwargs):
    kwargs = {"train_rows": np.arange(20), **kwargs}
    return capture(model or make_model(net, sha256="1"), data or make_data(6), **kwargs)


def test_features_within_the_bound_stay_in_memory(net, temporary):
    features = run(net, memory_bytes=10**6)
    assert features.folder is None
    assert list(temporary.iterdir()) == []


def test_features_past_the_bound_go_to_files_with_the_same_values(net, temporary):
    here, there = run(net), run(net, memory_bytes=6000)
    assert there.layers == here.layers
    assert there.folder.parent == temporary
    for name in here.layers:
        assert isinstance(there[name], np.memmap)
        np.testing.assert_array_equal(there[name], here[name])
    np.testing.assert_array_equal(there.output, here.output)


def test_the_bound_counts_every_row_layer_the_output_and_activations(net, temporary):
    inside_act = 6 + 8 + 8  # the network's input, the module's input and output
    needed = 4 * 30 * (6 + 8 + 3 + 3) + 2 * 4 * 30 * inside_act
    assert run(net, memory_bytes=needed).folder is None
    assert run(net, memory_bytes=needed - 1).folder is not None


def test_temporary_files_go_when_closed(net, temporary):
    with run(net, memory_bytes=1) as features:
        assert len(list(temporary.iterdir())) == 1
    assert list(temporary.iterdir()) == []
    assert list(features) == []
    assert features.layers == ("input", "act", "two")
    assert np.isfinite(features.output).all()


def test_temporary_files_go_with_the_features(net, temporary):
    features = run(net, memory_bytes=1)
    assert len(list(temporary.iterdir())) == 1
    del features
    gc.collect()
    assert list(temporary.iterdir()) == []


def test_temporary_files_go_after_an_exception(net, temporary):
    def interrupt(stage, done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(net, memory_bytes=1, batch_size=5, progress=interrupt)
    assert list(temporary.iterdir()) == []


def test_arrays_are_read_only_wherever_they_are(net, temporary):
    for features in (run(net), run(net, memory_bytes=1)):
        with pytest.raises(ValueError, match="read-only"):
            features["act"][0, 0] = 1


def test_a_cache_that_fits_is_used_without_a_pass(net, tmp_path):
    first = run(net, cache_dir=tmp_path)
    passes = Counted.passes
    again = run(net, cache_dir=tmp_path)
    assert Counted.passes == passes
    assert again.layers == first.layers
    for name in first.layers:
        np.testing.assert_array_equal(again[name], first[name])
    np.testing.assert_array_equal(again.output, first.output)


def test_a_cache_keeps_what_is_to_be_said(tmp_path):
    data = make_data(6)
    data.train.array[3] = np.nan
    model = make_model(Outputs())
    kwargs = {"train_rows": np.arange(20), "layers": ["all"], "cache_dir": tmp_path}
    first, again = capture(model, data, **kwargs), capture(model, data, **kwargs)
    assert again.skipped == first.skipped
    assert again.skipped["index"].startswith("int64")
    assert again.notes == first.notes
    assert again.non_finite == first.non_finite
    assert again.non_finite["stem"] == 1


def change_weights(net):
    with torch.no_grad():
        net.one.weight[0, 0] += 1


def change_module(net):
    net.dropout = nn.Identity()


def change_setting(net):
    net.act.negative_slope = 0.2


@pytest.mark.parametrize("change", [change_weights, change_module, change_setting])
def test_a_changed_network_makes_a_cache_stale(net, tmp_path, change):
    run(net, cache_dir=tmp_path)
    change(net)
    passes = Counted.passes
    features = run(net, cache_dir=tmp_path)
    assert Counted.passes > passes
    np.testing.assert_array_equal(features["act"], run(net)["act"])


def test_changed_code_makes_a_cache_stale(tmp_path):
    code = """
import torch
class Net(torch.nn.Linear):
    def forward(self, x):
        return super().forward(x).{activation}()
"""

    def features(activation):
        path = tmp_path / f"{activation}.py"
        path.write_text(code.format(activation=activation))
        spec = importlib.util.spec_from_file_location("nets", path)
        nets = importlib.util.module_from_spec(spec)
        sys.modules["nets"] = nets
        spec.loader.exec_module(nets)
        torch.manual_seed(0)
        return run(nets.Net(6, 3), layers=["Net"], cache_dir=tmp_path / "cache")["Net"]

    assert features("tanh").min() < 0
    assert features("sigmoid").min() > 0


@pytest.mark.parametrize(
    "other",
    [
        {"train_rows": np.arange(19)},
        {"test_rows": np.arange(9)},
        {"layers": ["one"]},
        {"pool": "max"},
        {"width": 5},
        {"seed": 1},
        {"batch_size": 3},
        {"dtype": "bfloat16"},
        {"preprocess": "0.5/2"},
        {"sha256": "2"},
        {"fingerprint": "other"},
        {"unit": 2.0},
    ],
    ids=lambda other: next(iter(other)),
)
def test_whatever_shapes_the_features_makes_a_cache_stale(net, tmp_path, other):
    run(net, cache_dir=tmp_path)
    other = dict(other)
    model = make_model(net, other.pop("preprocess", "none"), sha256=other.pop("sha256", "1"))
    data = make_data(6)
    data = dataclasses.replace(
        data, **{key: other.pop(key) for key in ("fingerprint", "unit") if key in other}
    )
    passes = Counted.passes
    run(net, data, model, cache_dir=tmp_path, **other)
    assert Counted.passes > passes
    assert len(list(tmp_path.iterdir())) == 2


def entry(folder):
    (found,) = folder.iterdir()
    return found


def flip_a_bit(folder):
    path = entry(folder) / "001.npy"
    data = bytearray(path.read_bytes())
    data[-5] ^= 1
    path.write_bytes(data)


def cut_a_file(folder):
    path = entry(folder) / "001.npy"
    path.write_bytes(path.read_bytes()[:-100])


def lose_a_file(folder):
    (entry(folder) / "002.npy").unlink()


def lose_the_manifest(folder):
    (entry(folder) / "manifest.json").unlink()


def cut_the_manifest(folder):
    path = entry(folder) / "manifest.json"
    path.write_text(path.read_text()[:200])


def forge_the_key(folder):
    path = entry(folder) / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["content"]["key"]["checkpoint"] = "another"
    path.write_text(json.dumps(manifest))


def forge_the_notes(folder):
    path = entry(folder) / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["content"]["notes"] = ["all is well"]
    path.write_text(json.dumps(manifest))


@pytest.mark.parametrize(
    "damage",
    [
        flip_a_bit,
        cut_a_file,
        lose_a_file,
        lose_the_manifest,
        cut_the_manifest,
        forge_the_key,
        forge_the_notes,
    ],
)
def test_a_damaged_cache_is_made_anew(net, tmp_path, damage):
    run(net, cache_dir=tmp_path)
    damage(tmp_path)
    passes = Counted.passes
    features = run(net, cache_dir=tmp_path)
    assert Counted.passes > passes
    np.testing.assert_array_equal(features["act"], run(net)["act"])
    passes = Counted.passes
    run(net, cache_dir=tmp_path)
    assert Counted.passes == passes


def test_a_capture_that_fails_leaves_nothing_behind(net, tmp_path):
    def interrupt(stage, done, total):
        if done > 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(net, cache_dir=tmp_path, batch_size=5, progress=interrupt)
    assert list(tmp_path.iterdir()) == []


def test_the_manifest_is_written_last_and_the_folder_then_moved(net, tmp_path, monkeypatch):
    def fail(self, target):
        assert (self / "manifest.json").exists()
        assert not Path(target).exists()
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(Path, "rename", fail)
    with pytest.raises(OutputError, match=r"cannot be kept in .*: Input/output error"):
        run(net, cache_dir=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_cache_that_cannot_be_written_is_said(net, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="no features can be kept in"):
        run(net, cache_dir=tmp_path / "file")


def test_a_full_disk_is_said_and_nothing_is_left(net, temporary, monkeypatch):
    def full(self, *args):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(FileStore, "_begin", full)
    with pytest.raises(OutputError, match="No space left on device; raise --memory"):
        run(net, memory_bytes=1)
    assert list(temporary.iterdir()) == []


def test_an_unknown_layer_has_near_matches():
    features = Features({"layer1.0": np.zeros((2, 3), np.float32)}, np.arange(1), np.arange(1))
    with pytest.raises(UnknownNameError, match=r"did you mean layer1\.0"):
        features["layer1.1"]


def test_the_parts_of_features():
    array = np.arange(12, dtype=np.float32).reshape(4, 3)
    features = Features({"a": array}, np.arange(3), np.arange(1))
    assert len(features) == 4
    assert list(features) == ["a"]
    assert "a" in features
    assert features.widths == {"a": 3}
    assert features.nbytes == 48
    np.testing.assert_array_equal(features.train("a"), array[:3])
    np.testing.assert_array_equal(features.test("a"), array[3:])


def test_a_quarter_of_the_memory_is_taken():
    assert 1 << 26 < memory_bound(None) < 1 << 46
    assert memory_bound(0) == 0
