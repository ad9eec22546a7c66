"""A network on trial stays as it was, and answers what it would have answered."""

import random

import numpy as np
import pytest
import torch
from made_networks import colours, normalized
from torch import nn

from repprobe.checkpoints import Preprocessing
from repprobe.checkpoints.evidence import find_preprocessing
from repprobe.checkpoints.evidence.sample import Sample
from repprobe.checkpoints.evidence.trial import affordable, on_trial
from repprobe.errors import CaptureError

UNIT = Preprocessing.parse("unit")


@pytest.fixture(scope="module")
def data():
    return colours()


def test_measuring_changes_nothing(data):
    model = normalized(data, "unit", 300, channels=3)
    module = model.module.train()
    module[0].eval()
    module[5].weight.grad = torch.ones_like(module[5].weight)
    before = {key: value.clone() for key, value in module.state_dict().items()}
    torch.manual_seed(3), random.seed(3), np.random.seed(3)  # noqa: NPY002
    expected = torch.rand(1), random.random(), np.random.random()  # noqa: NPY002
    torch.manual_seed(3), random.seed(3), np.random.seed(3)  # noqa: NPY002
    find_preprocessing(model, data, examples=100)
    assert (torch.rand(1), random.random(), np.random.random()) == expected  # noqa: NPY002
    assert [m.training for m in module] == [False, *[True] * 5]
    assert all(torch.equal(value, before[key]) for key, value in module.state_dict().items())
    assert (module[5].weight.grad == 1).all()
    assert not any(m._forward_pre_hooks or m._forward_hooks for m in module.modules())
    assert all(p.requires_grad and not p.is_inference() for p in module.parameters())


def test_answers_are_those_of_the_network_in_evaluation_mode(data):
    model = normalized(data, "unit", 300, channels=3)
    sample = Sample.of(data, 50)
    with on_trial(model.module) as trial:
        found = trial.output(sample, UNIT)
    with torch.no_grad():
        expected = model.module.eval()(UNIT.apply(sample.raw, data.unit))
    torch.testing.assert_close(found, expected)


def test_a_wrong_shape_is_one_line(data, one_line):
    with on_trial(nn.Linear(3, 2)) as trial, pytest.raises(CaptureError) as caught:
        trial.output(Sample.of(data, 10), UNIT)
    one_line(caught, "cannot be run on the data")


def test_the_first_examples_of_a_larger_sample_are_those_of_a_smaller_one(data):
    small, large = Sample.of(data, 50), Sample.of(data, 200)
    assert (small.raw == large.first(50).raw).all()
    assert (small.labels == large.labels[:50]).all()


def test_logits_are_found_in_what_a_network_puts_out(data):
    class Wrapped(nn.Module):
        def forward(self, x):
            return {"features": x.flatten(1), "logits": x.mean((2, 3))}

    sample = Sample.of(data, 10)
    with on_trial(Wrapped()) as trial:
        assert trial.output(sample, UNIT).shape == (10, 3)


def test_a_large_network_is_tried_on_fewer_examples(data):
    sample = Sample.of(data, 300)
    small, large = nn.Conv2d(3, 8, 3), nn.Sequential(nn.Conv2d(3, 2048, 9), nn.Conv2d(2048, 8, 9))
    with on_trial(nn.Sequential(small, nn.Flatten())) as trial:
        assert affordable(trial, sample) == 300
    with on_trial(nn.Sequential(large, nn.Flatten())) as trial:
        assert 64 <= affordable(trial, sample) < 300
