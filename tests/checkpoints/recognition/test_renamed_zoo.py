"""The zoo's networks under other names are told by the order of their shapes."""

import pytest
import torch

from repprobe import zoo
from repprobe.checkpoints.architectures import build
from repprobe.checkpoints.blueprint import blueprint, shapes_of
from repprobe.checkpoints.recognition.filling import arranged
from repprobe.checkpoints.recognition.identify import identify
from repprobe.checkpoints.recognition.renamed_zoo import renamed_zoo

CASES = [
    ("cifar-resnet", {"depth": 20, "num_classes": 7, "width": 8}),
    ("cifar-resnet", {"depth": 32, "shortcut": "B", "in_channels": 1}),
    ("cifar-resnet4", {"width": 8, "num_classes": 100}),
    ("preact-resnet18", {"width": 0.125, "norm": "last"}),
    ("cifar-vgg", {"depth": 13, "width": 0.125}),
    ("cnn9", {"width": 0.125}),
]


@pytest.mark.parametrize("counters", [True, False])
@pytest.mark.parametrize(("name", "arguments"), CASES)
def test_what_is_found_computes_what_was_saved(name, arguments, counters):
    torch.manual_seed(0)
    original = zoo.build(name, **arguments).eval()
    kept = {
        k: v for k, v in original.state_dict().items() if counters or not k.endswith("_tracked")
    }
    state = {f"part{i}.w": tensor for i, tensor in enumerate(kept.values())}
    (found,) = identify(shapes_of(state), "a.pt")
    network, _ = build(found.architecture, found.arguments, shapes_of(state))
    network.load_state_dict(arranged(network.state_dict(), state, found.keys))
    x = torch.randn(2, arguments.get("in_channels", 3), 32, 32)
    with torch.no_grad():
        assert torch.equal(network.eval()(x), original(x))


def test_networks_that_compute_something_else_are_both_named():
    shapes = blueprint(lambda: zoo.build("wide-resnet", depth=16, width=1))
    found = renamed_zoo({f"{i}.w": shape for i, shape in enumerate(shapes.values())})
    assert all(name == "zoo:wide-resnet" for name, _, _ in found)
    assert {arguments["naming"] for _, arguments, _ in found} >= {"block"}


def test_few_tensors_and_other_widths_are_not_told():
    assert renamed_zoo({f"{i}.w": (3, 3) for i in range(4)}) == []
    shapes = dict(blueprint(lambda: zoo.build("cnn9", width=0.125)))
    last = list(shapes)[-2]
    assert renamed_zoo({**shapes, last: (10, 99)}) == []
