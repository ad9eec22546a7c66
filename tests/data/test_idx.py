"""MNIST's own files, as Debian and torchvision lay them."""

from pathlib import Path

import numpy as np
import pytest

from repprobe.data import load_data
from repprobe.data.idx import read_idx
from repprobe.errors import DataError

from .builders import write_idx, write_mnist

DEBIAN = Path("/usr/share/datasets/fashion-mnist")


@pytest.mark.parametrize("suffix", ["", ".gz"])
@pytest.mark.parametrize("below", ["", "raw", "MNIST/raw"])
def test_the_four_files_are_read(tmp_path, suffix, below):
    write_mnist(tmp_path / below, suffix=suffix)
    data = load_data(tmp_path)
    assert (len(data.train), len(data.test), data.input_shape) == (30, 10, (1, 28, 28))
    assert data.test.labels.tolist() == list(range(10))
    assert data.train.inputs(np.arange(2)).dtype == np.uint8


def test_they_equal_what_torchvision_reads(tmp_path):
    datasets = pytest.importorskip("torchvision.datasets")
    write_mnist(tmp_path / "MNIST" / "raw")
    theirs = datasets.MNIST(tmp_path, train=True)
    ours = load_data(tmp_path)
    assert np.array_equal(ours.train.inputs(np.arange(30))[:, 0], theirs.data.numpy())
    assert np.array_equal(ours.train.labels, theirs.targets.numpy())


@pytest.mark.skipif(not DEBIAN.is_dir(), reason="Debian's dataset-fashion-mnist is not installed")
def test_fashion_mnist_of_debian_is_found():
    data = load_data("fashion-mnist", download=False)
    assert (len(data.train), len(data.test)) == (60_000, 10_000)
    assert data.classes[9] == "Ankle boot"
    # The first training image is an ankle boot, in the lower half of the frame.
    assert data.train.labels[0] == 9
    assert data.train.inputs(np.arange(1))[0, 0, :14].sum() < data.train.inputs(np.arange(1)).sum()


def test_a_missing_file_is_named(tmp_path):
    write_mnist(tmp_path)
    (tmp_path / "train-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match="lacks the IDX file train-labels-idx"):
        load_data(tmp_path)


@pytest.mark.parametrize(
    "damage",
    [
        lambda b: b[:-5],
        lambda b: b + b"x",
        lambda b: b"",
        lambda b: b"\x00\x00\x08",
        lambda b: b"\x00\x00\x08\x09" + b[4:20],
        lambda b: b"\x00\x00\x0d" + b[3:],
        lambda b: b"hello, world",
    ],
)
def test_a_damaged_file_is_refused(tmp_path, damage):
    path = tmp_path / "a"
    write_idx(path, np.zeros((3, 4)))
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match="is not a whole IDX file"):
        read_idx(path)


def test_a_truncated_gzip_is_refused(tmp_path):
    path = tmp_path / "a.gz"
    write_idx(path, np.random.default_rng(0).integers(0, 256, (30, 40)))
    path.write_bytes(path.read_bytes()[:-50])
    with pytest.raises(DataError, match=r"cannot read '.*a.gz'"):
        read_idx(path)
