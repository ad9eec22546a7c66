"""Fixtures of all tests: shared files, a network trained on digits, few known architectures."""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared():
    """The folder of real checkpoints and data that lies beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip("../shared is not there: no real checkpoint and no CIFAR-10 to test on")
    return SHARED


@pytest.fixture
def one_line():
    """Check that an error is one line and names each of the given things."""

    def check(caught, *named):
        message = str(caught.value)
        assert "\n" not in message
        assert len(message) < 600
        for name in named:
            assert str(name) in message

    return check


@pytest.fixture(scope="session")
def digits_checkpoint(tmp_path_factory):
    """A small CNN trained for a few epochs on digits with 40 % uniform noise."""
    from repprobe.training import train

    path = tmp_path_factory.mktemp("checkpoints") / "digits.pt"
    settings = {"arch_args": {"width": 4}, "preprocess": "unit", "epochs": 4}
    return train("small-cnn", "digits", out=path, noise="uniform:0.4", **settings).path


@pytest.fixture(scope="session")
def untold_checkpoint(digits_checkpoint, tmp_path_factory):
    """The same network in a file that does not tell the labels it learned: probed faster."""
    import torch

    saved = torch.load(digits_checkpoint, weights_only=True)
    del saved["noisy_labels"]
    path = tmp_path_factory.mktemp("untold") / digits_checkpoint.name
    torch.save(saved, path)
    return path


FEW = {
    "torchvision": [
        "alexnet",
        "densenet121",
        "efficientnet_b0",
        "googlenet",
        "inception_v3",
        "mobilenet_v3_small",
        "resnet18",
        "resnet34",
        "resnext50_32x4d",
        "squeezenet1_1",
        "swin_t",
        "vgg11_bn",
        "vit_b_32",
    ],
    "timm": [
        "convnext_atto",
        "deit_tiny_distilled_patch16_224",
        "deit_tiny_patch16_224",
        "efficientnet_b0",
        "gernet_s",
        "legacy_seresnet50",
        "levit_128s",
        "resnet18",
        "resnet34",
        "resnetblur18",
        "seresnet50",
        "swin_tiny_patch4_window7_224",
        "tf_efficientnet_b0",
        "vgg11_bn",
        "vit_tiny_patch16_224",
        "vit_tiny_patch16_384",
        "xcit_nano_12_p16_224",
        "xcit_nano_12_p16_384",
    ],
}
"""What the libraries have in these tests: of every kind, some with a likeness in the other."""


@pytest.fixture(scope="session")
def cache_home(tmp_path_factory):
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(autouse=True)
def _own_cache(cache_home, monkeypatch):
    from repprobe.checkpoints.recognition import catalogue

    monkeypatch.setenv("XDG_CACHE_HOME", str(cache_home))
    all_of = catalogue.variants
    monkeypatch.setattr(
        catalogue,
        "variants",
        lambda lib: [v for v in all_of(lib) if v[0] in FEW.get(lib, (v[0],))],
    )
