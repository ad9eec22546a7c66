"""Preprocessing by name, and what it does to raw inputs."""

import numpy as np
import pytest
import torch

from repprobe.checkpoints import Preprocessing
from repprobe.errors import UsageError

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 3, 5, 5)).astype(np.uint8)


def test_imagenet_agrees_with_torchvision():
    from torchvision.transforms import v2

    expected = v2.functional.normalize(
        torch.from_numpy(IMAGES).float() / 255, [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    )
    found = Preprocessing.parse("imagenet").apply(IMAGES, 255)
    torch.testing.assert_close(found, expected)


def test_none_leaves_the_raw_values():
    assert (Preprocessing.parse("none").apply(IMAGES, 255).numpy() == IMAGES).all()


def test_unit_divides_by_the_value_that_stands_for_one():
    assert Preprocessing.parse("unit").apply(np.full((1, 1, 2, 2), 8, np.uint8), 16).max() == 0.5


def test_mean_and_std_of_ones_own():
    found = Preprocessing.parse("0.5/0.25").apply(np.full((1, 1, 2, 2), 255, np.uint8), 255)
    assert found.unique().tolist() == [2.0]


@pytest.mark.parametrize("name", ["none", "unit", "0.5/0.5"])
def test_the_data_are_never_changed(name):
    raw = np.ones((2, 1, 3, 3), np.float32)
    Preprocessing.parse(name).apply(raw, 1.0).zero_()
    assert (raw == 1).all()


@pytest.mark.parametrize(
    "text", ["imagnet", "0.5", "0.5/0", "0.5,0.5/0.1", "a/b", "nan/1", "1/2/3"]
)
def test_what_is_no_preprocessing_is_refused(text):
    with pytest.raises(UsageError, match=text):
        Preprocessing.parse(text)


@pytest.mark.parametrize("name", ["cifar100", "mnist", "half", "bgr:imagenet", "grey:0.5/0.25"])
def test_a_name_is_kept_as_it_was_written(name):
    assert Preprocessing.parse(name).name == name


def test_half_gives_values_from_minus_one_to_one():
    found = Preprocessing.parse("half").apply(np.array([[[[0, 255]]]], np.uint8), 255)
    assert found.flatten().tolist() == [-1, 1]


def test_blue_comes_first_with_its_own_mean():
    found = Preprocessing.parse("bgr:imagenet").apply(IMAGES, 255)
    torch.testing.assert_close(found, Preprocessing.parse("imagenet").apply(IMAGES, 255).flip(1))


def test_raw_values_can_have_blue_first():
    assert (Preprocessing.parse("bgr:none").apply(IMAGES, 255).numpy() == IMAGES[:, ::-1]).all()


def test_grey_images_are_repeated_for_a_network_of_colours():
    grey = IMAGES[:, :1]
    preprocessing = Preprocessing.parse("rgb:imagenet")
    preprocessing.check_channels(1)
    expected = Preprocessing.parse("imagenet").apply(np.repeat(grey, 3, axis=1), 255)
    assert torch.equal(preprocessing.apply(grey, 255), expected)


def test_grey_agrees_with_torchvision():
    from torchvision.transforms import v2

    preprocessing = Preprocessing.parse("grey:unit")
    preprocessing.check_channels(3)
    expected = v2.functional.rgb_to_grayscale(torch.from_numpy(IMAGES).float() / 255)
    torch.testing.assert_close(preprocessing.apply(IMAGES, 255), expected, atol=2e-4, rtol=0)


@pytest.mark.parametrize("name", ["rgb:cifar10", "bgr:half", "grey:mnist"])
def test_images_of_the_right_channels_are_left_as_they_are(name):
    channels = 1 if name.startswith("grey") else 3
    found = Preprocessing.parse(name).apply(IMAGES[:, :channels], 255)
    plain = Preprocessing.parse(name.partition(":")[2]).apply(IMAGES[:, :channels], 255)
    assert torch.equal(found, plain.flip(1) if name.startswith("bgr") else plain)


@pytest.mark.parametrize("text", ["gbr:unit", "grey:imagenet", "rgb:1,2/1,2", "rgb:imagnet"])
def test_channels_that_do_not_fit_are_refused(text):
    with pytest.raises(UsageError, match=text):
        Preprocessing.parse(text)


def test_tables_have_no_colours():
    with pytest.raises(UsageError, match="grey or colour"):
        Preprocessing.parse("bgr:unit").check_channels(7)


@pytest.mark.parametrize(
    ("mean", "std", "name"),
    [
        ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225), "imagenet"),
        ([0.5, 0.5, 0.5], [0.5, 0.5, 0.5], "half"),
        ((0.0,), (1.0,), "unit"),
        ((0.25, 0.5, 0.125), (1, 2, 4), "0.25,0.5,0.125/1,2,4"),
    ],
)
def test_numbers_of_a_known_preprocessing_get_its_name(mean, std, name):
    found = Preprocessing.of(mean, std, "metadata")
    assert (found.name, found.found) == (name, "metadata")
    assert found == Preprocessing.parse(name, "metadata")


def test_the_refusal_of_grey_images_tells_how_to_repeat_them():
    with pytest.raises(UsageError, match="rgb:imagenet"):
        Preprocessing.parse("imagenet").check_channels(1)


def test_three_means_need_three_channels():
    with pytest.raises(UsageError, match="3 channels, the data have 1"):
        Preprocessing.parse("cifar10").check_channels(1)
