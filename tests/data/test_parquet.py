"""The Hugging Face image layout: which file is which part, and which column is what."""

import numpy as np
import pytest

from repprobe.data import load_data
from repprobe.errors import DataError

from .builders import picture, png, write_parquet

TRAIN, TEST = [0, 1, 2, 0, 1, 2, 1], [2, 1, 0]


def write_both(root, train="train.parquet", test="test.parquet", **how):
    write_parquet(root / train, TRAIN, **how)
    write_parquet(root / test, TEST, **how)


def test_images_labels_and_names_are_read(tmp_path):
    write_both(tmp_path, names=["ant", "bee", "cow"])
    data = load_data(tmp_path)
    assert data.classes == ("ant", "bee", "cow")
    assert data.train.labels.tolist() == TRAIN
    assert data.test.labels.tolist() == TEST
    assert data.notes == ()
    batch = data.train.inputs(np.array([6, 1]))
    assert np.array_equal(batch[0], np.asarray(picture(1, 6)).transpose(2, 0, 1))
    assert np.array_equal(batch[1], np.asarray(picture(1, 1)).transpose(2, 0, 1))


def test_without_names_the_classes_are_numbered(tmp_path):
    write_both(tmp_path)
    assert load_data(tmp_path).classes == ("0", "1", "2")


@pytest.mark.parametrize(
    ("train", "test"),
    [
        ("train-00000-of-00001.parquet", "test-00000-of-00001-0123abc.parquet"),
        ("data/train-00000-of-00001.parquet", "data/validation-00000-of-00001.parquet"),
        ("train/0000.parquet", "test/0000.parquet"),
        ("plain_text/train-00000-of-00001.parquet", "plain_text/test-00000-of-00001.parquet"),
        ("Train_images.parquet", "val.parquet"),
    ],
)
def test_parts_are_told_by_their_names(tmp_path, train, test):
    write_both(tmp_path / "set", train, test)
    data = load_data(tmp_path / "set")
    assert (len(data.train), len(data.test)) == (7, 3)


def test_shards_are_one_part_in_order(tmp_path):
    write_parquet(tmp_path / "train-00001-of-00002.parquet", [1, 1])
    write_parquet(tmp_path / "train-00000-of-00002.parquet", [0, 0, 0, 0, 0])
    data = load_data(tmp_path)
    assert data.train.part.labels.tolist() == [0, 0, 0, 0, 0, 1, 1]
    found = data.train.part.inputs(np.array([6]))[0]
    assert np.array_equal(found, np.asarray(picture(1, 1)).transpose(2, 0, 1))


def test_a_missing_shard_is_an_error(tmp_path):
    write_parquet(tmp_path / "train-00000-of-00002.parquet", TRAIN)
    with pytest.raises(DataError, match=r"1 of the 2 files like train-00000-of-00002.parquet"):
        load_data(tmp_path)


