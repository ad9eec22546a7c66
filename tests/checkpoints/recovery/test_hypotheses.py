"""What a state dict and the size of the input leave open, and what is no plain network."""

import pytest
import torch
from torch import nn

from repprobe import zoo
from repprobe.checkpoints.recovery import hypotheses
from repprobe.checkpoints.recovery.hypothesis import Hypothesis
from repprobe.errors import CheckpointError


def shapes_of(network):
    return {key: tuple(value.shape) for key, value in network.state_dict().items()}


def lenet():
    return nn.Sequential(
        *(nn.Conv2d(1, 6, 5), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten()),
        *(nn.Linear(256, 84), nn.ReLU(), nn.Linear(84, 10)),
    )


def built(found, activation="relu", pool="max"):
    """The network of the least surprising geometry."""
    acts = sum(layer.kind != "batch_norm" for layer in found.chain) - 1
    geometry = found.geometries[0]
    pools = tuple(pool if place.pool else "" for place in geometry.places)
    hypothesis = Hypothesis(geometry, (activation,) * acts, pools)
    return zoo.build("plain", layers=hypothesis.layers(found.chain))


def test_the_commonest_geometry_of_a_lenet_comes_first():
    torch.manual_seed(0)
    network = lenet()
    found = hypotheses(shapes_of(network), (1, 28, 28), "lenet.pt")
    assert found.count > 1000
    plain = built(found)
    plain.load_state_dict(network.state_dict())
    x = torch.randn(3, 1, 28, 28)
    assert torch.equal(plain(x), network(x))


def test_every_geometry_that_is_returned_can_be_run():
    network = nn.Sequential(
        *(nn.Conv2d(3, 4, 3, 2), nn.BatchNorm2d(4), nn.Conv2d(4, 8, (3, 1)), nn.Flatten()),
        *(nn.Linear(8 * 9, 20), nn.BatchNorm1d(20), nn.Linear(20, 10)),
    )
    found = hypotheses(shapes_of(network), (3, 13, 13), "strided.pt")
    x = torch.randn(2, 3, 13, 13)
    for geometry in found.geometries:
        pools = tuple("avg" if place.pool else "" for place in geometry.places)
        layers = Hypothesis(geometry, ("tanh",) * 3, pools).layers(found.chain)
        assert zoo.build("plain", layers=layers).eval()(x).shape == (2, 10)


def test_names_of_a_sequence_tell_where_poolings_can_stand():
    bare = nn.Sequential(
        *(nn.Conv2d(1, 4, 3, padding=1), nn.ReLU()),
        *(nn.Conv2d(4, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(4 * 16, 10)),
    )
    found = hypotheses(shapes_of(bare), (1, 8, 8), "bare.pt")
    assert [place.pool is None for place in found.geometries[0].places] == [True, False]


def test_a_network_for_colours_takes_grey_images_three_times():
    network = nn.Sequential(nn.Conv2d(3, 4, 3), nn.Flatten(), nn.Linear(4 * 36, 10))
    assert hypotheses(shapes_of(network), (1, 8, 8), "x.pt").channels == "rgb"
    assert hypotheses(shapes_of(network), (3, 8, 8), "x.pt").channels == ""


def test_without_data_it_is_asked_for():
    with pytest.raises(CheckpointError, match=r"'lenet.pt' is a plain network .* give --data"):
        hypotheses(shapes_of(lenet()), None, "lenet.pt")


def test_channels_that_a_network_cannot_take_are_refused():
    with pytest.raises(CheckpointError, match="takes 1 channels"):
        hypotheses(shapes_of(lenet()), (2, 28, 28), "lenet.pt")


def test_a_flattened_width_that_no_square_image_leads_to_is_refused():
    network = nn.Sequential(nn.Conv2d(1, 6, 5), nn.Flatten(), nn.Linear(6 * 7 * 9, 10))
    with pytest.raises(CheckpointError, match="no strides, paddings and poolings"):
        hypotheses(shapes_of(network), (1, 28, 28), "oblong.pt")


@pytest.mark.parametrize(
    "network",
    [
        lambda: zoo.build("cifar-resnet", depth=8),
        lambda: zoo.build("cifar-resnet", depth=8, shortcut="B"),
        lambda: zoo.build("wide-resnet", depth=10, width=1),
        lambda: nn.TransformerEncoderLayer(8, 2, 16),
        lambda: nn.Sequential(nn.Linear(8, 4), nn.LayerNorm(4), nn.Linear(4, 2)),
        lambda: nn.Sequential(nn.Linear(8, 4), nn.Linear(5, 2)),
        lambda: nn.Sequential(nn.Conv1d(1, 4, 3), nn.Linear(4, 2)),
    ],
)
def test_what_is_no_chain_is_refused(network, one_line):
    with pytest.raises(CheckpointError, match="is no plain chain") as caught:
        hypotheses(shapes_of(network()), (3, 32, 32), "other.pt")
    one_line(caught, "other.pt")
