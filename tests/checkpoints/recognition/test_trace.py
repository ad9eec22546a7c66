"""Networks have equal hashes if they compute the same, and other ones if they do not."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from repprobe.checkpoints.builders.vision import make_timm, make_torchvision
from repprobe.checkpoints.recognition.trace import expression

SIZE = (3, 8, 8)


class Network(nn.Module):
    """Two layers and what a test puts between and after them."""

    def __init__(self, between, after=lambda x: x.mean((2, 3))):
        super().__init__()
        self.conv, self.norm, self.head = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 5)
        self.between, self.after = between, after

    def forward(self, x):
        return self.head(self.after(self.between(self.norm(self.conv(x)))))


def hashed(between, after=None):
    more = {"after": after} if after else {}
    return expression(lambda: Network(between, **more), SIZE)


RELU = hashed(F.relu)

SAME = [
    lambda x: F.relu(x, inplace=True),
    lambda x: nn.ReLU()(F.dropout(x, training=False)),
    lambda x: x.relu().unsqueeze(0).squeeze(0).contiguous(),
    lambda x: x.relu().flatten(1).view(x.shape),
]
OTHER = [
    F.leaky_relu,
    F.gelu,
    lambda x: F.gelu(x, approximate="tanh"),
    lambda x: F.leaky_relu(x, 0.2),
    lambda x: F.relu(x).transpose(2, 3),
    lambda x: F.relu(x) * 0.5,
    lambda x: F.relu(x) + torch.linspace(0, 1, 6),
    lambda x: F.relu(x) + torch.linspace(0, 2, 6),
    lambda x: F.max_pool2d(F.relu(x), 2),
    lambda x: x,
]


@pytest.mark.parametrize("between", SAME)
def test_other_words_for_the_same_have_the_same_hash(between):
    assert RELU is not None
    assert hashed(between) == RELU


def test_every_other_function_has_a_hash_of_its_own():
    found = [RELU, *map(hashed, OTHER)]
    assert None not in found
    assert len(set(found)) == len(found)


def test_pooling_by_a_layer_is_a_mean():
    pooled = hashed(F.relu, lambda x: torch.flatten(F.adaptive_avg_pool2d(x, 1), 1))
    assert pooled == RELU
    assert hashed(F.relu, lambda x: x.amax((2, 3))) != RELU


def test_memory_that_is_written_through_a_view_is_another_value():
    def written(x):
        x[:, :1].zero_()
        return x

    assert hashed(written) not in (None, hashed(lambda x: x))


def test_constants_count_by_their_values():
    class Scaled(Network):
        def __init__(self, scale):
            super().__init__(F.relu)
            self.register_buffer("scale", torch.arange(4.0) * scale, persistent=False)
            self.after = lambda x: x.mean((2, 3)) * self.scale

    one, other = (expression(lambda s=s: Scaled(s), SIZE) for s in (1, 2))
    assert None not in (one, other)
    assert one != other


def test_what_cannot_be_run_has_no_hash():
    assert hashed(lambda x: x.reshape(7)) is None


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        (("torchvision", "resnet18"), ("timm", "resnet18"), True),
        (("timm", "resnet18"), ("timm", "resnetblur18"), False),
        (("timm", "vit_tiny_patch16_224"), ("timm", "deit_tiny_patch16_224"), True),
        (("timm", "tf_efficientnet_b0"), ("timm", "efficientnet_b0"), False),
    ],
)
def test_networks_of_libraries_are_told_apart(one, other, same):
    make = {"torchvision": make_torchvision, "timm": make_timm}
    hashes = [expression(lambda s=s, n=n: make[s](n), (3, 224, 224)) for s, n in (one, other)]
    assert None not in hashes
    assert (hashes[0] == hashes[1]) is same
