"""From a name or path to checked data: what is a name, what is a path, and what is said."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from repprobe.data import load_data
from repprobe.errors import DataError, UnknownNameError, UsageError

from .builders import write_folders, write_mnist, write_parquet


def test_the_digits_are_embedded():
    data = load_data("digits")
    assert (len(data.train), len(data.test), data.input_shape) == (1438, 359, (1, 8, 8))
    assert (data.unit, data.classes) == (16.0, tuple("0123456789"))
    assert data.notes == (
        "no test part was found: 359 of 1,797 examples were split off as one, stratified by class "
        "(seed 0).",
    )
    inputs = data.train.inputs(np.arange(1438))
    assert (inputs.dtype, inputs.min(), inputs.max()) == (np.uint8, 0, 16)
    assert abs(
        np.bincount(data.test.labels) / 359 - np.bincount(data.train.labels) / 1438
    ).max() < (0.01)


def test_resized_digits_keep_their_shades():
    data = load_data("digits", image_size=28)
    assert data.input_shape == (1, 28, 28)
    values = data.test.inputs(np.arange(10))
    assert values.dtype == np.float32
    assert values.max() <= 16
    assert not np.array_equal(values, values.round())


def test_unknown_names_are_answered_with_near_ones():
    with pytest.raises(
        UnknownNameError, match="no data set is named 'cifar'; did you mean cifar10"
    ):
        load_data("cifar")


def test_a_name_too_long_for_a_file_is_unknown():
    with pytest.raises(UnknownNameError, match="no data set is named 'xxx"):
        load_data("x" * 300)


def test_a_device_is_refused():
    with pytest.raises(DataError, match="'/dev/null' is neither a file nor a folder"):
        load_data("/dev/null")


def test_no_name_at_all_is_refused():
    with pytest.raises(UsageError, match="no data set was named"):
        load_data("")


def test_a_missing_path_is_answered_with_its_neighbours(tmp_path):
    (tmp_path / "flowers.npz").write_bytes(b"")
    with pytest.raises(
        DataError, match=r"no file or folder '.*flower.npz'; did you mean flowers.n"
    ):
        load_data(tmp_path / "flower.npz")


@pytest.mark.parametrize("text", ["nowhere/", "a/b", "set.npz"])
def test_text_with_separator_or_suffix_is_a_path(text):
    with pytest.raises(DataError, match="there is no file or folder"):
        load_data(text)


def test_a_file_of_another_kind_is_refused(tmp_path):
    (tmp_path / "a.csv").write_text("1,2")
    with pytest.raises(DataError, match=r"neither .npz nor .parquet"):
        load_data(tmp_path / "a.csv")


def test_a_folder_without_data_lists_the_layouts(tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"empty' holds no data in a known layout: Parquet"):
        load_data(tmp_path / "empty")


def test_the_users_folder_is_looked_at_first(tmp_path, monkeypatch):
    monkeypatch.setenv("REPPROBE_DATA", str(tmp_path))
    write_parquet(tmp_path / "digits" / "train.parquet", [0, 1] * 10)
    write_parquet(tmp_path / "digits" / "test.parquet", [0, 1], names=None)
    # A known name means its known classes, so what lies there is not that data set.
    with pytest.raises(DataError, match=r"class '2' of .* has no training example"):
        load_data("digits")


def test_torchvisions_folder_in_the_users_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("REPPROBE_DATA", str(tmp_path))
    write_mnist(tmp_path / "MNIST" / "raw")
    data = load_data("mnist", download=False)
    assert (data.name, len(data.train), data.classes[0]) == ("mnist", 30, "0")


def test_a_set_of_the_users_own_has_a_name(tmp_path, monkeypatch):
    monkeypatch.setenv("REPPROBE_DATA", str(tmp_path))
    write_folders(tmp_path / "birds", {"owl": 5, "tit": 5})
    assert load_data("birds").classes == ("owl", "tit")
    with pytest.raises(UnknownNameError, match="did you mean birds"):
        load_data("bird")


def test_a_name_wins_over_a_folder_here_and_that_is_said():
    write_folders(Path("digits"), {"x": 5, "y": 5})
    data = load_data("digits")
    assert len(data.classes) == 10
    assert any("for the folder here write ./digits" in note for note in data.notes)
    assert load_data("./digits").classes == ("x", "y")
    assert load_data(Path("digits")).classes == ("x", "y")


def test_a_folder_here_needs_no_dot():
    write_folders(Path("birds"), {"owl": 5, "tit": 5})
    assert load_data("birds").name == "birds"


@pytest.mark.parametrize("size", [0, -3])
def test_an_image_size_below_one_is_refused(size):
    with pytest.raises(UsageError, match="image size is"):
        load_data("digits", image_size=size)


def test_opening_parquet_imports_nothing_heavy(shared_data):
    code = (
        "import sys; from repprobe.data import load_data; d = load_data(sys.argv[1]);"
        "d.train.inputs(__import__('numpy').arange(4));"
        "print([m for m in ('torch', 'torchvision', 'sklearn', 'pandas', 'scipy') "
        "if m in sys.modules])"
    )
    root = Path(__file__).resolve().parents[2]
    shown = subprocess.run(
        [sys.executable, "-c", code, str(shared_data / "cifar10")],
        capture_output=True,
        text=True,
        cwd=root,
        check=True,
    )
    assert shown.stdout.strip() == "[]"
