"""Names are looked for where they should be, in order."""

from pathlib import Path

from repprobe.data.graphs.names import NAMES
from repprobe.data.names import KNOWN, cache_folder, known_names, places


def test_every_known_set_has_its_classes():
    counts = {name: len(set(known.classes)) for name, known in KNOWN.items()}
    assert counts == {
        "digits": 10,
        "mnist": 10,
        "fashion-mnist": 10,
        "cifar10": 10,
        "cifar100": 100,
    } | dict.fromkeys(("cifar-easy", "clothing1m", "webvision", "webvision-mini"), 0)


def test_the_names_of_cifar100_are_in_order():
    assert list(KNOWN["cifar100"].classes) == sorted(KNOWN["cifar100"].classes)


def test_the_users_folder_comes_first_and_the_cache_last(monkeypatch, tmp_path):
    monkeypatch.setenv("REPPROBE_DATA", str(tmp_path))
    assert places("fashion-mnist") == [
        tmp_path / "fashion-mnist",
        tmp_path / "FashionMNIST",
        Path("/usr/share/datasets/fashion-mnist"),
        cache_folder("fashion-mnist"),
    ]


def test_the_cache_follows_the_environment(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder("mnist") == tmp_path / "repprobe" / "data" / "mnist"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert cache_folder("mnist") == Path.home() / ".cache" / "repprobe" / "data" / "mnist"


def test_folders_of_the_users_own_are_names(monkeypatch, tmp_path):
    (tmp_path / "birds").mkdir()
    (tmp_path / "cifar10").mkdir()
    monkeypatch.setenv("REPPROBE_DATA", str(tmp_path))
    assert known_names() == (*KNOWN, *NAMES, "birds")
