"""Fingerprints fit the state dicts of a network with any number of classes and channels."""

import pytest

from repprobe.checkpoints.blueprint import blueprint
from repprobe.checkpoints.builders.vision import make_timm, make_torchvision
from repprobe.checkpoints.recognition.fingerprints import (
    CLASSES,
    Fingerprint,
    names_mark,
    order_marks,
    take,
)


@pytest.fixture(scope="module")
def resnet():
    return take("torchvision:resnet18", {})


def renamed(shapes):
    return {f"part{i}": shape for i, shape in enumerate(shapes.values())}


@pytest.mark.parametrize(("classes", "channels"), [(1, 3), (1000, 1), (1009, 1013)])
def test_it_fits_whatever_the_classes_and_channels(resnet, classes, channels):
    shapes = blueprint(lambda: make_torchvision("resnet18", num_classes=classes, in_chans=channels))
    more = {} if channels == 3 else {"in_chans": channels}
    assert resnet.by_names(shapes) == {"num_classes": classes, **more}
    assert resnet.at(classes, channels) == shapes


def test_another_width_does_not_fit(resnet):
    shapes = dict(resnet.at(10)) | {"layer1.0.conv1.weight": (64, 65, 3, 3)}
    assert resnet.by_names(shapes) is None
    assert resnet.by_order(shapes) is None


def test_classes_that_disagree_do_not_fit(resnet):
    assert resnet.by_names(dict(resnet.at(10)) | {"fc.bias": (11,)}) is None


def test_counters_may_be_missing(resnet):
    shapes = {k: s for k, s in resnet.at(7).items() if not k.endswith("num_batches_tracked")}
    assert resnet.by_names(shapes) == {"num_classes": 7}
    assert resnet.by_order(renamed(shapes))[0] == {"num_classes": 7}


def test_the_order_tells_which_key_is_which(resnet):
    shapes = renamed(resnet.at(7))
    arguments, keys = resnet.by_order(shapes)
    assert arguments == {"num_classes": 7}
    assert list(keys) == list(resnet.entries)
    assert list(keys.values()) == list(shapes)


def test_names_fit_in_any_order_and_shapes_only_in_one(resnet):
    shapes = dict(reversed(resnet.at(7).items()))
    assert resnet.by_names(shapes) == {"num_classes": 7}
    assert resnet.by_order(renamed(shapes)) is None


def test_few_tensors_are_not_told_by_order():
    layers = {f"{i}.{kind}": (4, 4) for i in range(3) for kind in ("weight", "bias")}
    assert Fingerprint("timm:small", {}, None, layers).by_order(renamed(layers)) is None


def test_marks_do_not_depend_on_classes_channels_and_derived_buffers(resnet):
    without = {k: s for k, s in resnet.at(9, 1).items() if not k.endswith("num_batches_tracked")}
    assert names_mark(without) == names_mark(resnet.at(1000))
    assert order_marks(without) & order_marks(resnet.at(1000))


def test_sizes_that_are_several_times_the_classes_or_channels_are_solved():
    known = Fingerprint("timm:a", {}, (3, 8, 8), {"head": (2 * CLASSES, 8), "stem": (8, 16 * 1013)})
    assert known.by_names({"head": (20, 8), "stem": (8, 48)}) == {"num_classes": 10}
    assert known.by_names({"head": (21, 8), "stem": (8, 48)}) is None


def test_a_network_without_input_channels_to_choose_has_a_fingerprint():
    known = take("timm:csatv2", {})
    shapes = blueprint(lambda: make_timm("csatv2", num_classes=5))
    assert known.by_names(shapes) == {"num_classes": 5}
