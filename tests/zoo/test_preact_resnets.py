"""Deeper pre-activation ResNets, as kuangliu's and DivideMix's code have them."""

import pytest
from published import assert_the_same, shapes_of
from torch import nn
from torch.nn import functional as F

from repprobe import zoo


class Block(nn.Module):
    def __init__(self, before, planes, stride, bottleneck, activated):
        super().__init__()
        after = 4 * planes if bottleneck else planes
        sizes = [(before, planes, 3, stride), (planes, planes, 3, 1)]
        if bottleneck:
            sizes = [(before, planes, 1, 1), (planes, planes, 3, stride), (planes, after, 1, 1)]
        for i, (a, b, kernel, step) in enumerate(sizes, start=1):
            setattr(self, f"bn{i}", nn.BatchNorm2d(a))
            setattr(self, f"conv{i}", nn.Conv2d(a, b, kernel, step, kernel // 2, bias=False))
        self.number = len(sizes)
        if stride != 1 or before != after:
            self.shortcut = nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False))
        elif activated:
            self.shortcut = nn.Sequential()

    def forward(self, x):
        out = F.relu(self.bn1(x))
        shortcut = self.shortcut(out) if hasattr(self, "shortcut") else x
        out = self.conv1(out)
        for i in range(2, self.number + 1):
            out = getattr(self, f"conv{i}")(F.relu(getattr(self, f"bn{i}")(out)))
        return out + shortcut


class Published(nn.Module):
    def __init__(self, blocks, bottleneck, norm):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
        if norm == "first":
            self.bn1 = nn.BatchNorm2d(64)
        before = 64
        for stage, number in enumerate(blocks):
            parts = []
            for i in range(number):
                stride = 2 if stage and i == 0 else 1
                planes = 64 * 2**stage
                parts.append(Block(before, planes, stride, bottleneck, norm == "first"))
                before = planes * (4 if bottleneck else 1)
            setattr(self, f"layer{stage + 1}", nn.Sequential(*parts))
        if norm == "last":
            self.bn = nn.BatchNorm2d(before)
        self.linear = nn.Linear(before, 7)

    def forward(self, x):
        x = self.conv1(x)
        if hasattr(self, "bn1"):
            x = F.relu(self.bn1(x))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        if hasattr(self, "bn"):
            x = F.relu(self.bn(x))
        return self.linear(F.avg_pool2d(x, 4).flatten(1))


@pytest.mark.parametrize("norm", ["first", "none", "last"])
@pytest.mark.parametrize("bottleneck", [False, True])
def test_it_computes_what_the_published_code_computes(bottleneck, norm):
    assert_the_same("preact-resnet", Published((1, 2, 1, 1), bottleneck, norm), 3, 32, 32)


@pytest.mark.parametrize(
    ("blocks", "block"), [((3, 4, 6, 3), "basic"), ((3, 8, 36, 3), "bottleneck")]
)
def test_depth_and_block_are_read_off_the_keys(blocks, block):
    shapes = shapes_of(zoo.build("preact-resnet", blocks=blocks, block=block, width=0.0625))
    guess = zoo.guess_arguments("preact-resnet", shapes)
    assert (tuple(guess["blocks"]), guess["block"]) == (blocks, block)


def test_resnet18_keeps_its_own_name():
    shapes = shapes_of(zoo.build("preact-resnet18", width=0.125))
    assert zoo.guess_arguments("preact-resnet", shapes) is None
