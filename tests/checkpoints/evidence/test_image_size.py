"""The size of images is the one in which a network runs and answers best."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from made_networks import fitted, model_of
from torch import nn

from repprobe import load_data
from repprobe.checkpoints.evidence import find_image_size
from repprobe.data import ArrayPart
from repprobe.errors import CaptureError, UsageError


def digits(size):
    """Return the digits with every pixel as a square, cut to `size` by repetition."""
    data = load_data("digits")
    if size is None:
        return data

    def resized(part):
        raw = np.asarray(part.inputs(np.arange(len(part))))
        places = np.arange(size) * raw.shape[-1] // size
        return ArrayPart(raw[:, :, places][..., places], part.labels)

    return replace(data, train=resized(data.train), test=resized(data.test))


def test_sizes_that_the_network_cannot_take_are_out():
    model = fitted(digits(16), "half")
    found = find_image_size(model, digits, [None, 16, 24])
    assert (found.size, found.data.input_shape) == (16, (1, 16, 16))
    assert found.certain
    assert found.model.preprocessing.name == "half"
    assert "cannot be run" in found.table[0]["reason"]
    assert "16 pixels" in found.how


def test_a_network_of_any_size_takes_that_in_which_it_answers_best():
    torch.manual_seed(0)
    inner = fitted(digits(None), "unit").module
    # strided so that what lies within its reach depends on the size
    model = model_of(nn.Sequential(nn.AdaptiveMaxPool2d(8), *inner))
    assert find_image_size(model, digits, [None, 12]).size is None
    assert find_image_size(model, digits, [12, None]).size is None


def test_sizes_that_do_as_well_leave_the_first():
    inner = fitted(digits(None), "unit").module
    model = model_of(nn.Sequential(nn.AdaptiveAvgPool2d(8), *inner))
    found = find_image_size(model, digits, [None, 16])
    assert (found.size, found.certain) == (None, False)
    assert "--image-size" in found.how


def test_no_size_that_fits_is_an_error(one_line):
    with pytest.raises(CaptureError) as caught:
        find_image_size(model_of(nn.Linear(3, 10)), digits, [None, 16])
    one_line(caught, "cannot be run")
    with pytest.raises(UsageError):
        find_image_size(model_of(nn.Linear(3, 10)), digits, [])
