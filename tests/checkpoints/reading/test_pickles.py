"""Imports of a pickle are found without running it."""

import os
import pickle

import pytest
import torch

from repprobe.checkpoints.reading import pickles

COMMAND = f"{os.system.__module__}.system"


class Command:
    """Unpickling this would run a command."""

    def __reduce__(self):
        return os.system, ("false",)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_command_is_named_in_every_protocol(tmp_path, protocol):
    path = tmp_path / "p.pkl"
    path.write_bytes(pickle.dumps({"weights": Command()}, protocol))
    assert pickles.suspect(pickles.imports(path)) == [COMMAND]


@pytest.mark.parametrize("archive", [True, False])
def test_a_command_among_tensors_is_named(tmp_path, archive):
    path = tmp_path / "p.pt"
    content = {"w": torch.ones(3), "x": Command(), "y": Command()}
    torch.save(content, path, _use_new_zipfile_serialization=archive)
    assert pickles.suspect(pickles.imports(path)) == [COMMAND]


@pytest.mark.parametrize("archive", [True, False])
def test_weights_alone_are_not_suspect(tmp_path, archive):
    path = tmp_path / "p.pt"
    state = torch.nn.Linear(2, 2).half().state_dict()
    torch.save(state, path, _use_new_zipfile_serialization=archive)
    names = pickles.imports(path)
    assert "collections.OrderedDict" in names
    assert pickles.suspect(names) == []
    assert not pickles.is_whole_model(names)


@pytest.mark.parametrize("archive", [True, False])
def test_a_pickled_network_is_recognized(tmp_path, archive):
    path = tmp_path / "p.pt"
    network = torch.nn.Sequential(torch.nn.Linear(2, 2))
    torch.save(network, path, _use_new_zipfile_serialization=archive)
    assert pickles.is_whole_model(pickles.imports(path))


def test_text_that_opens_like_an_import_has_none(tmp_path):
    path = tmp_path / "p.pt"
    path.write_text("cat\ndog\n")
    assert pickles.imports(path) == []


def test_a_pickle_is_told_from_other_bytes(tmp_path):
    path = tmp_path / "p.pt"
    for content, answer in [(pickle.dumps({"a": 1}), True), (b"\x89HDF\r\n\x1a\n", False)]:
        path.write_bytes(content)
        assert pickles.is_pickle(path) is answer
