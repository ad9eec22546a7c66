"""Architectures are found by names and shapes."""

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repprobe import zoo
from repprobe.checkpoints.blueprint import blueprint
from repprobe.checkpoints.recognition import identify as identify_module
from repprobe.checkpoints.recognition.fingerprints import Fingerprint, torchvision_fingerprints
from repprobe.checkpoints.recognition.identify import identify
from repprobe.errors import CheckpointError


@settings(deadline=None, max_examples=25)
@given(
    arguments=st.fixed_dictionaries(
        {
            "depth": st.integers(1, 9).map(lambda n: 6 * n + 2),
            "num_classes": st.integers(1, 300),
            "width": st.integers(1, 80),
            "in_channels": st.integers(1, 12),
            "shortcut": st.just("B"),
            "head": st.sampled_from(["linear", "fc"]),
            "branch": st.sampled_from(["shortcut", "downsample"]),
        }
    )
    | st.fixed_dictionaries(
        {
            "depth": st.sampled_from([8, 20, 110]),
            "num_classes": st.integers(1, 300),
            "width": st.integers(1, 80),
            "in_channels": st.integers(1, 12),
            "shortcut": st.just("A"),
            "head": st.sampled_from(["linear", "fc"]),
            "branch": st.just("shortcut"),
        }
    )
)
def test_cifar_resnets_of_every_size_are_found(arguments):
    found = identify(blueprint(lambda: zoo.build("cifar-resnet", **arguments)), "a.pt")
    assert (found.architecture, found.arguments) == ("zoo:cifar-resnet", arguments)


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("mlp", {"num_classes": 10, "in_features": 3072, "hidden": [512, 512, 512]}),
        ("mlp", {"num_classes": 2, "in_features": 7, "hidden": []}),
        ("small-cnn", {"num_classes": 4, "in_channels": 3, "width": 5}),
        ("cnn9", {"num_classes": 10, "in_channels": 3, "width": 1.0}),
        ("cnn9", {"num_classes": 7, "in_channels": 1, "width": 0.125}),
        *(
            ("preact-resnet18", {"num_classes": n, "in_channels": 3, "width": w, "norm": norm})
            for n, w, norm in [(10, 1.0, "first"), (100, 0.125, "none"), (14, 0.25, "last")]
        ),
    ],
)
def test_zoo_networks_are_found(name, arguments):
    found = identify(blueprint(lambda: zoo.build(name, **arguments)), "a.pt")
    assert (found.architecture, found.arguments) == (f"zoo:{name}", arguments)


@pytest.mark.parametrize(
    "name", ["resnet18", "resnext50_32x4d", "vit_b_32", "swin_v2_t", "densenet121", "vgg11_bn"]
)
def test_torchvision_networks_are_found(name):
    (known,) = [f for f in torchvision_fingerprints() if f.name == name]
    found = identify(known.at(23), "a.pt")
    assert (found.architecture, found.arguments) == (f"torchvision:{name}", {"num_classes": 23})


@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_auxiliary_heads_may_be_there_or_not(name):
    for known in [f for f in torchvision_fingerprints() if f.name == name]:
        found = identify(known.at(5), "a.pt")
        assert found.architecture == f"torchvision:{name}"
        assert found.arguments == {**known.arguments, "num_classes": 5}


def test_a_network_with_a_missing_layer_is_answered_with_its_nearest(one_line):
    shapes = dict(blueprint(lambda: zoo.build("cifar-resnet", num_classes=100)))
    del shapes["layer3.2.bn2.weight"]
    with pytest.raises(CheckpointError) as caught:
        identify(shapes, "a.pt")
    one_line(caught, "'a.pt'", "zoo:cifar-resnet (98 % in common)", "--arch torchvision:NAME")


def test_a_torchvision_network_with_another_stem_is_answered_with_its_nearest(one_line):
    (known,) = [f for f in torchvision_fingerprints() if f.name == "resnet34"]
    with pytest.raises(CheckpointError) as caught:
        identify(known.at(10) | {"conv1.weight": (64, 3, 3, 3)}, "a.pt")
    one_line(caught, "torchvision:resnet34 (98 % in common)", "torchvision:resnet18")


def test_what_resembles_nothing_is_said_with_its_keys(one_line):
    with pytest.raises(CheckpointError) as caught:
        identify({"rnn.weight_ih_l0": (4, 4), "rnn.weight_hh_l0": (4, 4)}, "a.pt")
    one_line(caught, "nothing resembles it", "rnn.weight_ih_l0", "file.py:function")


def test_two_networks_of_the_same_shapes_are_both_named(one_line, monkeypatch):
    twins = [Fingerprint(name, {}, {"fc.weight": (0, 8)}) for name in ("one", "two")]
    monkeypatch.setattr(
        identify_module.fingerprints, "torchvision_fingerprints", lambda progress: twins
    )
    with pytest.raises(CheckpointError) as caught:
        identify({"fc.weight": (3, 8)}, "a.pt")
    one_line(caught, "torchvision:one and torchvision:two", "--arch")


def test_zoo_networks_are_found_without_importing_torchvision():
    code = """
import sys
from repprobe import zoo
from repprobe.checkpoints.blueprint import blueprint
from repprobe.checkpoints.recognition.identify import identify
identify(blueprint(lambda: zoo.build("cifar-resnet")), "a.pt")
sys.exit("torchvision" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
