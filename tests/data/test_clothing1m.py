"""Clothing1M's layout, made small: clean parts by folder, noisy labels by list."""

import numpy as np
import pytest

from repprobe.data import load_data
from repprobe.errors import DataError

from .builders import picture

CLASSES = ("T-Shirt", "Shirt", "Knitwear")


@pytest.fixture(params=["", "annotations"])
def clothing(tmp_path, request):
    """A folder of the layout, with the lists in it or in `annotations`."""
    return write_clothing1m(tmp_path / "clothing1M", request.param)


def write_clothing1m(root, annotations=""):
    """Write real JPEG files of several sizes and the lists; clean labels repeat 0, 1, 2."""
    folder = root / annotations
    folder.mkdir(parents=True)
    names = [f"images/{i % 10}/{i},{7 * i}.jpg" for i in range(24)]
    for i, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        picture(i % 3, i, size=(10 + i % 2, 12)).save(root / name, "JPEG")
    (folder / "category_names_eng.txt").write_text("\n".join(CLASSES) + "\n")
    clean = [f"{name} {i % 3}" for i, name in enumerate(names[:15])]
    noisy = [f"{name} {(i + 1) % 3}" for i, name in enumerate(names[6:], start=6)]
    (folder / "clean_label_kv.txt").write_text("\n".join(clean))
    (folder / "noisy_label_kv.txt").write_text("\n".join(noisy) + "\n")
    parts = {
        "clean_train": names[:6],
        "clean_val": names[6:9],
        "clean_test": names[12:15],
        "noisy_train": names[15:],
    }
    for part, keys in parts.items():
        (folder / f"{part}_key_list.txt").write_text("\n".join(keys) + "\n")
    return root


def _list(root, name):
    return next(root.rglob(name))


def test_the_folder_is_that_of_the_clean_labels(clothing):
    data = load_data(clothing, image_size=8)
    assert (data.classes, data.task, data.unit) == (CLASSES, "classification", 255.0)
    assert data.train.labels.tolist() == [0, 1, 2, 0, 1, 2]
    assert data.test.labels.tolist() == [0, 1, 2]
    assert data.input_shape == (3, 8, 8)
    assert data.notes == ()


def test_a_list_is_the_training_part_with_its_noisy_labels(clothing):
    clean = load_data(clothing, image_size=8)
    data = load_data(_list(clothing, "noisy_train_key_list.txt"), image_size=8)
    assert data.classes == CLASSES
    assert data.train.labels.tolist() == [(i + 1) % 3 for i in range(15, 24)]
    assert data.test.labels.tolist() == [0, 1, 2]
    assert np.array_equal(data.test.inputs(np.arange(3)), clean.test.inputs(np.arange(3)))
    assert "noisy ones" in data.notes[0]
    assert data.fingerprint != clean.fingerprint


def test_images_are_read_in_the_order_of_the_list(clothing):
    data = load_data(_list(clothing, "clean_train_key_list.txt"), image_size=12)
    values = data.train.inputs(np.array([5, 1]))
    # builders' pictures are 60 brighter from class to class
    assert values.mean(axis=(1, 2, 3)) == pytest.approx([140, 80], abs=5)


def test_a_gray_image_in_the_first_place_does_not_refuse_the_others(clothing):
    picture(0, 0, mode="L").save(clothing / "images/0/0,0.jpg", "JPEG")
    values = load_data(clothing, image_size=8).train.inputs(np.arange(6))
    assert values.shape == (6, 3, 8, 8)
    assert np.array_equal(values[0, 0], values[0, 2])


def test_images_of_different_sizes_ask_for_one_size(clothing):
    with pytest.raises(DataError, match=r"is 11×12 pixels, but .* is 10×12; pass --image-size N"):
        load_data(clothing).train.inputs(np.arange(6))


@pytest.mark.parametrize(
    "name",
    [
        *("category_names_eng.txt", "clean_label_kv.txt"),
        *("clean_train_key_list.txt", "clean_test_key_list.txt"),
    ],
)
def test_a_missing_file_is_named(clothing, name, one_line):
    _list(clothing, name).unlink()
    with pytest.raises(DataError) as caught:
        load_data(clothing)
    one_line(caught, "cannot read", name)


def test_a_missing_image_is_named_with_its_line(clothing, one_line):
    (clothing / "images/3/3,21.jpg").unlink()
    with pytest.raises(DataError) as caught:
        load_data(clothing)
    one_line(caught, "line 4 of", "clean_train_key_list.txt' names", "3,21.jpg", "not there")


@pytest.mark.parametrize(
    ("name", "line", "parts"),
    [
        ("clean_label_kv.txt", "images/0/x.jpg 3", ("has the class 3", "there are 3, 0…2")),
        ("clean_label_kv.txt", "images/0/x.jpg", ("is 'images/0/x.jpg', not an image and",)),
        ("clean_label_kv.txt", "images/0/x.jpg -1", ("not an image and the number",)),
        ("clean_label_kv.txt", "images/0/x.jpg one", ("not an image and the number",)),
        ("clean_test_key_list.txt", "images/0/x.jpg", ("has no label in", "clean_label_kv.txt")),
        ("clean_test_key_list.txt", b"images/\xff.jpg", ("is no UTF-8 text",)),
    ],
)
def test_a_line_that_cannot_be_used_is_named(clothing, name, line, parts, one_line):
    file = _list(clothing, name)
    count = len(file.read_text().splitlines())
    content = line if isinstance(line, bytes) else line.encode()
    file.write_bytes(file.read_bytes().rstrip() + b"\n\n" + content)
    with pytest.raises(DataError) as caught:
        load_data(clothing)
    one_line(caught, f"line {count + 2} of", name, *parts)


def test_the_test_part_is_not_trained_on(clothing):
    with pytest.raises(DataError, match="is the test part; name another list"):
        load_data(_list(clothing, "clean_test_key_list.txt"))


def test_an_empty_list_is_refused(clothing):
    _list(clothing, "clean_train_key_list.txt").write_text("\n\n")
    with pytest.raises(DataError, match=r"clean_train_key_list.txt' lists no image"):
        load_data(clothing)
