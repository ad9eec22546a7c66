"""CIFAR-Easy: the pixel tells the class, the image tells its instance label, nothing else."""

import numpy as np
import pytest

from repprobe.data import load_data
from repprobe.data.cifar_easy import PIXELS
from repprobe.errors import DataError

from .builders import picture, png, write_parquet


@pytest.fixture
def cifar10(tmp_path, monkeypatch):
    """A small data set of CIFAR-10's shape, found by its name."""
    root = tmp_path / "cifar10"
    write_cifar10(root)
    monkeypatch.setenv("REPPROBE_DATA", str(tmp_path))
    return root


def write_cifar10(root, size=(32, 32), classes=10, **how):
    for part, count in (("train", 100), ("test", 40)):
        labels = np.arange(count) % classes
        images = [png(picture(c % 4, i, size, **how)) for i, c in enumerate(labels)]
        write_parquet(root / f"{part}.parquet", labels, images=images)


def test_the_pixel_of_the_class_is_magenta_and_all_others_are_the_images(cifar10):
    plain, data = load_data("cifar10"), load_data("cifar-easy")
    for before, part in ((plain.train, data.train), (plain.test, data.test)):
        rows = np.array([7, 0, 31, 31])
        images, originals = part.inputs(rows), before.inputs(rows)
        assert (images.shape, images.dtype) == ((4, 3, 32, 32), np.uint8)
        for image, original, label in zip(images, originals, part.labels[rows], strict=True):
            row, column = PIXELS[label]
            assert image[:, row, column].tolist() == [255, 0, 255]
            image[:, row, column] = original[:, row, column]
            assert np.array_equal(image, original)


def test_the_pixels_are_those_of_the_paper():
    nine = [(3, 3), (3, 4), (3, 5), (4, 3), (4, 4), (4, 5), (5, 3), (5, 4), (5, 5)]
    assert list(PIXELS) == [*nine, (28, 28)]


def test_classes_are_even_and_instance_labels_are_cifars(cifar10):
    plain, data = load_data("cifar10"), load_data("cifar-easy")
    assert data.classes == tuple(f"pixel {i}" for i in range(10))
    assert np.bincount(data.train.labels).tolist() == [10] * 10
    assert np.bincount(data.test.labels).tolist() == [4] * 10
    assert np.array_equal(data.instance_labels, plain.train.labels)
    assert plain.instance_labels is None
    assert (plain.may_augment, data.may_augment) == (True, False)


def test_classes_are_always_the_same(cifar10):
    # Networks trained on other ones could not be probed: a change here needs a new version.
    data = load_data("cifar-easy", seed=7)
    assert data.train.labels[:12].tolist() == [3, 6, 6, 2, 5, 3, 0, 7, 5, 8, 9, 6]
    assert data.test.labels[:12].tolist() == [7, 4, 2, 9, 1, 6, 4, 1, 6, 3, 3, 0]
    assert data.fingerprint == load_data("cifar-easy").fingerprint


def test_the_fingerprint_is_its_own_and_follows_cifar10(cifar10):
    before = load_data("cifar-easy").fingerprint
    assert before != load_data("cifar10").fingerprint
    assert before != load_data("cifar-easy", image_size=16).fingerprint
    write_parquet(cifar10 / "test.parquet", [0, 1], images=[png(picture(0, 0, (32, 32)))] * 2)
    assert load_data("cifar-easy").fingerprint != before


def test_without_a_test_part_instance_labels_follow_the_split(cifar10):
    plain = load_data(cifar10)
    (cifar10 / "test.parquet").unlink()
    data = load_data("cifar-easy")
    assert len(data.train) == len(data.instance_labels) == 80
    assert np.array_equal(data.instance_labels, plain.train.labels[data.train.rows])


def test_images_are_resized_with_their_pixel(cifar10):
    data = load_data("cifar-easy", image_size=64)
    assert data.input_shape == (3, 64, 64)
    row, column = PIXELS[data.train.labels[3]]
    red, green, blue = data.train.inputs(np.array([3]))[0, :, 2 * row, 2 * column].astype(int)
    assert min(red, blue) - green > 50


@pytest.mark.parametrize("how", [{"size": (28, 32)}, {"mode": "L"}, {"classes": 20}])
def test_other_data_than_cifar10_are_refused(tmp_path, monkeypatch, how, one_line):
    write_cifar10(tmp_path / "cifar10", **how)
    monkeypatch.setenv("REPPROBE_DATA", str(tmp_path))
    with pytest.raises(DataError) as caught:
        load_data("cifar-easy")
    one_line(caught, "cifar-easy is made of cifar10", tmp_path / "cifar10", "32×32 pixels")


def test_without_cifar10_it_says_what_is_missing(one_line):
    with pytest.raises(DataError) as caught:
        load_data("cifar-easy", download=False)
    one_line(caught, "cifar10 is not on this machine", "folder cifar10")


def test_the_real_cifar10(shared_data, monkeypatch):
    monkeypatch.setenv("REPPROBE_DATA", str(shared_data))
    data = load_data("cifar-easy")
    assert np.bincount(data.train.labels).tolist() == [5000] * 10
    together = np.histogram2d(data.train.labels, data.instance_labels, bins=10)[0]
    assert abs(together - 500).max() < 100  # independent: 500 ± 21
    rows, columns = np.array(PIXELS)[data.train.labels[:500]].T
    images = data.train.inputs(np.arange(500))
    assert (images[np.arange(500), :, rows, columns] == (255, 0, 255)).all()
