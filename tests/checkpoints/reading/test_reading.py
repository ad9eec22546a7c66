"""Files that cannot be used are refused in one line; nothing of them runs."""

import os
import pickle
import zipfile
from argparse import Namespace
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from repprobe.checkpoints.reading import read
from repprobe.errors import CheckpointError, UnsafeCheckpointError


class Touch:
    """Unpickling this runs a command that leaves a file behind."""

    def __init__(self, canary):
        self.canary = canary

    def __reduce__(self):
        return os.system, (f"touch {self.canary}",)


@pytest.fixture
def state():
    torch.manual_seed(0)
    return nn.Linear(30, 40).state_dict()


def save(content, path, archive=True):
    torch.save(content, path, _use_new_zipfile_serialization=archive)
    return path


def refused(path, kind=CheckpointError):
    with pytest.raises(kind) as caught:
        read(path)
    assert type(caught.value) is kind
    return caught


@pytest.mark.parametrize("archive", [True, False])
def test_what_torch_saved_is_read(tmp_path, state, archive):
    data = read(save({"state_dict": state, "epoch": 3}, tmp_path / "a.pt", archive)).data
    assert data["epoch"] == 3
    assert torch.equal(data["state_dict"]["weight"], state["weight"])


def test_safetensors_are_read_whatever_the_file_is_called(tmp_path, state):
    save_file(dict(state), tmp_path / "a.bin", metadata={"arch": "tiny"})
    data = read(tmp_path / "a.bin").data
    assert data["arch"] == "tiny"
    assert torch.equal(data["state_dict"]["weight"], state["weight"])


def test_the_digest_is_that_of_the_file(tmp_path, state):
    import hashlib

    path = save(state, tmp_path / "a.pt")
    assert read(path).sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("protocol", [None, 0, 2, 4])
def test_a_pickle_that_runs_a_command_is_refused_and_does_not_run(tmp_path, one_line, protocol):
    canary, path = tmp_path / "canary", tmp_path / "evil.pt"
    if protocol is None:
        save({"state_dict": Touch(canary)}, path)
    else:
        path.write_bytes(pickle.dumps(Touch(canary), protocol))
    caught = refused(path, UnsafeCheckpointError)
    one_line(caught, path, f"{os.system.__module__}.system", "nothing of it ran")
    assert not canary.exists()


def test_an_object_beside_the_weights_is_refused_by_name(tmp_path, one_line, state):
    path = save({"state_dict": state, "args": Namespace(lr=0.1)}, tmp_path / "a.pt")
    one_line(refused(path, UnsafeCheckpointError), path, "argparse.Namespace")


def test_a_missing_file_is_answered_with_its_neighbours(tmp_path, one_line, state):
    save(state, tmp_path / "resnet20.pt")
    one_line(refused(tmp_path / "resnt20.pt"), tmp_path / "resnt20.pt", "did you mean resnet20.pt")


def test_a_missing_file_is_not_taken_for_one_that_shares_its_suffix(tmp_path, state):
    save(state, tmp_path / "noisy.pt")
    assert str(refused(tmp_path / "a.pt").value).endswith("a.pt'.")
    caught = refused(tmp_path / "nosy.pth")
    assert str(caught.value).endswith("nosy.pth'; did you mean noisy.pt?")


def test_a_picture_is_answered_without_what_torch_advises(tmp_path, one_line):
    path = tmp_path / "x.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x01")
    caught = refused(path)
    one_line(caught, path, "not a checkpoint", "torch.save or safetensors wrote")
    assert "PyTorch" not in str(caught.value)


def test_a_file_in_a_missing_folder_is_named(tmp_path, one_line):
    one_line(refused(tmp_path / "no" / "a.pt"), tmp_path / "no" / "a.pt", "no file")


def test_a_folder_is_answered_with_a_checkpoint_in_it(tmp_path, one_line, state):
    save(state, tmp_path / "a.pt")
    one_line(refused(tmp_path), "is a folder", tmp_path / "a.pt")


def test_a_file_that_may_not_be_read_is_named(tmp_path, one_line, state, monkeypatch):
    path = save(state, tmp_path / "a.pt")

    def denied(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    one_line(refused(path), path, "cannot be read: Permission denied")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_a_pipe_is_refused_at_once(tmp_path, one_line):
    os.mkfifo(tmp_path / "pipe.pt")
    one_line(refused(tmp_path / "pipe.pt"), "not a regular file")


@pytest.mark.parametrize(
    ("content", "named"),
    [
        (b"", "is empty"),
        (b"hello world\nthis is text\n", "is text, not a checkpoint"),
        ("cat\nübermut\n".encode(), "is text, not a checkpoint"),
        (b'{"weight": [1, 2]}', "is text, not a checkpoint"),
        (b"<!DOCTYPE html><html>Sign in</html>", "is a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "git lfs pull"),
        (bytes(range(256)) * 9, "damaged or not a checkpoint"),
        (b"\x89HDF\r\n\x1a\n" + bytes(99), "damaged or not a checkpoint"),
    ],
)
def test_what_is_no_checkpoint_is_said(tmp_path, one_line, content, named):
    path = tmp_path / "model.pt"
    path.write_bytes(content)
    one_line(refused(path), path, named)


@pytest.mark.parametrize("share", [0.001, 0.01, 0.1, 0.5, 0.9, 0.999])
@pytest.mark.parametrize("kind", ["archive", "legacy", "safetensors"])
def test_a_truncated_file_is_said_to_be_cut_short(tmp_path, one_line, state, kind, share):
    whole, path = tmp_path / "whole", tmp_path / "cut"
    if kind == "safetensors":
        save_file(dict(state), whole)
        path = path.with_suffix(".safetensors")
    else:
        save(state, whole, archive=kind == "archive")
    content = whole.read_bytes()
    path.write_bytes(content[: max(4, int(share * len(content)))])
    one_line(refused(path), path, "cut short")


def test_arrays_of_numpy_are_no_checkpoint(tmp_path, one_line):
    np.savez(tmp_path / "a.npz", x=np.ones(3))
    one_line(refused(tmp_path / "a.npz"), "zip archive", "torch.save")


def test_a_damaged_archive_is_said_to_be_damaged(tmp_path, one_line, state):
    path = save(state, tmp_path / "a.pt")
    with zipfile.ZipFile(path) as archive:
        start = archive.getinfo("a/data.pkl").header_offset
    content = bytearray(path.read_bytes())
    content[start + 80 : start + 200] = b"\xff" * 120
    path.write_bytes(content)
    one_line(refused(path), path, "damaged or not a checkpoint")


@pytest.mark.parametrize("kind", ["archive", "legacy", "safetensors"])
def test_any_damage_ends_in_an_answer(tmp_path, state, kind):
    """Bytes overwritten at random: read as data or refused, never another error."""
    path = tmp_path / "a.safetensors"
    save_file(dict(state), path) if kind == "safetensors" else save(state, path, kind == "archive")
    content = path.read_bytes()
    rng = np.random.default_rng(0)
    outcomes = set()
    for _ in range(60):
        damaged = bytearray(content)
        for position in rng.integers(0, min(len(content), 1200), 4):
            damaged[position] = rng.integers(256)
        path.write_bytes(damaged)
        try:
            read(path)
            outcomes.add("read")
        except CheckpointError as err:
            assert "\n" not in str(err)
            outcomes.add("refused")
    assert "refused" in outcomes
