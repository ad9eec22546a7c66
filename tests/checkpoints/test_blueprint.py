"""Blueprints tell the shapes of a network and leave the random state alone."""

import torch
from torch import nn

from repprobe import zoo
from repprobe.checkpoints.blueprint import blueprint, build_on_meta, build_uninitialized, shapes_of


def test_shapes_are_those_of_the_real_network():
    build = lambda: zoo.build("cifar-resnet", shortcut="B")  # noqa: E731
    assert blueprint(build) == shapes_of(build().state_dict())


def test_nothing_is_allocated():
    # 400 TB
    assert blueprint(lambda: nn.Linear(10**7, 10**7))["weight"] == (10**7, 10**7)


def test_a_builder_that_computes_with_its_weights_is_built_for_real():
    def build():
        network = nn.Linear(3, 4)
        network.register_buffer("norm", torch.tensor(network.weight.sum().item()))
        return network

    assert blueprint(build) == {"weight": (4, 3), "bias": (4,), "norm": ()}


def test_the_random_state_is_as_before():
    before = torch.get_rng_state()
    blueprint(lambda: zoo.build("small-cnn"))
    build_uninitialized(lambda: nn.Sequential(nn.Linear(3, 4), nn.Dropout(), Noise()))
    assert torch.equal(torch.get_rng_state(), before)


class Noise(nn.Module):
    """A module that draws in its constructor."""

    def __init__(self):
        super().__init__()
        self.register_buffer("noise", torch.randn(3))


def test_buffers_are_made_as_usual():
    network = build_uninitialized(lambda: nn.BatchNorm1d(5))
    assert torch.equal(network.running_var, torch.ones(5))


class Started(nn.Module):
    """A module that computes with its parameters' values in its constructor, in place."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(4, 3))
        with torch.no_grad():
            self.weight.uniform_(0, 1).mul_(2).erfinv_().clamp_(-1, 1)
        self.register_buffer("count", torch.zeros(3))
        self.count += 1


def test_initialization_in_any_number_of_steps_is_left_out():
    network = build_on_meta(Started)
    assert network.weight.is_meta
    assert network.count.is_meta
    assert torch.equal(build_uninitialized(Started).count, torch.ones(3))
