"""Of architectures that fit the same tensors, the one that answers best is taken."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from made_networks import colours, fitted, model_of
from torch import nn

from repprobe import load_data
from repprobe.checkpoints.evidence import settle
from repprobe.errors import CaptureError


@pytest.fixture(scope="module")
def digits():
    return load_data("digits")


@pytest.fixture(scope="module")
def network(digits):
    return fitted(digits, "unit")


def other(network, activation, name):
    """Return a network with the same tensors and another forward pass."""
    flatten, first, _, last = network.module
    return model_of(nn.Sequential(flatten, first, activation, last), name)


def test_the_right_forward_pass_is_taken(digits, network):
    models = [
        other(network, nn.Sigmoid(), "sigmoid"),
        other(network, nn.ReLU(), "relu"),
        other(network, nn.Tanh(), "tanh"),
    ]
    found = settle(models, digits)
    assert (found.index, found.model.architecture, found.certain) == (1, "relu", True)
    assert found.model.preprocessing.found != "default"
    assert "relu is taken" in found.how
    assert found.to_dict()["alternatives"][0]["architecture"] == "sigmoid"


def test_networks_that_answer_the_same_are_one(digits, network):
    models = [
        other(network, nn.ReLU(), "relu"),
        other(network, nn.LeakyReLU(0.0), "same"),
        other(network, nn.Sigmoid(), "sigmoid"),
    ]
    found = settle(models, digits)
    assert found.same == ((0, 1), (2,))
    assert found.certain
    assert "same answers the same" in found.how


def test_what_cannot_be_told_is_not_certain(digits, network):
    models = [
        other(network, nn.ReLU(), "relu"),
        other(network, nn.LeakyReLU(1e-3), "leaky"),
    ]
    for ordered in (models, models[::-1]):
        found = settle(ordered, digits)
        assert (found.index, found.certain) == (0, False)
        assert "--arch" in found.how


def test_a_network_that_does_not_run_is_out(digits, network):
    broken = model_of(nn.Sequential(*list(network.module)[1:]), "broken")
    found = settle([broken, network], digits)
    assert (found.index, found.certain) == (1, True)
    assert "broken cannot be run" in found.how


def test_none_that_runs_is_an_error(digits, network, one_line):
    broken = model_of(nn.Linear(3, 10), "broken")
    with pytest.raises(CaptureError) as caught:
        settle([broken, broken], digits)
    one_line(caught, "broken", "cannot be run")


def test_a_preprocessing_that_was_given_is_kept(digits, network):
    told = replace(network, preprocessing=replace(network.preprocessing, found="option"))
    found = settle([told, other(network, nn.Tanh(), "tanh")], digits)
    assert found.finding is None
    assert found.model.preprocessing.found == "option"


def test_batch_statistics_tell_where_answers_do_not():
    data = colours()
    labels = np.random.default_rng(1).permutation(data.train.labels)
    data = replace(data, train=replace(data.train, labels=labels))
    torch.manual_seed(0)
    first, second = nn.BatchNorm2d(6, momentum=None), nn.BatchNorm2d(6, momentum=None)
    convs = nn.Conv2d(3, 6, 3), nn.Conv2d(6, 6, 3)
    head = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, 3))

    def net(activation, name):
        return model_of(nn.Sequential(convs[0], first, activation, convs[1], second, head), name)

    right = net(nn.ReLU(), "relu")
    with torch.no_grad():
        x = right.preprocessing.apply(data.train.inputs(slice(None)), data.unit)
        right.module.train()(x)
        right.module.eval()
    found = settle([net(nn.Tanh(), "tanh"), right], data)
    assert (found.model.architecture, found.certain) == ("relu", False)
    assert "batch statistics" in found.how
