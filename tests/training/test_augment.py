"""Crops and flips of batches of images."""

import numpy as np
import pytest
import torch

from repprobe.training.augment import PADDING, crop_and_flip


def draw(down, right, mirrored):
    """Draws that shift by so many pixels of the padded image, from 0 to 8."""
    return [(down + 0.5) / 9, (right + 0.5) / 9, 0.0 if mirrored else 0.9]


@pytest.fixture
def images():
    return torch.arange(1, 4 * 2 * 5 * 7 + 1).reshape(4, 2, 5, 7).to(torch.float32)


def test_the_middle_window_is_the_image(images):
    unmoved = np.array([draw(PADDING, PADDING, False)] * 4)
    assert torch.equal(crop_and_flip(images, unmoved), images)


def test_each_image_goes_its_own_way(images):
    draws = np.array([draw(0, 8, False), draw(4, 4, True), draw(8, 0, True), draw(5, 3, False)])
    found = crop_and_flip(images, draws)
    padded = np.pad(images.numpy(), ((0, 0), (0, 0), (4, 4), (4, 4)))
    windows = [(0, 8), (4, 4), (8, 0), (5, 3)]
    for i, (down, right) in enumerate(windows):
        window = padded[i, :, down : down + 5, right : right + 7]
        expected = window[:, :, ::-1] if i in (1, 2) else window
        np.testing.assert_array_equal(found[i].numpy(), expected)


def test_every_crop_lies_within_the_padded_image():
    """The largest draw below 1 is the last window, and what moved in is black."""
    images = torch.full((2, 3, 8, 8), 255, dtype=torch.uint8)
    found = crop_and_flip(images, np.array([[0.0, 0.0, 0.9], [np.nextafter(1, 0)] * 3]))
    assert found.dtype == torch.uint8
    assert found.shape == images.shape
    assert (found == 255).sum((1, 2, 3)).tolist() == [3 * 16, 3 * 16]
    assert found[0, 0, 4:, 4:].eq(255).all()
    assert found[1, 0, :4, :4].eq(255).all()


def test_the_images_themselves_are_left_alone(images):
    before = images.clone()
    crop_and_flip(images, np.array([draw(1, 2, True)] * 4)).zero_()
    assert torch.equal(images, before)
