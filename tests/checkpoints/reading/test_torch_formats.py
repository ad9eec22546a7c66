"""Files of every age of PyTorch, plain pickles, Lightning's: read as they were saved."""

import collections
import pickle
import sys
import types

import numpy as np
import pytest
import torch
from old_tar import save_as_tar
from torch import nn

from repprobe.checkpoints.reading import read
from repprobe.errors import CheckpointError, UnsafeCheckpointError


@pytest.fixture
def state():
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)).state_dict()


def same(one, other):
    return list(one) == list(other) and all(
        torch.equal(one[k], other[k]) and one[k].dtype == other[k].dtype for k in one
    )


@pytest.mark.parametrize("suffix", [".pt", ".pth", ".th", ".ckpt", ".bin", ".tar", ".pth.tar", ""])
@pytest.mark.parametrize("kind", ["torch zip", "torch legacy", "torch tar", "pickle"])
def test_the_kind_is_told_by_the_content_whatever_the_name(tmp_path, state, kind, suffix):
    path = tmp_path / f"model{suffix}"
    tensors = {k: v.float() for k, v in state.items()}
    if kind == "torch tar":
        save_as_tar(tensors, path)
    elif kind == "pickle":
        path.write_bytes(pickle.dumps(tensors))
    else:
        torch.save(tensors, path, _use_new_zipfile_serialization=kind == "torch zip")
    found = read(path)
    assert found.format == kind
    assert same(found.data, tensors)


def test_a_tar_file_is_what_torch_reads_there(tmp_path, state):
    path = tmp_path / "old.tar"
    save_as_tar({k: v.float() for k, v in state.items()} | {"epoch": 3}, path)
    theirs = torch.load(path, weights_only=False)
    ours = read(path).data
    assert ours.pop("epoch") == theirs.pop("epoch") == 3
    assert same(ours, theirs)


@pytest.mark.parametrize("archive", [True, False])
@pytest.mark.parametrize(
    "dtype",
    ["float16", "bfloat16", "float64", "int8", "int64", "bool", "complex64", "uint8", "uint16"],
)
def test_every_type_of_elements_is_kept(tmp_path, archive, dtype):
    tensor = torch.arange(6).reshape(2, 3).to(getattr(torch, dtype))
    torch.save({"w": tensor}, tmp_path / "a.pt", _use_new_zipfile_serialization=archive)
    found = read(tmp_path / "a.pt").data["w"]
    assert found.dtype == tensor.dtype
    assert torch.equal(found, tensor)


@pytest.mark.parametrize("archive", [True, False])
def test_views_share_what_they_shared(tmp_path, archive):
    whole = torch.arange(12.0).reshape(3, 4)
    saved = {
        "whole": whole,
        "column": whole[:, 1],
        "turned": whole.T,
        "none": whole[:0],
        "one": whole[2, 3],
    }
    torch.save(saved, tmp_path / "a.pt", _use_new_zipfile_serialization=archive)
    found = read(tmp_path / "a.pt").data
    assert same(found, saved)
    found["whole"][0, 1] = 99
    assert found["column"][0] == 99


def test_plain_values_come_back_as_they_were(tmp_path):
    saved = {
        "numbers": [1, -2, 3.5, 10**30, True, None, 2 + 1j],
        "text": "Käse",
        "bytes": b"\0\xff",
        "set": {1, 2},
        "nested": ({"a": (1, [2])}, torch.Size([2, 3])),
        "dtype": torch.float16,
        "device": torch.device("cuda", 1),
        "score": np.float64(0.5),
        "count": np.int64(3),
        "counter": collections.Counter("aab"),
    }
    for archive in (True, False):
        torch.save(saved, tmp_path / "a.pt", _use_new_zipfile_serialization=archive)
        assert read(tmp_path / "a.pt").data == saved


