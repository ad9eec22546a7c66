"""Where inputs lie, and what they go through."""

import numpy as np
import pytest
import torch

from repprobe.checkpoints import Preprocessing
from repprobe.data import ArrayPart
from repprobe.training import inputs
from repprobe.training.inputs import make_inputs, read_raw, usual_preprocessing


def parsed(text):
    return [[float(v) for v in side.split(",")] for side in text.split("/")]


def test_mean_and_spread_per_channel_of_images(monkeypatch):
    monkeypatch.setattr(inputs, "_BLOCK", 7)
    images = np.random.default_rng(0).integers(0, 256, (50, 3, 4, 5)).astype(np.uint8)
    images[:, 2] //= 9
    mean, std = parsed(usual_preprocessing(torch.from_numpy(images), 255))
    values = images.transpose(1, 0, 2, 3).reshape(3, -1) / 255
    np.testing.assert_allclose(mean, values.mean(1), rtol=1e-3)
    np.testing.assert_allclose(std, values.std(1), rtol=1e-3)


def test_over_all_values_of_what_are_no_images():
    table = torch.tensor([[-1.0, 3.0], [-1.0, 3.0]])
    assert usual_preprocessing(table, 1) == "1/2"


def test_values_without_spread_are_only_centred():
    text = usual_preprocessing(torch.full((3, 1, 2, 2), 51, dtype=torch.uint8), 255)
    assert text == "0.2/1"
    assert (
        Preprocessing.parse(text).apply(np.full((1, 1, 2, 2), 51, np.uint8), 255).abs().max() < 1e-6
    )


def test_small_numbers_keep_four_digits():
    mean, std = parsed(usual_preprocessing(torch.tensor([[1e-6], [3e-6]]), 1))
    assert (mean, std) == (pytest.approx([2e-6]), pytest.approx([1e-6]))


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_inputs_are_what_preprocessing_makes_of_the_part(monkeypatch, dtype):
    monkeypatch.setattr(inputs, "_BLOCK", 4)
    array = np.random.default_rng(0).integers(0, 200, (11, 1, 2, 3)).astype(dtype)
    part, rows, seen = ArrayPart(array, np.zeros(11, np.int64)), np.arange(1, 11), []
    preprocessing = Preprocessing.parse("0.5/0.25")
    raw = read_raw(part, rows, lambda *step: seen.append(step))
    found = make_inputs(raw, part, rows, preprocessing, 200, torch.device("cpu"))
    places = np.array([9, 0, 0])
    fed = found.fed(places)
    assert (len(found), len(fed)) == (10, 3)
    assert torch.equal(fed.x, preprocessing.apply(array[rows[places]], 200))
    assert seen == [("read", 4, 10), ("read", 8, 10), ("read", 10, 10)]
    fed.x.zero_()
    assert torch.equal(found.fed(places).x, preprocessing.apply(array[rows[places]], 200))
