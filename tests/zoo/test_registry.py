"""The zoo by name: every network builds, answers, and is recognized from its shapes."""

import subprocess
import sys

import pytest
import torch

from repprobe import zoo
from repprobe.errors import UnknownNameError, UsageError

GRAPH_NETWORKS = ("deepsets", "max-max-gnn", "max-sum-gnn")
NEEDED = {
    "mlp": {"num_classes": 7, "input_shape": (3, 32, 32)},
    **{name: {"num_classes": 7, "in_features": 3, "hidden": 5} for name in GRAPH_NETWORKS},
    "cifar-resnet4": {"num_classes": 7, "width": 8},
    "cifar-vgg": {"num_classes": 7, "width": 0.125},
    "preact-resnet": {"num_classes": 7, "width": 0.125},
    "wide-resnet": {"num_classes": 7, "depth": 10, "width": 2},
}
SIDES = {"mnist-net": 28}
"""Height and width of the images of networks that take no others."""

NAMED = [name for name in zoo.names() if name != "plain"]
"""`plain` has no layers of its own; see `test_plain`."""

OTHERS = {"in_channels": 3, "num_classes": 7}


def two_examples(name):
    if name not in GRAPH_NETWORKS:
        side = SIDES.get(name, 32)
        return (torch.randn(2, 3, side, side),)
    edges = torch.tensor([[0, 1, 2, 3], [1, 0, 3, 2]])
    return torch.randn(4, 3), edges, torch.tensor([0, 0, 1, 1])


@pytest.mark.parametrize("name", NAMED)
def test_every_network_gives_one_finite_logit_per_class(name):
    network = zoo.build(name, **NEEDED.get(name, OTHERS)).eval()
    out = network(*two_examples(name))
    assert out.shape == (2, 7)
    assert out.isfinite().all()


@pytest.mark.parametrize("name", NAMED)
def test_guessed_arguments_build_the_same_shapes_again(name):
    state = zoo.build(name, **NEEDED.get(name, OTHERS)).state_dict()
    shapes = {key: tuple(value.shape) for key, value in state.items()}
    guess = zoo.guess_arguments(name, shapes)
    assert guess is not None
    again = zoo.build(name, **guess).state_dict()
    assert {key: tuple(value.shape) for key, value in again.items()} == shapes


@pytest.mark.parametrize("name", zoo.names())
def test_foreign_shapes_give_no_guess(name):
    assert zoo.guess_arguments(name, {"encoder.weight": (3, 4)}) is None


def test_an_unknown_network_is_answered_with_the_nearest_name():
    with pytest.raises(UnknownNameError, match=r"'cifar-resnt'; did you mean cifar-resnet"):
        zoo.build("cifar-resnt")


def test_an_unknown_argument_is_answered_with_the_nearest_name():
    with pytest.raises(UnknownNameError, match=r"'widht'; did you mean width"):
        zoo.build("small-cnn", widht=3)


def test_a_missing_argument_is_named():
    with pytest.raises(UsageError, match=r"zoo:mlp needs the argument num_classes"):
        zoo.build("mlp", in_features=3)


@pytest.mark.parametrize("value", [0, -1, 2.5, "3", True])
def test_sizes_must_be_whole_numbers_above_zero(value):
    with pytest.raises(
        UsageError, match=r"^zoo:small-cnn: width must .* above 0, not .* \(its default is 12\)\.$"
    ):
        zoo.build("small-cnn", width=value)


def test_the_names_are_had_without_importing_torch():
    code = "import sys, repprobe.zoo; repprobe.zoo.names(); sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
