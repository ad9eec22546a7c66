"""The small convolutional network."""

import pytest
import torch

from repprobe import zoo


@pytest.mark.parametrize("size", [8, 28])
def test_it_takes_digits_and_fashion_images(size):
    assert zoo.build("small-cnn").eval()(torch.randn(2, 1, size, size)).shape == (2, 10)


def test_it_is_small():
    parameters = sum(p.numel() for p in zoo.build("small-cnn").parameters())
    assert 30_000 <= parameters <= 60_000


def test_every_operation_is_a_module_with_a_name():
    network = zoo.build("small-cnn")
    called = []
    for name, module in network.named_modules():
        if not list(module.children()):
            module.register_forward_hook(lambda *_, name=name: called.append(name))
    network(torch.randn(2, 1, 8, 8))
    leaves = [name for name, module in network.named_modules() if not list(module.children())]
    assert called == leaves
    assert called[:4] == ["stage1.conv1", "stage1.bn1", "stage1.relu1", "stage1.conv2"]
