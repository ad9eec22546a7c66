"""What the libraries say of input sizes and of the preprocessing of their weights."""

import pytest

from repprobe.checkpoints.preprocessing import Preprocessing
from repprobe.checkpoints.recognition.pretrained import input_size, library_preprocessing

THOUSAND = {"num_classes": 1000}


@pytest.mark.parametrize(
    ("architecture", "arguments", "size"),
    [
        ("torchvision:resnet18", {}, (3, 224, 224)),
        ("torchvision:resnet18", {"in_chans": 1}, (1, 224, 224)),
        ("torchvision:inception_v3", {}, (3, 299, 299)),
        ("torchvision:vit_h_14", {}, (3, 224, 224)),
        ("torchvision:vit_b_16", {"image_size": 64}, (3, 64, 64)),
        ("torchvision:vgg16", {}, (3, 224, 224)),
        ("timm:vit_base_patch16_384", {}, (3, 384, 384)),
        ("timm:vit_base_patch16_384", {"img_size": 96, "in_chans": 1}, (1, 96, 96)),
        ("timm:resnet18.a1_in1k", {}, (3, 224, 224)),
        ("zoo:lenet", {}, None),
        ("pyg:GCN", {}, None),
    ],
)
def test_the_size_is_that_of_the_argument_or_the_library(architecture, arguments, size):
    assert input_size(architecture, arguments) == size


@pytest.mark.parametrize(
    ("architecture", "expected"),
    [
        ("torchvision:resnet18", ("imagenet", 224)),
        ("torchvision:googlenet", ("half", 224)),
        ("timm:convnext_atto", ("imagenet", 224)),
        ("timm:mixer_b16_224", None),  # its weights differ
        ("zoo:lenet", None),
    ],
)
def test_preprocessing_is_that_of_the_librarys_weights(architecture, expected):
    found = library_preprocessing(architecture, THOUSAND)
    assert found == expected
    if found:
        Preprocessing.parse(found[0])


def test_other_classes_or_channels_are_no_weights_of_the_library():
    assert library_preprocessing("torchvision:resnet18", {"num_classes": 10}) is None
    assert library_preprocessing("torchvision:resnet18", {**THOUSAND, "in_chans": 1}) is None
