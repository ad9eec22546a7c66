"""The fingerprint changes with everything that shapes the data, and with nothing else."""

import os
import shutil

import pytest

from repprobe.data import fingerprint, load_data

from .builders import picture, write_folders


@pytest.fixture
def folder(tmp_path):
    write_folders(tmp_path / "set", {"a": 5, "b": 5})
    return tmp_path / "set"


def of(path, **how):
    return load_data(path, **how).fingerprint


def test_it_is_a_sha256(folder):
    assert len(of(folder)) == 64
    assert of(folder) == of(folder)


def test_a_moved_copy_has_the_same(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "copy")
    assert of(folder) == of(tmp_path / "copy")


def test_a_changed_image_changes_it(folder):
    before = of(folder)
    picture(3, 99).save(folder / "b" / "004.png")
    assert of(folder) != before


def test_an_image_moved_to_another_class_changes_it(folder):
    before = of(folder)
    (folder / "b" / "004.png").rename(folder / "a" / "005.png")
    assert of(folder) != before


def test_the_image_size_changes_it(folder):
    assert len({of(folder), of(folder, image_size=8), of(folder, image_size=4)}) == 3


def test_the_seed_changes_it_only_where_a_split_was_made(folder, tmp_path):
    assert of(folder, seed=1) != of(folder, seed=2)
    write_folders(tmp_path / "both" / "train", {"a": 2, "b": 2})
    write_folders(tmp_path / "both" / "test", {"a": 2, "b": 2})
    assert of(tmp_path / "both", seed=1) == of(tmp_path / "both", seed=2)


def test_large_data_go_by_size_and_time(folder, monkeypatch):
    monkeypatch.setattr(fingerprint, "HASHED_WHOLE", 10)
    before = of(folder)
    assert of(folder) == before
    os.utime(folder / "a" / "000.png", ns=(1, 1))
    assert of(folder) != before


def test_embedded_digits_have_one():
    assert of("digits") == of("digits")
    assert of("digits") != of("digits", seed=1)
