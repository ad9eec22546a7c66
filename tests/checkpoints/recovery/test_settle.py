"""Plain networks are recovered from their bare state dicts and labelled data."""

from collections import OrderedDict
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from repprobe import load_data, zoo
from repprobe.checkpoints.preprocessing import Preprocessing
from repprobe.checkpoints.recovery import hypotheses, settle
from repprobe.data import ArrayPart
from repprobe.errors import CheckpointError

EPOCHS = 25


@pytest.fixture(scope="module")
def digits():
    """The digits with a training part of 700, so that a race is soon over."""
    data = load_data("digits")
    rows = np.arange(700)
    part = ArrayPart(data.train.inputs(rows), data.train.labels[rows])
    return replace(data, train=part)


def trained(network, data, preprocess, seed=0):
    """Train on the digits for a few seconds; returns the network in evaluation mode."""
    x = Preprocessing.parse(preprocess).apply(inputs(data), data.unit)
    y = torch.from_numpy(data.train.labels)
    generator = torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, EPOCHS)
    for _ in range(EPOCHS):
        for rows in torch.randperm(len(y), generator=generator).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(x[rows]), y[rows]).backward()
            optimizer.step()
        schedule.step()
    return network.eval()


def inputs(data):
    return data.train.inputs(np.arange(len(data.train)))


def recovered(network, data):
    tensors = network.state_dict()
    shapes = {key: tuple(value.shape) for key, value in tensors.items()}
    return settle(hypotheses(shapes, data.input_shape, "bare.pt"), tensors, data)


def answers(found, network, data):
    """What the recovered network puts out with the weights of the other."""
    plain = zoo.build("plain", **found.arguments)
    plain.load_state_dict(network.state_dict())
    return plain.eval()(found.preprocessing.apply(inputs(data), data.unit))


def multilayer():
    return nn.Sequential(
        *(nn.Flatten(), nn.Linear(64, 40), nn.Tanh(), nn.Linear(40, 30), nn.Tanh()),
        nn.Linear(30, 10),
    )


def pooled():
    parts = OrderedDict(
        conv1=nn.Conv2d(1, 8, 3, padding=1),
        relu1=nn.ReLU(),
        pool=nn.MaxPool2d(2),
        conv2=nn.Conv2d(8, 12, 3, padding=1),
        relu2=nn.ReLU(),
        flatten=nn.Flatten(),
        fc1=nn.Linear(12 * 16, 32),
        relu3=nn.ReLU(),
        fc2=nn.Linear(32, 10),
    )
    return nn.Sequential(parts)


def strided():
    return nn.Sequential(
        *(nn.Conv2d(1, 8, 3, 2, 1, bias=False), nn.BatchNorm2d(8), nn.Tanh()),
        *(nn.Conv2d(8, 12, 3, bias=False), nn.BatchNorm2d(12), nn.Tanh()),
        *(nn.Flatten(), nn.Linear(12 * 4, 10)),
    )


@pytest.mark.parametrize(
    ("network", "preprocess"),
    [(multilayer, "0.5/0.5"), (strided, "0.1307/0.3081")],
)
def test_the_outputs_are_those_of_the_original(network, preprocess, digits):
    torch.manual_seed(1)
    original = trained(network(), digits, preprocess)
    found = recovered(original, digits)
    x = Preprocessing.parse(preprocess).apply(inputs(digits), digits.unit)
    assert torch.allclose(answers(found, original, digits), original(x), atol=1e-3)
    assert found.architecture == "zoo:plain"
    assert found.tried <= found.hypotheses
    assert f"{found.accuracy:.1%}" in found.sentence


@pytest.fixture(scope="module")
def lenet_like(digits):
    """A trained network with ReLU and maximum, and what was recovered of it."""
    torch.manual_seed(1)
    original = trained(pooled(), digits, "unit")
    return original, recovered(original, digits)


def test_the_same_again_gives_the_same(digits):
    torch.manual_seed(1)
    original = trained(multilayer(), digits, "unit")
    one, other = recovered(original, digits), recovered(original, digits)
    assert one.sentence == other.sentence
    assert one.layers == other.layers


def test_a_lenet_like_network_is_recovered(lenet_like, digits):
    original, found = lenet_like
    x = Preprocessing.parse("unit").apply(inputs(digits), digits.unit)
    assert torch.allclose(answers(found, original, digits), original(x), atol=1e-5)
    assert found.accuracy > 0.9


def test_relu_or_a_slightly_leaky_one_is_not_called_certain(lenet_like):
    _, found = lenet_like
    kinds = {layer["kind"] for rival in found.rivals for layer in rival.layers}
    assert not found.certain
    assert "leaky_relu" in kinds
    assert "That is not certain" in found.sentence


def test_an_untrained_network_is_refused(digits, one_line):
    torch.manual_seed(1)
    with pytest.raises(CheckpointError, match="tell the classes of digits apart") as caught:
        recovered(pooled().eval(), digits)
    one_line(caught, "bare.pt")


def test_a_residual_network_under_other_names_is_refused(digits, one_line):
    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.a = nn.Conv2d(1, 8, 3, padding=1)
            self.rest = nn.ModuleList(nn.Conv2d(8, 8, 3, padding=1) for _ in range(4))
            self.z = nn.Linear(8, 10)

        def forward(self, x):
            x = self.a(x).relu()
            for first, second in zip(self.rest[::2], self.rest[1::2], strict=True):
                x = (x + second(first(x).relu())).relu()
            return self.z(x.amax((2, 3)))

    torch.manual_seed(1)
    original = trained(Residual(), digits, "unit")
    try:
        found = recovered(original, digits)
    except CheckpointError as error:
        assert "bare.pt" in str(error)
    else:
        assert not found.certain


def test_data_with_more_classes_than_outputs_are_refused(digits):
    network = nn.Sequential(nn.Flatten(), nn.Linear(64, 5))
    with pytest.raises(CheckpointError, match="has 5 outputs, and digits 10 classes"):
        recovered(network, digits)


def test_targets_of_a_regression_are_refused(digits):
    part = ArrayPart(inputs(digits), digits.train.labels.astype(np.float64))
    data = replace(digits, train=part, task="regression", classes=())
    with pytest.raises(CheckpointError, match="recovered by how it classifies"):
        recovered(nn.Sequential(nn.Flatten(), nn.Linear(64, 10)), data)
