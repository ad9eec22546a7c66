"""LeNet-5, the tutorial's net and those of PyTorch's MNIST example."""

import pytest
import torch
from published import assert_the_same, drawn, shapes_of
from torch import nn
from torch.nn import functional as F

from repprobe import zoo


class Tutorial(nn.Module):
    """PyTorch's tutorial on CIFAR-10; LeNet of kuangliu's pytorch-cifar computes the same."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 6, 5)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        x = self.pool(F.relu(self.conv1(x)))
        x = torch.flatten(self.pool(F.relu(self.conv2(x))), 1)
        return self.fc3(F.relu(self.fc2(F.relu(self.fc1(x)))))


class Classic(nn.Module):
    """LeNet-5 for MNIST with tanh and averages."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1 = nn.Linear(400, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, 10)

    def forward(self, x):
        x = F.avg_pool2d(self.conv1(x).tanh(), 2)
        x = F.avg_pool2d(self.conv2(x).tanh(), 2).flatten(1)
        return self.fc3(self.fc2(self.fc1(x).tanh()).tanh())


class Example(nn.Module):
    """PyTorch's MNIST example as it is today."""

    def __init__(self, classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 32, 3, 1)
        self.conv2 = nn.Conv2d(32, 64, 3, 1)
        self.fc1 = nn.Linear(9216, 128)
        self.fc2 = nn.Linear(128, classes)

    def forward(self, x):
        x = F.max_pool2d(F.relu(self.conv2(F.relu(self.conv1(x)))), 2).flatten(1)
        return F.log_softmax(self.fc2(F.relu(self.fc1(x))), dim=1)


class EarlierExample(nn.Module):
    """PyTorch's MNIST example as it was before 2019."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 10, kernel_size=5)
        self.conv2 = nn.Conv2d(10, 20, kernel_size=5)
        self.conv2_drop = nn.Dropout2d()
        self.fc1 = nn.Linear(320, 50)
        self.fc2 = nn.Linear(50, 10)

    def forward(self, x):
        x = F.relu(F.max_pool2d(self.conv1(x), 2))
        x = F.relu(F.max_pool2d(self.conv2_drop(self.conv2(x)), 2)).view(-1, 320)
        return F.log_softmax(self.fc2(F.relu(self.fc1(x))), dim=1)


def test_the_tutorials_net_is_the_first_guess():
    assert_the_same("lenet", Tutorial(), 3, 32, 32)


def test_one_of_the_guesses_is_the_classic_lenet():
    published = drawn(Classic())
    x = torch.randn(2, 1, 28, 28)
    same = []
    for guess in zoo.registry.guesses("lenet", shapes_of(published)):
        network = zoo.build("lenet", **guess).eval()
        network.load_state_dict(published.state_dict())
        if guess["padding"] == 2:
            same.append(torch.allclose(network(x), published(x), atol=1e-5))
    assert sum(same) == 1


@pytest.mark.parametrize("network", [Example, EarlierExample])
def test_the_example_is_recognized_and_computes_the_same(network):
    assert_the_same("mnist-net", network(), 1, 28, 28)


def test_an_example_with_other_classes_is_recognized():
    assert_the_same("mnist-net", Example(classes=26), 1, 28, 28)


def test_nets_of_other_sizes_under_the_same_names_are_not():
    shapes = {
        "conv1.weight": (16, 1, 3, 3),
        "conv2.weight": (32, 16, 3, 3),
        "fc1.weight": (64, 32 * 49),
        "fc2.weight": (10, 64),
    }
    assert zoo.guess_arguments("mnist-net", shapes) is None
