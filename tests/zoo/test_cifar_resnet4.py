"""ResNet-18 to -152 for CIFAR under the names of three published codes."""

import pytest
import torch
from published import assert_the_same, drawn, shapes_of
from torch import nn
from torch.nn import functional as F

from repprobe import zoo
from repprobe.errors import UsageError


def conv_bn(before, after, kernel, stride=1):
    return [
        nn.Conv2d(before, after, kernel, stride, kernel // 2, bias=False),
        nn.BatchNorm2d(after),
    ]


class Block(nn.Module):
    """A residual block with the names of kuangliu's or of weiaicunzai's code."""

    def __init__(self, before, planes, stride, bottleneck, function):
        super().__init__()
        after = 4 * planes if bottleneck else planes
        if bottleneck:
            self.pairs = [
                conv_bn(before, planes, 1),
                conv_bn(planes, planes, 3, stride),
                conv_bn(planes, after, 1),
            ]
        else:
            self.pairs = [conv_bn(before, planes, 3, stride), conv_bn(planes, planes, 3)]
        if function:
            parts = []
            for pair in self.pairs:
                parts += [*pair, nn.ReLU()]
            self.residual_function = nn.Sequential(*parts[:-1])
        else:
            for i, (conv, norm) in enumerate(self.pairs, start=1):
                setattr(self, f"conv{i}", conv)
                setattr(self, f"bn{i}", norm)
        self.shortcut = nn.Sequential()
        if stride != 1 or before != after:
            self.shortcut = nn.Sequential(*conv_bn(before, after, 1, stride))

    def forward(self, x):
        out = x
        for i, (conv, norm) in enumerate(self.pairs):
            out = norm(conv(F.relu(out) if i else out))
        return F.relu(out + self.shortcut(x))


class Published(nn.Module):
    def __init__(self, blocks, bottleneck=False, function=False, channels=3, classes=7):
        super().__init__()
        conv, norm = conv_bn(channels, 64, 3)
        if function:
            self.conv1 = nn.Sequential(conv, norm, nn.ReLU())
        else:
            self.conv1, self.bn1 = conv, norm
        self.layers, before = [], 64
        for stage, number in enumerate(blocks):
            planes, parts = 64 * 2**stage, []
            for i in range(number):
                stride = 2 if stage and i == 0 else 1
                parts.append(Block(before, planes, stride, bottleneck, function))
                before = planes * (4 if bottleneck else 1)
            self.layers.append(f"conv{stage + 2}_x" if function else f"layer{stage + 1}")
            setattr(self, self.layers[-1], nn.Sequential(*parts))
        setattr(self, "fc" if function else "linear", nn.Linear(before, classes))

    def forward(self, x):
        x = self.conv1(x)
        if hasattr(self, "bn1"):
            x = F.relu(self.bn1(x))
        for layer in self.layers:
            x = getattr(self, layer)(x)
        x = F.avg_pool2d(x, 4).flatten(1)
        return self.fc(x) if hasattr(self, "fc") else self.linear(x)


@pytest.mark.parametrize("function", [False, True])
@pytest.mark.parametrize(("blocks", "bottleneck"), [((2, 2, 2, 2), False), ((3, 4, 6, 3), True)])
def test_it_computes_what_the_published_code_computes(blocks, bottleneck, function):
    assert_the_same("cifar-resnet4", Published(blocks, bottleneck, function), 3, 32, 32)


@pytest.mark.parametrize("name", ["resnet34", "resnet101", "resnet152"])
def test_deeper_ones_have_torchvisions_keys_but_for_the_stem(name):
    torchvision = pytest.importorskip("torchvision")
    with torch.device("meta"):
        changed = torchvision.models.get_model(name, num_classes=5)
        changed.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
        guesses = zoo.registry.guesses("cifar-resnet4", shapes_of(changed))
        for guess in guesses:
            assert shapes_of(zoo.build("cifar-resnet4", **guess)) == shapes_of(changed)
    # whether the pooling behind the stem was kept cannot be seen
    assert [guess.get("stem_pool", False) for guess in guesses] == [False, True]


@pytest.mark.parametrize("pool", [False, True])
def test_torchvisions_with_another_stem_computes_the_same(pool):
    torchvision = pytest.importorskip("torchvision")
    changed = torchvision.models.resnet18(num_classes=5)
    changed.conv1 = nn.Conv2d(1, 64, 3, 1, 1, bias=False)
    if not pool:
        changed.maxpool = nn.Identity()
    drawn(changed)
    guess = zoo.registry.guesses("cifar-resnet4", shapes_of(changed))[pool]
    network = zoo.build("cifar-resnet4", **guess).eval()
    network.load_state_dict(changed.state_dict())
    x = torch.randn(2, 1, 28, 28)
    assert torch.allclose(network(x), changed(x), rtol=1e-4, atol=1e-5)


def test_torchvisions_own_stem_is_not_taken_for_it():
    torchvision = pytest.importorskip("torchvision")
    with torch.device("meta"):
        shapes = shapes_of(torchvision.models.resnet18())
    assert zoo.guess_arguments("cifar-resnet4", shapes) is None


def test_another_block_is_refused():
    with pytest.raises(UsageError, match="block must be basic or bottleneck, not 'wide'"):
        zoo.build("cifar-resnet4", block="wide")
