"""A cache folder of the tests' own, and few architectures to fill it with: it takes seconds."""

import pytest

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
