"""Co-teaching's nine-convolution network."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from repprobe import zoo
from repprobe.errors import DataError, UsageError

ORIGINAL = {  # channels in and out of the published code's nine 3×3 convolutions, with bias
    "c1": (3, 128),
    "c2": (128, 128),
    "c3": (128, 128),
    "c4": (128, 256),
    "c5": (256, 256),
    "c6": (256, 256),
    "c7": (256, 512),
    "c8": (512, 256),
    "c9": (256, 128),
}


def test_it_has_the_parameters_of_the_original():
    network = zoo.build("cnn9")
    convolutions = sum(9 * before * after + after for before, after in ORIGINAL.values())
    norms = sum(2 * after for _, after in ORIGINAL.values())
    linear = 128 * 10 + 10
    assert convolutions + norms + linear == 4_434_570
    assert sum(p.numel() for p in network.parameters()) == 4_434_570


def test_keys_and_shapes_are_those_of_the_published_code():
    public = {"l_c1.weight": (10, 128), "l_c1.bias": (10,)}
    for number, (name, (before, after)) in enumerate(ORIGINAL.items(), start=1):
        public |= {f"{name}.weight": (after, before, 3, 3), f"{name}.bias": (after,)}
        for key in ("weight", "bias", "running_mean", "running_var"):
            public[f"bn{number}.{key}"] = (after,)
    own = zoo.build("cnn9").state_dict()
    assert public == {k: tuple(v.shape) for k, v in own.items() if not k.endswith("tracked")}


def test_it_computes_what_the_published_code_computes():
    torch.manual_seed(0)
    network = zoo.build("cnn9", width=0.0625)
    network(torch.randn(8, 3, 32, 32))  # running averages other than the first
    network.eval()
    x = images = torch.randn(2, 3, 32, 32)
    for number, name in enumerate(ORIGINAL, start=1):
        convolution, norm = network.get_submodule(name), network.get_submodule(f"bn{number}")
        padding = 1 if number < 7 else 0
        x = F.conv2d(x, convolution.weight, convolution.bias, padding=padding)
        x = F.batch_norm(x, norm.running_mean, norm.running_var, norm.weight, norm.bias)
        x = torch.where(x > 0, x, 0.01 * x)
        if number in (3, 6):
            x = F.max_pool2d(x, 2)
    assert x.shape[2:] == (2, 2)
    assert torch.allclose(network(images), network.l_c1(x.mean(dim=(2, 3))), atol=1e-6)


def test_dropout_of_whole_channels_is_off_in_evaluation():
    network = zoo.build("cnn9", width=0.0625)
    dropouts = [m for m in network.modules() if isinstance(m, nn.Dropout2d)]
    assert [m.p for m in dropouts] == [0.25, 0.25]
    x = torch.randn(4, 3, 32, 32)
    network.train()
    seen = []
    dropouts[0].register_forward_hook(lambda module, args, out: seen.append(out))
    assert not torch.equal(network(x), network(x))
    dropped = (seen[0] == 0).all(dim=(2, 3))
    assert dropped.any()
    assert not dropped.all()
    network.eval()
    assert torch.equal(network(x), network(x))


def test_every_operation_has_a_name():
    network = zoo.build("cnn9", width=0.0625).eval()
    called = []
    for name, module in network.named_children():
        module.register_forward_hook(lambda *_, name=name: called.append(name))
    network(torch.randn(2, 3, 28, 28))
    assert called[6:14] == ["c3", "bn3", "relu3", "pool1", "dropout1", "c4", "bn4", "relu4"]
    assert called[-3:] == ["average", "flatten", "l_c1"]
    assert len(called) == len(set(called)) == 9 * 3 + 4 + 3


def test_width_scales_every_convolution():
    network = zoo.build("cnn9", width=0.125, in_channels=1, num_classes=7)
    shapes = [tuple(m.weight.shape[:2]) for m in network.modules() if hasattr(m, "padding_mode")]
    assert shapes[0] == (16, 1)
    assert [after for after, _ in shapes] == [16, 16, 16, 32, 32, 32, 64, 32, 16]


@pytest.mark.parametrize("width", [1, 0.125, 0.1, 0.33, 1.7])
def test_widths_are_read_off_the_shapes(width):
    state = zoo.build("cnn9", width=width).state_dict()
    shapes = {key: tuple(value.shape) for key, value in state.items()}
    again = zoo.build("cnn9", **zoo.guess_arguments("cnn9", shapes)).state_dict()
    assert {key: tuple(value.shape) for key, value in again.items()} == shapes


@pytest.mark.parametrize("width", [0, -0.5, "1", True, float("nan"), float("inf")])
def test_a_width_is_a_factor_above_zero(width):
    with pytest.raises(UsageError, match=r"^zoo:cnn9: width must be a factor above 0"):
        zoo.build("cnn9", width=width)


def test_a_width_that_leaves_no_channel_is_refused():
    with pytest.raises(UsageError, match=r"width 0.001 leaves nothing of 128"):
        zoo.build("cnn9", width=0.001)


def test_smaller_images_than_it_can_take_are_explained():
    network = zoo.build("cnn9", width=0.0625)
    with pytest.raises(DataError, match=r"28×28 pixels, and these are 32×27; pass --image-size"):
        network(torch.randn(2, 3, 32, 27))
