"""Convolutions run on images whose channels lie together, wherever the network allows it."""

import numpy as np
import pytest
import torch
from torch import nn

from repprobe.capture import capture
from repprobe.memory_format import fastest_format

from .conftest import everything, fed, make_data, make_model
from .networks import CifarResNet, SmallCNN, Waves


class Seen(nn.Conv2d):
    """Notes whether the channels of its input lie together."""

    together = None

    def forward(self, x):
        type(self).together = x.is_contiguous(memory_format=torch.channels_last)
        return super().forward(x)


class Flattening(nn.Module):
    """Flattens its maps by a view or by a reshape."""

    def __init__(self, how):
        super().__init__()
        self.how = how
        self.conv = Seen(3, 8, 3)
        self.head = nn.Linear(8 * 36, 3)

    def forward(self, x):
        x = self.conv(x)
        x = x.view(len(x), -1) if self.how == "view" else x.reshape(len(x), -1)
        return self.head(x)


@torch.inference_mode()
@pytest.mark.parametrize(("how", "together"), [("reshape", True), ("view", False)])
def test_a_network_that_needs_contiguous_maps_is_given_them(how, together):
    net, data = Flattening(how).eval(), make_data(3, 8, 8)
    expected = net(torch.from_numpy(everything(data))).numpy()
    features = capture(make_model(net), data, train_rows=np.arange(20), layers=["all"])
    np.testing.assert_allclose(features["head"], expected, atol=1e-5)
    assert net.conv.together is together


def test_the_parameters_are_left_in_their_order():
    net = CifarResNet(blocks=1).eval()
    strides = [p.stride() for p in net.parameters()]
    capture(make_model(net), make_data(3, 8, 8), train_rows=np.arange(20))
    assert [p.stride() for p in net.parameters()] == strides


@pytest.mark.parametrize(
    ("net", "shape", "expected"),
    [
        (SmallCNN(), (2, 1, 8, 8), torch.channels_last),
        (Waves(), (2, 2, 30), torch.contiguous_format),
        (nn.Flatten(), (2, 1, 8, 8), torch.contiguous_format),
    ],
)
def test_images_for_convolutions_have_their_channels_together(net, shape, expected):
    assert fastest_format(net, fed(torch.zeros(shape))) == expected
