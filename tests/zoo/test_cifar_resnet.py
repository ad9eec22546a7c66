"""He et al.'s CIFAR ResNets."""

from pathlib import Path

import pytest
import torch

from repprobe import zoo
from repprobe.errors import UsageError

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
RESNET20 = SHARED / "checkpoints" / "resnet20-cifar10.th"


def test_resnet20_has_the_parameters_of_the_paper_and_48_leaves():
    network = zoo.build("cifar-resnet")
    # 0.27 M in table 6 of arXiv 1512.03385
    assert sum(p.numel() for p in network.parameters()) == 269_722
    assert sum(1 for m in network.modules() if not list(m.children())) == 48


@pytest.mark.skipif(not RESNET20.exists(), reason=f"{RESNET20} is missing")
def test_keys_are_those_of_a_public_checkpoint():
    saved = torch.load(RESNET20, map_location="cpu", weights_only=True)["state_dict"]
    own = zoo.build("cifar-resnet").state_dict()
    bare = {key.removeprefix("module."): value.shape for key, value in saved.items()}
    assert bare == {k: v.shape for k, v in own.items() if not k.endswith("batches_tracked")}


@pytest.mark.parametrize("width", [4, 5])
def test_shortcut_a_subsamples_and_pads_channels_with_zeros(width):
    network = zoo.build("cifar-resnet", depth=8, width=width)
    x = torch.randn(2, width, 8, 8)
    out = network.get_submodule("layer2.0.shortcut")(x)
    before = width // 2
    assert out.shape == (2, 2 * width, 4, 4)
    assert torch.equal(out[:, before : before + width], x[:, :, ::2, ::2])
    assert not out[:, :before].any()
    assert not out[:, before + width :].any()


def test_a_block_adds_its_shortcut_before_the_last_relu():
    block = zoo.build("cifar-resnet", depth=8).get_submodule("layer1.0").eval()
    x = torch.randn(2, 16, 8, 8)
    inner = block.bn2(block.conv2(block.bn1(block.conv1(x)).relu()))
    assert torch.equal(block(x), (inner + x).relu())


def test_head_and_shortcut_modules_take_the_names_asked_for():
    network = zoo.build("cifar-resnet", depth=8, shortcut="B", head="fc", branch="downsample")
    keys = network.state_dict().keys()
    assert {"fc.weight", "layer2.0.downsample.0.weight", "layer3.0.downsample.1.bias"} <= keys
    assert not any("linear" in key or "shortcut" in key for key in keys)
    assert network.eval()(torch.randn(2, 3, 32, 32)).shape == (2, 10)


def test_images_need_not_be_square():
    assert zoo.build("cifar-resnet", depth=8).eval()(torch.randn(2, 3, 16, 24)).shape == (2, 10)


@pytest.mark.parametrize("depth", [2, 18, 21])
def test_other_depths_than_6n_plus_2_are_refused(depth):
    with pytest.raises(UsageError, match=rf"depth must be 6n \+ 2 .*, not {depth}"):
        zoo.build("cifar-resnet", depth=depth)


@pytest.mark.parametrize("argument", ["shortcut", "head", "branch"])
def test_other_kinds_are_refused(argument):
    with pytest.raises(UsageError, match=rf"{argument} must be .* or .*, not 'C'"):
        zoo.build("cifar-resnet", **{argument: "C"})
