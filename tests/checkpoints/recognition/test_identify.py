"""Architectures are found by names and shapes, or by shapes and order."""

import subprocess
import sys

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from repprobe import zoo
from repprobe.checkpoints.architectures import build, build_fresh
from repprobe.checkpoints.blueprint import blueprint, shapes_of
from repprobe.checkpoints.builders.vision import make_timm, make_torchvision
from repprobe.checkpoints.recognition.filling import arranged
from repprobe.checkpoints.recognition.fingerprints import take
from repprobe.checkpoints.recognition.identify import identify
from repprobe.errors import CheckpointError


def only(shapes):
    (found,) = identify(shapes, "a.pt")
    return found


def renamed(shapes):
    return {f"part{i // 5}.tensor{i}": shape for i, shape in enumerate(shapes.values())}


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
    found = only(blueprint(lambda: zoo.build("cifar-resnet", **arguments)))
    assert found.architecture == "zoo:cifar-resnet"
    assert found.arguments.items() >= arguments.items()


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
    found = only(blueprint(lambda: zoo.build(name, **arguments)))
    assert (found.architecture, found.arguments) == (f"zoo:{name}", arguments)


@pytest.mark.parametrize("name", ["resnet34", "resnext50_32x4d", "vit_b_32", "swin_t"])
@pytest.mark.parametrize("change", [dict, renamed])
def test_torchvision_networks_are_found(name, change):
    shapes = blueprint(lambda: make_torchvision(name, num_classes=23))
    found = only(change(shapes))
    assert (found.architecture, found.arguments) == (f"torchvision:{name}", {"num_classes": 23})
    assert found.keys == (
        None if change is dict else dict(zip(shapes, change(shapes), strict=True))
    )


@pytest.mark.parametrize("auxiliary", [True, False])
@pytest.mark.parametrize("name", ["googlenet", "inception_v3"])
def test_auxiliary_heads_may_be_there_or_not(name, auxiliary):
    given = {"init_weights": False, "aux_logits": auxiliary, "num_classes": 5}
    found = only(blueprint(lambda: make_torchvision(name, **given)))
    assert found.architecture == f"torchvision:{name}"
    assert {"aux_logits": True, **found.arguments} == given


@pytest.mark.parametrize("name", ["convnext_atto", "levit_128s", "deit_tiny_distilled_patch16_224"])
@pytest.mark.parametrize("change", [dict, renamed])
def test_timm_networks_are_found(name, change):
    found = only(change(blueprint(lambda: make_timm(name, num_classes=3, in_chans=1))))
    assert found.architecture == f"timm:{name}"
    assert found.arguments == {"num_classes": 3, "in_chans": 1}


def test_another_number_of_channels_is_an_argument_of_torchvisions_networks_too():
    shapes = blueprint(lambda: make_torchvision("densenet121", num_classes=3, in_chans=1))
    found = only(shapes)
    assert found.arguments == {"num_classes": 3, "in_chans": 1}
    network, _ = build(found.architecture, found.arguments, shapes)
    assert network(torch.zeros(2, 1, 64, 64)).shape == (2, 3)


def test_networks_that_compute_the_same_are_one_candidate():
    found = only(blueprint(lambda: make_timm("resnet34", num_classes=9)))
    assert (found.architecture, found.also) == ("torchvision:resnet34", ("timm:resnet34",))


def test_the_same_shapes_and_another_forward_pass_are_a_tie():
    found = identify(blueprint(lambda: make_timm("resnetblur18", num_classes=9)), "a.pt")
    assert [c.architecture for c in found] == ["torchvision:resnet18", "timm:resnetblur18"]
    assert found[0].also == ("timm:resnet18",)


def test_networks_for_two_image_sizes_are_one_where_size_changes_nothing():
    found = only(blueprint(lambda: make_timm("xcit_nano_12_p16_384", num_classes=9)))
    assert found.also == ("timm:xcit_nano_12_p16_384",)


