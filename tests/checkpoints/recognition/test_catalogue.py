"""The catalogue of a library is made once, kept in the cache, and looked up without building."""

from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest

from repprobe.checkpoints.recognition import catalogue as room
from repprobe.checkpoints.recognition.catalogue import Catalogue, catalogue


@pytest.fixture
def three(monkeypatch, tmp_path):
    """A cache of its own and only three networks to fill it with; counts how often it is made."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    calls = []
    names = [(name, {}) for name in ("alexnet", "squeezenet1_0", "squeezenet1_1")]
    monkeypatch.setattr(room, "variants", lambda library: calls.append(1) or names)
    return calls


def loaded(progress=None):
    return list(catalogue("torchvision", progress)[0])


def test_it_is_made_once_with_progress_and_then_read(three):
    steps = []
    made = loaded(lambda *step: steps.append(step))
    assert steps == [("torchvision architectures", i, 3) for i in (1, 2, 3)]
    assert loaded() == made
    assert len(three) == 1


@pytest.mark.parametrize("damage", [lambda b: b[: len(b) // 2], lambda b: b"", lambda b: b + b"1"])
def test_a_damaged_cache_is_made_anew(three, tmp_path, damage):
    made = loaded()
    (path,) = (tmp_path / "repprobe").iterdir()
    path.write_bytes(damage(path.read_bytes()))
    assert loaded() == made
    assert loaded() == made
    assert len(three) == 2


def test_another_version_of_the_library_is_not_mixed_up(three, monkeypatch):
    loaded()
    monkeypatch.setattr(room, "version", lambda _: "99.0")
    loaded()
    assert len(three) == 2


def test_a_cache_that_cannot_be_written_is_done_without(three, monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    assert len(loaded()) == 3


def test_the_cache_is_in_the_home_folder_by_default(three, monkeypatch, tmp_path):
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(Path, "home", lambda: tmp_path)
    loaded()
    assert list((tmp_path / ".cache" / "repprobe").glob("torchvision-*.fingerprints"))


def test_a_library_that_is_not_installed_has_an_empty_catalogue(monkeypatch):
    def missing(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr(room, "version", missing)
    known, made = catalogue("timm")
    assert not made
    assert list(known) == []


def test_a_network_that_cannot_be_built_is_left_out(three, monkeypatch):
    names = [("alexnet", {}), ("alexnet", {"no_such_argument": 1})]
    monkeypatch.setattr(room, "variants", lambda library: names)
    assert [f.architecture for f in loaded()] == ["torchvision:alexnet"]


def test_all_of_torchvisions_classifiers_are_listed(monkeypatch):
    import torchvision.models

    monkeypatch.undo()
    listed = {name for name, _ in room.variants("torchvision")}
    assert listed == set(torchvision.models.list_models(module=torchvision.models))


def test_what_is_looked_up_has_the_names_or_the_order(three):
    known, _ = catalogue("torchvision")
    (alexnet, *_) = known
    shapes = alexnet.at(5)
    assert [f.architecture for f in known.named(shapes)] == ["torchvision:alexnet"]
    other_names = {f"{i}": s for i, s in enumerate(shapes.values())}
    assert known.named(other_names) == []
    assert [f.architecture for f in known.ordered(other_names)] == ["torchvision:alexnet"]


def test_dumping_and_loading_changes_nothing(three):
    known, _ = catalogue("torchvision")
    assert Catalogue.load(known.dump()) == known
