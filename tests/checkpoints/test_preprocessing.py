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


def test_three_means_need_three_channels():
    with pytest.raises(UsageError, match="3 channels, the data have 1"):
        Preprocessing.parse("cifar10").check_channels(1)
