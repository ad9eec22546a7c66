"""Wide residual networks, as xternalz's and meliketoy's code have them."""

import pytest
from published import assert_the_same, shapes_of
from torch import nn
from torch.nn import functional as F

from repprobe import zoo
from repprobe.errors import UsageError


class BlockX(nn.Module):
    def __init__(self, before, after, stride):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(before)
        self.conv1 = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.equal = before == after
        if not self.equal:
            self.convShortcut = nn.Conv2d(before, after, 1, stride, bias=False)

    def forward(self, x):
        out = F.relu(self.bn1(x))
        beside = x if self.equal else self.convShortcut(out)
        return beside + self.conv2(F.relu(self.bn2(self.conv1(out))))


class BlockM(nn.Module):
    def __init__(self, before, after, stride):
        super().__init__()
        self.bn1 = nn.BatchNorm2d(before)
        self.conv1 = nn.Conv2d(before, after, 3, padding=1)
        self.bn2 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, stride, 1)
        self.shortcut = nn.Sequential()
        if stride != 1 or before != after:
            self.shortcut = nn.Sequential(nn.Conv2d(before, after, 1, stride))

    def forward(self, x):
        out = self.conv1(F.relu(self.bn1(x)))
        return self.conv2(F.relu(self.bn2(out))) + self.shortcut(x)


class Holder(nn.Module):
    def __init__(self, layer):
        super().__init__()
        self.layer = layer

    def forward(self, x):
        return self.layer(x)


class Published(nn.Module):
    def __init__(self, block, number, width):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=block is BlockM)
        self.stages, before = [], 16
        for stage, after in enumerate((16 * width, 32 * width, 64 * width), start=1):
            parts = []
            for i in range(number):
                parts.append(block(before, after, 2 if stage > 1 and i == 0 else 1))
                before = after
            layer = nn.Sequential(*parts)
            name = f"block{stage}" if block is BlockX else f"layer{stage}"
            setattr(self, name, Holder(layer) if block is BlockX else layer)
            self.stages.append(name)
        self.bn1 = nn.BatchNorm2d(before)
        setattr(self, "fc" if block is BlockX else "linear", nn.Linear(before, 7))

    def forward(self, x):
        x = self.conv1(x)
        for stage in self.stages:
            x = getattr(self, stage)(x)
        x = F.avg_pool2d(F.relu(self.bn1(x)), 8).flatten(1)
        return self.fc(x) if hasattr(self, "fc") else self.linear(x)


@pytest.mark.parametrize("block", [BlockX, BlockM])
@pytest.mark.parametrize(("number", "width"), [(1, 2), (2, 1)])
def test_it_computes_what_the_published_code_computes(block, number, width):
    assert_the_same("wide-resnet", Published(block, number, width), 3, 32, 32)


def test_wrn_28_10_has_the_parameters_of_the_paper():
    # 36.5 M in table 4 of arXiv 1605.07146
    network = zoo.build("wide-resnet")
    assert round(sum(p.numel() for p in network.parameters()) / 1e6, 1) == 36.5


def test_a_post_activation_resnet_is_not_taken_for_it():
    shapes = shapes_of(zoo.build("cifar-resnet", depth=8, shortcut="B"))
    assert zoo.guess_arguments("wide-resnet", shapes) is None


def test_other_depths_than_6n_plus_4_are_refused():
    with pytest.raises(UsageError, match=r"depth must be 6n \+ 4 .*, not 20"):
        zoo.build("wide-resnet", depth=20)