def test_files_of_no_part_are_left_alone(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    write_both(tmp_path)
    write_parquet(tmp_path / "extra.parquet", [5, 5])
    pq.write_table(pa.table({"clean_label": [1, 2]}), tmp_path / "train_human.parquet")
    assert len(load_data(tmp_path).train) == 7


def test_one_file_is_split(tmp_path):
    write_parquet(tmp_path / "all.parquet", [0, 1] * 10)
    for path in (tmp_path, tmp_path / "all.parquet"):
        data = load_data(path)
        assert (len(data.train), len(data.test)) == (16, 4)
        assert "4 of 20 examples were split off" in data.notes[0]


def test_several_files_of_no_part_are_refused(tmp_path):
    write_parquet(tmp_path / "a.parquet", TRAIN)
    write_parquet(tmp_path / "b.parquet", TRAIN)
    with pytest.raises(DataError, match=r"2 Parquet files with images, none of them named train"):
        load_data(tmp_path)


def test_a_test_file_alone_is_refused(tmp_path):
    write_parquet(tmp_path / "test.parquet", TRAIN)
    with pytest.raises(DataError, match=r"test.parquet but no train\*.parquet"):
        load_data(tmp_path)


def test_cifar100_columns_are_read(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    image = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    images = [{"bytes": png(picture(0, i)), "path": None} for i in range(8)]
    table = pa.table(
        {"img": pa.array(images, image), "coarse_label": [9] * 8, "fine_label": [0, 1] * 4}
    )
    pq.write_table(table, tmp_path / "train.parquet")
    assert load_data(tmp_path).classes == ("0", "1")


def test_plain_binary_and_other_column_names_are_read(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.table({"jpg": [png(picture(0, i)) for i in range(8)], "cls": [0, 1] * 4})
    pq.write_table(table, tmp_path / "train.parquet")
    assert load_data(tmp_path).train.inputs(np.array([0])).shape == (1, 3, 8, 8)


def test_float_labels_are_regression_targets(tmp_path):
    write_parquet(tmp_path / "train.parquet", [0.5, 1.5, 2.25, 3.0, 4.5, 6.0])
    data = load_data(tmp_path)
    assert (data.task, data.classes) == ("regression", ())
    assert sorted([*data.train.labels, *data.test.labels]) == [0.5, 1.5, 2.25, 3.0, 4.5, 6.0]


@pytest.mark.parametrize(
    ("labels", "how", "message"),
    [
        ([0, 1, -1, 0, 1], {}, "training label 2 of .* is -1"),
        ([0, 1, None, 0, 1], {"label_type": "int64"}, "row 2 of column 'label' .* has no value"),
        (["a", "b", "a", "b"], {"images": [png(picture(0, 0))] * 4}, "holds string; need one"),
        ([0, 1, 2, 0, 1, 2], {"names": ["a", "b"]}, "label 2 of .* is 2, but .* 2 classes"),
        ([0, 1, 0, 1], {"names": ["a", "b", "c"]}, "class 'c' of .* has no training example"),
        ([0, 0, 3, 3], {}, "class '1' of .* has no training example"),
        ([0, 0, 1], {}, "class '1' of .* has a single training example"),
        ([0, 0, 0], {}, "are one class"),
        ([0.5, float("nan"), 1.0, 2.0], {"images": [png(picture(0, 0))] * 4}, "target 1 of .* NaN"),
    ],
)
def test_labels_that_make_no_sense_are_named(tmp_path, labels, how, message):
    if None in labels:
        how = {"images": [png(picture(0, 0))] * len(labels)}
    write_parquet(tmp_path / "train.parquet", labels, **how)
    with pytest.raises(DataError, match=message) as caught:
        load_data(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_test_label_that_never_occurs_in_training_is_named(tmp_path):
    write_parquet(tmp_path / "train.parquet", TRAIN)
    write_parquet(tmp_path / "test.parquet", [0, 1, 3])
    with pytest.raises(DataError, match=r"test label 2 of .* is 3, but the training part has 3 cl"):
        load_data(tmp_path)


def test_classes_without_test_examples_are_said(tmp_path):
    write_parquet(tmp_path / "train.parquet", TRAIN, names=["a", "b", "c"])
    write_parquet(tmp_path / "test.parquet", [0, 0])
    assert load_data(tmp_path).notes == ("the test part has no example of: b, c.",)


def test_columns_that_cannot_be_told_are_listed(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"text": ["a"], "label": [0]}), path)
    with pytest.raises(DataError, match="has the columns text, label; need one with images"):
        load_data(path)
    pq.write_table(pa.table({"img": [b"x"], "a": [0], "b": [1]}), path)
    with pytest.raises(DataError, match="has the columns img, a, b; name the labels 'label'"):
        load_data(path)


def test_a_file_that_is_no_parquet_is_named(tmp_path):
    path = tmp_path / "train.parquet"
    path.write_text("hello")
    with pytest.raises(DataError, match=r"cannot read '.*train.parquet' as Parquet") as caught:
        load_data(path)
    assert "\n" not in str(caught.value)


def test_an_undecodable_image_is_named_by_file_and_row(tmp_path):
    images = [png(picture(0, i)) for i in range(10)]
    images[7] = b"rubbish"
    write_parquet(tmp_path / "train.parquet", [0, 1] * 5, images=images)
    with pytest.raises(DataError, match=r"image 7 of '.*train.parquet' cannot be decoded"):
        load_data(tmp_path).train.part.inputs(np.arange(10))


def test_an_image_without_bytes_is_named(tmp_path):
    images = [png(picture(0, i)) for i in range(9)] + [None]
    write_parquet(tmp_path / "train.parquet", [0, 1] * 5, images=images)
    with pytest.raises(DataError, match=r"image 9 of .* holds no bytes; embed the images"):
        load_data(tmp_path).train.part.inputs(np.arange(10))


def test_sizes_may_differ_where_an_image_size_is_given(tmp_path):
    images = [png(picture(0, i, (10 + i, 12))) for i in range(6)]
    write_parquet(tmp_path / "train.parquet", [0, 1] * 3, images=images)
    with pytest.raises(DataError, match=r"image 1 of .* is 11×12 pixels.*pass --image-size N"):
        load_data(tmp_path).train.part.inputs(np.arange(6))
    found = load_data(tmp_path, image_size=7)
    assert found.train.part.inputs(np.arange(6)).shape == (6, 3, 7, 7)


def test_the_real_cifar10(shared_data, monkeypatch):
    monkeypatch.setenv("REPPROBE_DATA", str(shared_data))
    data = load_data("cifar10")
    assert (len(data.train), len(data.test)) == (50_000, 10_000)
    assert data.classes[0] == "airplane"
    assert data.classes[9] == "truck"
    assert (data.name, data.unit, data.task) == ("cifar10", 255.0, "classification")
    assert np.bincount(data.train.labels).tolist() == [5000] * 10
    batch = data.train.inputs(np.array([0, 29_999, 49_999]))
    assert (batch.shape, batch.dtype) == ((3, 3, 32, 32), np.uint8)
    # The first image of CIFAR-10 is the frog; its upper left pixel is dark.
    assert data.classes[data.train.labels[0]] == "frog"
    assert batch[0, :, 0, 0].max() < 100


def test_the_name_of_the_folder_itself_tells_no_part(tmp_path):
    write_parquet(tmp_path / "test_scans" / "all.parquet", [0, 1] * 10)
    assert len(load_data(tmp_path / "test_scans").train) == 16