@pytest.mark.parametrize("protocol", range(6))
def test_arrays_in_a_plain_pickle_become_tensors(tmp_path, protocol):
    arrays = {
        "c": np.arange(6, dtype="f4").reshape(2, 3),
        "fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
        "swapped": np.arange(3, dtype=">i4"),
        "half": np.ones(2, "f2"),
        "scalar": np.array(3),
    }
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(arrays, protocol))
    found = read(tmp_path / "a.pkl").data
    for key, array in arrays.items():
        assert np.array_equal(found[key].numpy(), array)
        native = array.astype(array.dtype.newbyteorder("="))
        assert found[key].dtype == torch.from_numpy(native).dtype


def test_arrays_of_objects_are_no_weights(tmp_path, one_line):
    path = tmp_path / "a.pkl"
    path.write_bytes(pickle.dumps({"a": np.array([{}, None])}))
    with pytest.raises(CheckpointError) as caught:
        read(path)
    one_line(caught, path, "array of other than numbers")


@pytest.fixture
def pretend(monkeypatch):
    """Return what makes a class of a package that is not installed, so that it can be pickled."""

    def make(name, base=object):
        module, _, cls = name.rpartition(".")
        parts = module.split(".")
        for end in range(1, len(parts) + 1):
            parent = ".".join(parts[:end])
            monkeypatch.setitem(sys.modules, parent, types.ModuleType(parent))
        made = type(cls, (base,), {"__module__": module})
        setattr(sys.modules[module], cls, made)
        return made

    return make


def test_a_lightning_checkpoint_is_read(tmp_path, state, pretend):
    attributes = pretend("pytorch_lightning.utilities.parsing.AttributeDict", dict)
    hyper = attributes(lr=0.1, layers=[1, 2])
    path = tmp_path / "last.ckpt"
    saved = {
        "epoch": 3,
        "state_dict": collections.OrderedDict((f"net.{k}", v) for k, v in state.items()),
        "callbacks": {"ModelCheckpoint{'monitor': 'val'}": {"best": torch.tensor(0.5)}},
        "hyper_parameters": hyper,
    }
    torch.save(saved, path)
    found = read(path).data
    assert found["hyper_parameters"] == {"lr": 0.1, "layers": [1, 2]}
    assert same(found["state_dict"], saved["state_dict"])


def test_callbacks_that_lightning_kept_under_their_classes_are_named(tmp_path, pretend):
    name = "pytorch_lightning.callbacks.model_checkpoint.ModelCheckpoint"
    torch.save({"callbacks": {pretend(name): {"wait": 3}}}, tmp_path / "last.ckpt")
    assert read(tmp_path / "last.ckpt").data == {"callbacks": {name: {"wait": 3}}}


class Hyper:
    """A stranger's hyper-parameters."""


def test_what_is_trusted_is_loaded_with_all_it_imports(tmp_path, state):
    path = tmp_path / "a.pt"
    torch.save({"state_dict": state, "hyper": Hyper()}, path)
    with pytest.raises(UnsafeCheckpointError, match="Hyper"):
        read(path)
    found = read(path, trust=True)
    assert isinstance(found.data["hyper"], Hyper)
    assert same(found.data["state_dict"], state)


def test_trust_does_not_mend_a_damaged_file(tmp_path, state):
    path = tmp_path / "a.pt"
    torch.save(state, path)
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(CheckpointError, match="cut short"):
        read(path, trust=True)


def test_a_file_without_checksums_is_read(tmp_path, state):
    before = torch.serialization.get_crc32_options()
    torch.serialization.set_crc32_options(False)
    try:
        torch.save(state, tmp_path / "a.pt")
    finally:
        torch.serialization.set_crc32_options(before)
    assert same(read(tmp_path / "a.pt").data, state)


@pytest.mark.parametrize("archive", [True, False])
def test_a_changed_weight_is_found_where_there_are_checksums(tmp_path, state, archive):
    path = tmp_path / "a.pt"
    torch.save(state, path, _use_new_zipfile_serialization=archive)
    data = bytearray(path.read_bytes())
    place = data.find(state["0.weight"].numpy().tobytes())
    data[place + 5] ^= 1
    path.write_bytes(data)
    if archive:
        with pytest.raises(CheckpointError, match="checksum"):
            read(path)
    else:
        assert not same(read(path).data, state)
