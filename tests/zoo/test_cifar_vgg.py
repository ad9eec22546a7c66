"""VGG for CIFAR under the names of four published codes."""

import pytest
import torch
from published import assert_the_same, shapes_of
from torch import nn

from repprobe import zoo
from repprobe.errors import UsageError

# as the codes list them: channels of the convolutions, M for a pooling
LISTS = {
    11: "64 M 128 M 256 256 M 512 512 M 512 512 M",
    13: "64 64 M 128 128 M 256 256 M 512 512 M 512 512 M",
    16: "64 64 M 128 128 M 256 256 256 M 512 512 512 M 512 512 512 M",
    19: "64 64 M 128 128 M 256 256 256 256 M 512 512 512 512 M 512 512 512 512 M",
}


class Published(nn.Module):
    def __init__(self, depth, batch_norm, classifier):
        super().__init__()
        parts, before = [], 3
        for entry in LISTS[depth].split():
            if entry == "M":
                parts.append(nn.MaxPool2d(2, 2))
                continue
            parts.append(nn.Conv2d(before, int(entry), 3, padding=1))
            if batch_norm:
                parts.append(nn.BatchNorm2d(int(entry)))
            parts.append(nn.ReLU(inplace=True))
            before = int(entry)
        self.features = nn.Sequential(*parts)
        self.classifier = classifier

    def forward(self, x):
        x = self.features(x)
        return self.classifier(x.view(x.size(0), -1))


def chenyaofo():
    return nn.Sequential(
        *(nn.Linear(512, 512), nn.ReLU(), nn.Dropout()),
        *(nn.Linear(512, 512), nn.ReLU(), nn.Dropout()),
        nn.Linear(512, 7),
    )


def weiaicunzai():
    first, second = nn.Linear(512, 4096), nn.Linear(4096, 4096)
    return nn.Sequential(first, nn.ReLU(), nn.Dropout(), second, nn.ReLU(), nn.Linear(4096, 7))


def chengyangfu():
    return nn.Sequential(
        *(nn.Dropout(), nn.Linear(512, 512), nn.ReLU()),
        *(nn.Dropout(), nn.Linear(512, 512), nn.ReLU()),
        nn.Linear(512, 7),
    )


def kuangliu():
    return nn.Linear(512, 7)


@pytest.mark.parametrize("depth", LISTS)
def test_every_depth_computes_what_the_published_code_computes(depth):
    assert_the_same("cifar-vgg", Published(depth, True, kuangliu()), 3, 32, 32)


@pytest.mark.parametrize("classifier", [kuangliu, chenyaofo, weiaicunzai, chengyangfu])
def test_every_head_computes_what_the_published_code_computes(classifier):
    assert_the_same("cifar-vgg", Published(11, False, classifier()), 3, 32, 32)


def test_torchvisions_vgg_is_not_taken_for_it():
    torchvision = pytest.importorskip("torchvision")
    with torch.device("meta"):
        shapes = shapes_of(torchvision.models.vgg11_bn())
    assert zoo.guess_arguments("cifar-vgg", shapes) is None


def test_another_depth_is_refused():
    with pytest.raises(UsageError, match="depth must be 11 or 13 or 16 or 19, not '12'"):
        zoo.build("cifar-vgg", depth=12)
