"""The 6n+2 ResNets under the names that other published code gives them."""

import pytest
import torch
from published import assert_the_same, shapes_of
from torch import nn
from torch.nn import functional as F

from repprobe import zoo


class Block(nn.Module):
    """A block as the incremental-learning and pruning literature writes it."""

    def __init__(self, before, after, stride, projects):
        super().__init__()
        self.conv_a = nn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.bn_a = nn.BatchNorm2d(after)
        self.conv_b = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.bn_b = nn.BatchNorm2d(after)
        self.stride = stride
        if projects and stride == 2:
            self.downsample = nn.Sequential(
                nn.Conv2d(before, after, 1, 2, bias=False), nn.BatchNorm2d(after)
            )

    def forward(self, x):
        out = self.bn_b(self.conv_b(F.relu(self.bn_a(self.conv_a(x)))))
        if hasattr(self, "downsample"):
            x = self.downsample(x)
        elif self.stride == 2:
            x = F.avg_pool2d(x, 1, 2)
            x = torch.cat((x, x.mul(0)), 1)
        return F.relu(x + out)


class Stages(nn.Module):
    def __init__(self, blocks, head, projects, channels=3, classes=7):
        super().__init__()
        self.conv_1_3x3 = nn.Conv2d(channels, 16, 3, 1, 1, bias=False)
        self.bn_1 = nn.BatchNorm2d(16)
        before = 16
        for stage, after in ((1, 16), (2, 32), (3, 64)):
            parts = []
            for i in range(blocks):
                parts.append(Block(before, after, 2 if stage > 1 and i == 0 else 1, projects))
                before = after
            setattr(self, f"stage_{stage}", nn.Sequential(*parts))
        setattr(self, head, nn.Linear(64, classes))
        self.head = head

    def forward(self, x):
        x = F.relu(self.bn_1(self.conv_1_3x3(x)))
        x = self.stage_3(self.stage_2(self.stage_1(x)))
        return getattr(self, self.head)(F.avg_pool2d(x, 8).flatten(1))


@pytest.mark.parametrize("projects", [False, True])
@pytest.mark.parametrize("head", ["fc", "classifier"])
def test_stages_with_letters_compute_what_the_published_code_computes(head, projects):
    assert_the_same("cifar-resnet", Stages(2, head, projects), 3, 32, 32)


def test_shortcuts_named_downsample_are_recognized():
    network = zoo.build("cifar-resnet", depth=14, shortcut="B", head="fc", branch="downsample")
    guess = zoo.guess_arguments("cifar-resnet", shapes_of(network))
    assert (guess["depth"], guess["shortcut"]) == (14, "B")
    assert (guess["head"], guess["branch"]) == ("fc", "downsample")
