"""A folder per class is read as torchvision reads it, and strange folders are explained."""

import numpy as np
import pytest
from PIL import Image

from repprobe.data import load_data
from repprobe.errors import DataError

from .builders import picture, write_folders


def test_train_and_test_are_read(tmp_path):
    write_folders(tmp_path / "train", {"cat": 3, "dog": 2})
    write_folders(tmp_path / "test", {"cat": 1, "dog": 2})
    data = load_data(tmp_path)
    assert data.classes == ("cat", "dog")
    assert data.train.labels.tolist() == [0, 0, 0, 1, 1]
    assert data.test.labels.tolist() == [0, 1, 1]
    assert (data.task, data.unit, data.input_shape, data.notes) == (
        *("classification", 255.0, (3, 8, 8)),
        (),
    )
    assert np.array_equal(
        data.train.inputs(np.array([4, 0]))[0], np.asarray(picture(1, 1)).transpose(2, 0, 1)
    )


def test_order_and_labels_equal_torchvision(tmp_path):
    datasets = pytest.importorskip("torchvision.datasets")
    write_folders(tmp_path / "train", {"b": 3, "10": 2, "A": 2, "9": 2, "b/inner": 1})
    folder = datasets.ImageFolder(tmp_path / "train")
    data = load_data(tmp_path / "train", seed=5)
    whole = data.train.part
    assert list(data.classes) == folder.classes
    assert [str(f) for f in whole.files] == [path for path, _ in folder.samples]
    assert whole.labels.tolist() == folder.targets


@pytest.mark.parametrize("name", ["val", "validation", "Valid"])
def test_the_test_part_may_be_named_validation(tmp_path, name):
    write_folders(tmp_path / "train", {"a": 2, "b": 2})
    write_folders(tmp_path / name, {"a": 1, "b": 1})
    assert len(load_data(tmp_path).test) == 2


def test_without_a_test_part_a_fifth_is_split_off_and_said(tmp_path):
    write_folders(tmp_path, {"a": 10, "b": 5})
    data = load_data(tmp_path, seed=3)
    assert np.bincount(data.train.labels).tolist() == [8, 4]
    assert np.bincount(data.test.labels).tolist() == [2, 1]
    assert "3 of 15 examples were split off" in data.notes[0]
    assert "stratified by class (seed 3)" in data.notes[0]


def test_a_class_may_be_named_train(tmp_path):
    write_folders(tmp_path, {"car": 3, "train": 3})
    assert load_data(tmp_path).classes == ("car", "train")


def test_hidden_and_other_files_are_left_alone(tmp_path):
    write_folders(tmp_path, {"a": 5, "b": 5})
    (tmp_path / ".git").mkdir()
    (tmp_path / "a" / "notes.txt").write_text("hello")
    (tmp_path / "a" / "._000.png").write_text("resource fork")
    data = load_data(tmp_path)
    assert data.classes == ("a", "b")
    assert len(data.train) + len(data.test) == 10


def test_an_empty_class_is_named(tmp_path):
    write_folders(tmp_path, {"a": 3, "b": 3, "c": 0})
    with pytest.raises(DataError, match=r"class folder '.*/c' holds no image"):
        load_data(tmp_path)


def test_a_class_with_a_single_example_is_named(tmp_path):
    write_folders(tmp_path, {"a": 3, "lonely": 1})
    with pytest.raises(DataError, match=r"class 'lonely' .* single training example"):
        load_data(tmp_path)


def test_a_test_class_without_training_folder_is_named(tmp_path):
    write_folders(tmp_path / "train", {"a": 2, "b": 2})
    write_folders(tmp_path / "test", {"a": 1, "c": 1})
    with pytest.raises(DataError, match=r"test class '.*/c' has no folder in '.*/train'"):
        load_data(tmp_path)


def test_a_test_part_alone_is_refused(tmp_path):
    write_folders(tmp_path / "test", {"a": 2, "b": 2})
    with pytest.raises(DataError, match="part 'test' but no 'train'"):
        load_data(tmp_path)


def test_folders_without_images_are_refused(tmp_path):
    (tmp_path / "data" / "a").mkdir(parents=True)
    (tmp_path / "data" / "b").mkdir()
    with pytest.raises(DataError, match="no image was found"):
        load_data(tmp_path / "data")


def test_images_of_two_sizes_are_met_while_reading(tmp_path):
    write_folders(tmp_path, {"a": 5, "b": 5})
    picture(0, 0, (8, 9)).save(tmp_path / "b" / "002.png")
    data = load_data(tmp_path)
    with pytest.raises(DataError, match=r"b/002.png' is 8×9 .*a/000.png' is 8×8; pass --image-s"):
        data.train.part.inputs(np.arange(10))
    sized = load_data(tmp_path, image_size=5)
    assert sized.train.part.inputs(np.arange(10)).shape == (10, 3, 5, 5)


def test_train_and_test_of_two_sizes_are_met_at_once(tmp_path):
    write_folders(tmp_path / "train", {"a": 2, "b": 2})
    write_folders(tmp_path / "test", {"a": 2, "b": 2}, size=(9, 9))
    with pytest.raises(DataError, match=r"test/a/000.png' is 9×9 .* pass --image-size N"):
        load_data(tmp_path)


def test_mixed_modes_take_the_mode_of_the_first(tmp_path):
    write_folders(tmp_path, {"a": 3, "b": 3})
    picture(1, 0, mode="L").save(tmp_path / "b" / "000.png")
    picture(1, 1, mode="RGBA").save(tmp_path / "b" / "001.png")
    Image.new("P", (8, 8), 3).save(tmp_path / "b" / "002.png")
    assert load_data(tmp_path).train.part.inputs(np.arange(6)).shape == (6, 3, 8, 8)


def test_an_undecodable_image_is_named(tmp_path):
    write_folders(tmp_path, {"a": 5, "b": 5})
    (tmp_path / "b" / "004.png").write_bytes(b"\x89PNG\r\n\x1a\nrubbish")
    with pytest.raises(DataError, match=r"b/004.png' cannot be decoded"):
        load_data(tmp_path).train.part.inputs(np.arange(10))