def test_names_tell_what_order_does_not():
    shapes = blueprint(lambda: make_timm("legacy_seresnet50", num_classes=9))
    assert only(shapes).architecture == "timm:legacy_seresnet50"
    assert [c.architecture for c in identify(renamed(shapes), "a.pt")] == [
        "timm:seresnet50",
        "timm:legacy_seresnet50",
    ]


@pytest.mark.parametrize("size", [96, 384])
def test_the_image_size_is_read_off_the_position_embeddings(size):
    shapes = blueprint(lambda: make_timm("vit_tiny_patch16_224", num_classes=9, img_size=size))
    found = only(shapes)
    if size == 384:
        assert found.architecture == "timm:vit_tiny_patch16_384"
    else:
        assert found.arguments == {"num_classes": 9, "img_size": size}
    assert blueprint(lambda: build_fresh(found.architecture, found.arguments)) == shapes


def test_a_wrapper_that_was_left_is_taken_off():
    shapes = blueprint(lambda: make_torchvision("resnet34", num_classes=9))
    found = only({f"module.net.{key}": shape for key, shape in shapes.items()})
    assert found.keys == {key: f"module.net.{key}" for key in shapes}


def test_a_network_with_a_missing_layer_is_answered_with_its_nearest(one_line):
    shapes = dict(blueprint(lambda: zoo.build("cifar-resnet", num_classes=100)))
    del shapes["layer3.2.bn2.weight"]
    with pytest.raises(CheckpointError) as caught:
        identify(shapes, "a.pt")
    one_line(caught, "'a.pt'", "zoo:cifar-resnet (98 % in common)", "--arch torchvision:NAME")


def test_a_torchvision_network_with_another_stem_is_answered_with_its_nearest(one_line):
    shapes = take("torchvision:resnet34", {}).at(10) | {"conv1.weight": (64, 3, 5, 5)}
    with pytest.raises(CheckpointError) as caught:
        identify(shapes, "a.pt")
    one_line(caught, "torchvision:resnet34 (98 % in common)", "timm:resnet34 (98 %")


def test_what_resembles_nothing_is_said_with_its_keys(one_line):
    with pytest.raises(CheckpointError) as caught:
        identify({"rnn.weight_ih_l0": (4, 4), "rnn.weight_hh_l0": (4, 4)}, "a.pt")
    one_line(caught, "nothing resembles it", "rnn.weight_ih_l0", "file.py:function")


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


SAMPLE = [
    *(f"torchvision:{n}" for n in ("squeezenet1_1", "mobilenet_v3_small", "resnet18", "swin_t")),
    *(
        f"timm:{n}"
        for n in (
            "convnext_atto",
            "deit_tiny_patch16_224",
            "gernet_s",
            "levit_128s",
            "swin_tiny_patch4_window7_224",
            "tf_efficientnet_b0",
            "xcit_nano_12_p16_384",
        )
    ),
]


@pytest.mark.parametrize(("place", "architecture"), list(enumerate(SAMPLE)))
def test_what_is_found_computes_what_was_saved(place, architecture):
    original = with_random_weights(architecture)
    state = dict(original.state_dict())
    if place % 2:
        state = {f"{i}.w": tensor for i, tensor in enumerate(state.values())}
    found = identify(shapes_of(state), "a.pt")
    (right,) = [c for c in found if architecture in (c.architecture, *c.also)]
    network, _ = build(right.architecture, right.arguments, shapes_of(state))
    network.load_state_dict(arranged(network.state_dict(), state, right.keys))
    side = 384 if architecture.endswith("384") else 224
    x = torch.randn(1, 3, side, side, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(network.eval()(x), original(x), rtol=1e-5, atol=1e-5)


def with_random_weights(architecture):
    torch.manual_seed(0)
    network = build_fresh(architecture, {"num_classes": 10}).eval()
    for key, tensor in network.state_dict().items():
        if tensor.is_floating_point() and tensor.ndim < 2 and not key.endswith("running_var"):
            tensor.add_(0.1 * torch.randn_like(tensor))
    return network
