"""The pre-activation ResNet-18, in the three forms that are published."""

import pytest
import torch
from torch.nn import functional as F

from repprobe import zoo
from repprobe.errors import UsageError

STAGES = [(64, 64), (64, 128), (128, 256), (256, 512)]

TRUNK = (
    9 * 3 * 64  # stem
    + sum(
        # two blocks of two 3×3 convolutions, all without bias
        9 * before * after
        + 3 * 9 * after * after
        # each convolution's own batch norm stands before it
        + 2 * before
        + 3 * 2 * after
        # the 1×1 shortcut where the size changes
        + (before * after if before != after else 0)
        for before, after in STAGES
    )
    + 512 * 10
    + 10
)


@pytest.mark.parametrize(
    ("norm", "count"),
    [("none", 11_171_146), ("first", 11_171_146 + 2 * 64), ("last", 11_171_146 + 2 * 512)],
)
def test_it_has_the_parameters_of_the_original(norm, count):
    assert TRUNK == 11_171_146
    network = zoo.build("preact-resnet18", norm=norm)
    assert sum(p.numel() for p in network.parameters()) == count


def _public_keys(norm: str) -> dict[str, tuple[int, ...]]:
    """Keys and shapes as DivideMix's, kuangliu's and the robustness literature's code have them."""

    def batch_norm(name, size):
        parts = ("weight", "bias", "running_mean", "running_var")
        return {f"{name}.{part}": (size,) for part in parts}

    keys = {"conv1.weight": (64, 3, 3, 3), "linear.weight": (10, 512), "linear.bias": (10,)}
    keys |= {"none": {}, "first": batch_norm("bn1", 64), "last": batch_norm("bn", 512)}[norm]
    for stage, (before, after) in enumerate(STAGES, start=1):
        for block, size in enumerate((before, after)):
            name = f"layer{stage}.{block}"
            keys |= batch_norm(f"{name}.bn1", size) | batch_norm(f"{name}.bn2", after)
            keys[f"{name}.conv1.weight"] = (after, size, 3, 3)
            keys[f"{name}.conv2.weight"] = (after, after, 3, 3)
        if before != after:
            keys[f"layer{stage}.0.shortcut.0.weight"] = (after, before, 1, 1)
    return keys


@pytest.mark.parametrize("norm", ["first", "none", "last"])
def test_keys_and_shapes_are_those_of_the_published_code(norm):
    own = zoo.build("preact-resnet18", norm=norm).state_dict()
    bare = {k: tuple(v.shape) for k, v in own.items() if not k.endswith("tracked")}
    assert bare == _public_keys(norm)
    assert zoo.guess_arguments("preact-resnet18", bare)["norm"] == norm


@pytest.mark.parametrize("norm", ["first", "none", "last"])
def test_it_computes_what_the_published_code_computes(norm):
    torch.manual_seed(1)
    network = zoo.build("preact-resnet18", width=0.0625, norm=norm)
    network(torch.randn(8, 3, 32, 32))  # running averages other than the first
    network.eval()
    state = network.state_dict()
    images = torch.randn(2, 3, 32, 32)

    def norm_relu(x, name):
        names = ("running_mean", "running_var", "weight", "bias")
        return F.batch_norm(x, *(state[f"{name}.{part}"] for part in names)).relu()

    x = F.conv2d(images, state["conv1.weight"], padding=1)
    if norm == "first":
        x = norm_relu(x, "bn1")
    for stage in (1, 2, 3, 4):
        for block in (0, 1):
            name = f"layer{stage}.{block}"
            stride = 2 if stage > 1 and block == 0 else 1
            out = norm_relu(x, f"{name}.bn1")
            if stride == 2:
                shortcut = F.conv2d(out, state[f"{name}.shortcut.0.weight"], stride=2)
            else:  # DivideMix passes the activated input on, the others the input
                shortcut = out if norm == "first" else x
            out = F.conv2d(out, state[f"{name}.conv1.weight"], stride=stride, padding=1)
            out = F.conv2d(norm_relu(out, f"{name}.bn2"), state[f"{name}.conv2.weight"], padding=1)
            x = out + shortcut
    if norm == "last":
        x = norm_relu(x, "bn")
    pooled = F.avg_pool2d(x, 4).flatten(1)
    assert torch.allclose(network(images), network.linear(pooled), atol=1e-5)


def test_width_scales_every_stage():
    network = zoo.build("preact-resnet18", width=0.125, in_channels=1)
    state = network.state_dict()
    shapes = [tuple(state[f"layer{s}.1.conv2.weight"].shape[:2]) for s in (1, 2, 3, 4)]
    assert shapes == [(8, 8), (16, 16), (32, 32), (64, 64)]
    assert network.eval()(torch.randn(2, 1, 28, 20)).shape == (2, 10)


def test_another_norm_is_refused():
    with pytest.raises(UsageError, match=r"norm must be first or none or last, not 'batch'"):
        zoo.build("preact-resnet18", norm="batch")
