"""Arrays in an `.npz`: images in either layout, plain inputs, regression, and what is refused."""

import numpy as np
import pytest

from repprobe.data import load_data
from repprobe.data.arrays import as_inputs
from repprobe.errors import DataError

RNG = np.random.default_rng(0)


def images(*shape):
    return RNG.integers(0, 256, shape, dtype=np.uint8)


def save(path, **arrays):
    np.savez(path, **arrays)
    return path


@pytest.mark.parametrize(
    ("shape", "seen"),
    [
        ((6, 9, 9, 3), (6, 3, 9, 9)),
        ((6, 3, 9, 9), (6, 3, 9, 9)),
        ((6, 9, 7, 1), (6, 1, 9, 7)),
        ((6, 4, 4, 3), (6, 3, 4, 4)),
        ((6, 9, 7), (6, 1, 9, 7)),
        ((6, 8, 8, 12), (6, 12, 8, 8)),
        ((6, 12, 8, 8), (6, 12, 8, 8)),
    ],
)
def test_bytes_become_images_with_channels_first(shape, seen):
    array = images(*shape)
    found, unit, note = as_inputs(array, "x")
    assert (found.shape, unit, note) == (seen, 255.0, "")
    if shape == (6, 9, 9, 3):
        assert np.array_equal(found[2, 1], array[2, :, :, 1])


def test_an_open_choice_of_the_channel_axis_is_said():
    found, _, note = as_inputs(images(5, 3, 3, 3), "x_train")
    assert found.shape == (5, 3, 3, 3)
    assert note == "x_train were taken as (n, channels, height, width)."


def test_a_channel_axis_that_cannot_be_told_is_refused():
    with pytest.raises(DataError, match="neither axis 1 nor axis 3"):
        as_inputs(images(5, 8, 9, 10), "x")


def test_flat_bytes_become_floats_of_unit_255():
    found, unit, _ = as_inputs(images(5, 49), "x")
    assert (found.dtype, unit) == (np.float32, 255.0)


def test_floats_are_used_as_they_are():
    array = RNG.normal(size=(5, 2, 7))
    found, unit, note = as_inputs(array, "x")
    assert (found.dtype, unit, note) == (np.float32, 1.0, "")
    assert np.allclose(found, array)


def test_floats_with_channels_last_are_pointed_out():
    assert "channels last" in as_inputs(np.zeros((5, 8, 8, 3)), "x")[2]


@pytest.mark.parametrize("array", [np.arange(5), np.zeros((5, 8, 8), int), np.array(["a", "b"])])
def test_other_inputs_are_refused(array):
    with pytest.raises(DataError, match="store images as uint8"):
        as_inputs(array, "x")


def test_the_row_with_nan_is_named():
    array = np.zeros((2000, 3), np.float32)
    array[1500, 1] = np.nan
    with pytest.raises(DataError, match="x hold NaN or infinity at row 1500"):
        as_inputs(array, "x")


def test_both_parts_are_read(tmp_path):
    x, y = images(9, 8, 8, 3), np.arange(9) % 3
    path = save(
        tmp_path / "set.npz",
        x_train=x,
        y_train=y[:, None],
        x_test=x[:4],
        y_test=y[:4, None],
        classes=np.array(["a", "b", "c"]),
    )
    data = load_data(path)
    assert data.classes == ("a", "b", "c")
    assert (len(data.train), len(data.test), data.notes) == (9, 4, ())
    assert np.array_equal(data.train.inputs(np.array([3]))[0], x[3].transpose(2, 0, 1))
    assert data.train.labels.tolist() == y.tolist()


@pytest.mark.parametrize("keys", [("x", "y"), ("X", "Y"), ("x_train", "y_train")])
def test_one_part_is_split(tmp_path, keys):
    path = save(tmp_path / "a.npz", **{keys[0]: images(20, 8, 8), keys[1]: np.arange(20) % 2})
    data = load_data(path)
    assert (len(data.train), len(data.test)) == (16, 4)
    assert "split off" in data.notes[0]


@pytest.mark.parametrize("shape", [(20,), (20, 1), (20, 3)])
def test_float_targets_are_regression(tmp_path, shape):
    path = save(tmp_path / "a.npz", x=RNG.normal(size=(20, 5)), y=RNG.normal(size=shape))
    data = load_data(path)
    assert (data.task, data.classes, data.unit) == ("regression", (), 1.0)
    assert data.train.labels.shape == ((16, 3) if shape == (20, 3) else (16,))


def test_whole_numbers_stored_as_floats_are_pointed_out(tmp_path):
    path = save(tmp_path / "a.npz", x=RNG.normal(size=(20, 5)), y=np.arange(20) % 2 * 1.0)
    assert "y are floats and taken as regression targets" in load_data(path).notes[0]


def test_images_are_resized(tmp_path):
    path = save(tmp_path / "a.npz", x=images(20, 8, 10, 3), y=np.arange(20) % 2)
    assert load_data(path, image_size=16).input_shape == (3, 16, 16)


def test_a_size_for_what_is_no_image_is_refused(tmp_path):
    path = save(tmp_path / "a.npz", x=RNG.normal(size=(20, 5)), y=np.arange(20) % 2)
    with pytest.raises(DataError, match="--image-size needs images"):
        load_data(path, image_size=16)


X, Y = images(6, 8, 8), np.array([0, 1, 0, 1, 0, 1])


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"x": X, "y": Y[:5]}, "has 6 inputs but 5 labels"),
        ({"x": X}, "holds x but not y"),
        ({"x": X, "y": Y, "x_test": X}, "holds x_test but not y_test"),
        ({"images": X, "labels": Y}, "holds images, labels; need x_train and y_train"),
        ({"x": X[:0], "y": Y[:0]}, "x of .* is empty"),
        ({"x": X, "y": np.eye(6, dtype=int)}, r"have shape \(6, 6\); classes need one integer"),
        ({"x": X, "y": np.array(list("ababab"))}, "need integers"),
        ({"x": X, "y": Y - 1}, "training label 0 of .* is -1"),
        ({"x": X, "y": Y * 10**12}, "class '1' of .* has no training example"),
        ({"x": X, "y": np.array([0.5, np.nan, 1, 2, 3, 4])}, "target 1 of .* is NaN"),
        ({"x": X, "y": Y, "x_test": X, "y_test": Y + 1.5}, "differ in type"),
        ({"x": X, "y": Y, "x_test": X[:, 1:], "y_test": Y}, "test inputs .*--image-size"),
        ({"x": X, "y": Y, "classes": np.array(["a", "a"])}, "two classes of .* named 'a'"),
        (
            {"x": X, "y": np.array([object()] * 6)},
            "holds Python objects, which are never unp",
        ),
    ],
)
def test_arrays_that_do_not_fit_are_named(tmp_path, arrays, message):
    path = save(tmp_path / "a.npz", **arrays)
    with pytest.raises(DataError, match=message) as caught:
        load_data(path)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_npz_is_named(tmp_path):
    path = tmp_path / "a.npz"
    path.write_text("x_train, y_train")
    with pytest.raises(DataError, match=r"a.npz' is no .npz archive"):
        load_data(path)


def test_a_damaged_npz_is_named(tmp_path):
    path = tmp_path / "a.npz"
    np.savez_compressed(path, x=images(50, 8, 8), y=np.arange(50) % 2)
    content = bytearray(path.read_bytes())
    content[200:400] = b"\x00" * 200
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"cannot read '.*a.npz' as .npz"):
        load_data(path)
