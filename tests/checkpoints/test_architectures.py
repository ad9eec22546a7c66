"""What `--arch` may say."""

import sys

import pytest
import torch

from repprobe.checkpoints.architectures import argument_names, build, build_fresh
from repprobe.checkpoints.blueprint import blueprint, shapes_of
from repprobe.errors import CheckpointError, UnknownNameError, UsageError


def shapes_with(classes, channels=3):
    return {
        "fc.weight": (classes, 512),
        "fc.bias": (classes,),
        "conv1.weight": (64, channels, 7, 7),
    }


@pytest.fixture
def nets(tmp_path):
    """A user's own file beside another one it imports."""
    (tmp_path / "sizes_of_nets.py").write_text("WIDTH = 6\n")
    path = tmp_path / "nets.py"
    path.write_text(
        "from torch import nn\n"
        "from sizes_of_nets import WIDTH\n"
        "print('building')\n"
        "def tiny(width=WIDTH): return nn.Linear(3, width)\n"
        "def broken(): raise KeyError('no such stage\\nat all')\n"
        "def leaves(): raise SystemExit(3)\n"
        "def nothing(): return 'a string'\n"
        "class Net(nn.Linear):\n"
        "    def __init__(self): super().__init__(2, 2)\n"
        "CONSTANT = 3\n"
    )
    return path


def test_the_classes_of_a_torchvision_network_are_read_off_the_shapes():
    module, arguments = build("torchvision:resnet18", {}, shapes_with(7))
    assert arguments == {"num_classes": 7}
    assert module.fc.out_features == 7


def test_given_arguments_win():
    given = {"num_classes": 4}
    module, arguments = build("torchvision:resnet18", given, shapes_with(7))
    assert arguments == given
    assert module.fc.out_features == 4


def test_timm_networks_take_classes_and_channels_from_the_shapes():
    timm = pytest.importorskip("timm")
    shapes = shapes_of(timm.create_model("resnet10t", num_classes=5, in_chans=1).state_dict())
    module, arguments = build("timm:resnet10t.c3_in1k", {}, shapes)
    assert arguments == {"num_classes": 5, "in_chans": 1}
    assert shapes_of(module.state_dict()) == shapes


def test_a_timm_network_without_a_head_stays_without():
    timm = pytest.importorskip("timm")
    shapes = shapes_of(timm.create_model("resnet10t", num_classes=0).state_dict())
    assert build("timm:resnet10t", {}, shapes)[1] == {"num_classes": 0}


def test_timm_fetches_nothing_by_another_name(one_line):
    pytest.importorskip("timm")
    with pytest.raises(UsageError) as caught:
        build("timm:hf-hub:someone/model", {}, {})
    one_line(caught, "timm:hf-hub:someone/model")


def test_a_missing_timm_is_answered_with_how_to_install_it(one_line, monkeypatch):
    monkeypatch.setitem(sys.modules, "timm", None)
    with pytest.raises(CheckpointError) as caught:
        build("timm:resnet18", {}, {})
    one_line(caught, "timm:resnet18", "pip install repprobe[timm]")


def test_zoo_arguments_come_from_the_shapes_and_from_the_user():
    shapes = {"stage1.conv1.weight": (6, 3, 3, 3), "linear.weight": (4, 24)}
    _, arguments = build("zoo:small-cnn", {"num_classes": 9}, shapes)
    assert arguments == {"num_classes": 9, "in_channels": 3, "width": 6}


def test_an_mlp_takes_an_input_shape_in_place_of_the_features():
    shapes = {"output.weight": (4, 12)}
    module, _ = build("zoo:mlp", {"input_shape": (3, 2, 2), "hidden": []}, shapes)
    assert blueprint(lambda: module)["output.weight"] == (4, 12)


def test_a_users_function_is_called_with_the_arguments(nets, capsys):
    module, arguments = build(f"{nets}:tiny", {"width": 9}, {})
    assert (module.out_features, arguments) == (9, {"width": 9})
    assert build(f"{nets}:tiny", {}, {})[0].out_features == 6
    assert capsys.readouterr().out == ""


def test_a_users_class_is_a_function_too(nets):
    assert type(build(f"{nets}:Net", {}, {})[0]).__name__ == "Net"


def test_a_users_file_leaves_path_and_random_state_as_they_were(nets):
    path, state = list(sys.path), torch.get_rng_state()
    build(f"{nets}:tiny", {}, {})
    assert sys.path == path
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("function", "kind", "named"),
    [
        ("tinny", UnknownNameError, "did you mean tiny"),
        ("CONSTANT", UnknownNameError, "'CONSTANT'"),
        ("broken", CheckpointError, "KeyError"),
        ("leaves", CheckpointError, "SystemExit"),
        ("nothing", CheckpointError, "gave a str, not a torch.nn.Module"),
    ],
)
def test_what_a_users_function_does_wrong_is_said_in_one_line(
    nets, one_line, function, kind, named
):
    with pytest.raises(kind) as caught:
        build(f"{nets}:{function}", {}, {})
    one_line(caught, nets.name, named)


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A user's package, in the current folder."""
    (tmp_path / "own_networks").mkdir()
    (tmp_path / "own_networks" / "__init__.py").write_text("")
    (tmp_path / "own_networks" / "small.py").write_text(
        "from torch import nn\n"
        "print('building')\n"
        "def tiny(width=6): return nn.Linear(3, width)\n"
        "def broken(): raise KeyError('no such stage')\n"
    )
    (tmp_path / "own_networks" / "lacking.py").write_text("import no_such_package\n")
    monkeypatch.chdir(tmp_path)
    yield "own_networks.small"
    for name in [n for n in sys.modules if n.startswith("own_networks")]:
        del sys.modules[name]


def test_a_function_of_a_package_is_called_with_the_arguments(package, capsys):
    path = list(sys.path)
    module, arguments = build(f"{package}:tiny", {"width": 9}, {})
    assert (module.out_features, arguments) == (9, {"width": 9})
    assert build_fresh(f"{package}:tiny", {}).out_features == 6
    assert argument_names(f"{package}:tiny") == {"width"}
    assert capsys.readouterr().out == ""
    assert sys.path == path


@pytest.mark.parametrize(
    ("architecture", "kind", "named"),
    [
        ("own_networks.small:tinny", UnknownNameError, "did you mean tiny"),
        ("own_networks.small:broken", CheckpointError, "KeyError"),
        ("own_networks.smal:tiny", UsageError, "there is no module 'own_networks.smal'"),
        ("not_there.small:tiny", UsageError, "there is no module 'not_there'"),
        ("own_networks.lacking:tiny", CheckpointError, "no_such_package"),
    ],
)
def test_what_is_wrong_with_a_function_of_a_package_is_said(
    package, one_line, architecture, kind, named
):
    with pytest.raises(kind) as caught:
        build(architecture, {}, {})
    one_line(caught, named)


def test_the_channels_of_a_torchvision_network_are_an_argument():
    module, arguments = build("torchvision:resnet18", {}, shapes_with(7, channels=1))
    assert arguments == {"num_classes": 7, "in_chans": 1}
    assert module.conv1.in_channels == 1
    assert "in_chans" in argument_names("torchvision:resnet18")


def test_an_argument_a_users_function_does_not_take_is_named(nets, one_line):
    with pytest.raises(CheckpointError) as caught:
        build(f"{nets}:tiny", {"depth": 3}, {})
    one_line(caught, f"{nets}:tiny", "depth")


@pytest.mark.parametrize("code", ["def build(:\n", "import no_such_package\n", "1 / 0\n"])
def test_a_users_file_that_cannot_be_imported_is_named(tmp_path, one_line, code):
    path = tmp_path / "bad.py"
    path.write_text(code)
    with pytest.raises(CheckpointError) as caught:
        build(f"{path}:build", {}, {})
    one_line(caught, path, "Error")


@pytest.mark.parametrize(
    ("architecture", "kind", "named"),
    [
        ("torchvision:resnt18", UnknownNameError, "did you mean resnet18"),
        ("zoo:smal-cnn", UnknownNameError, "did you mean small-cnn"),
        ("timm:resnet18x", UnknownNameError, "did you mean resnet18"),
        ("no_such_file.py:build", UsageError, "no_such_file.py"),
        ("resnet18", UsageError, "did you mean torchvision:resnet18"),
        ("small-cnn", UsageError, "did you mean zoo:small-cnn"),
        ("keras:vgg16", UsageError, "did you mean torchvision:vgg16"),
        ("torchvision:", UsageError, "torchvision:NAME"),
        ("", UsageError, "file.py:function"),
    ],
)
def test_a_name_that_cannot_be_used_is_answered(one_line, architecture, kind, named):
    with pytest.raises(kind) as caught:
        build(architecture, {}, {})
    one_line(caught, named)


def test_a_zoo_network_of_another_kind_is_said_with_its_keys(one_line):
    with pytest.raises(CheckpointError) as caught:
        build("zoo:mlp", {}, {"features.0.weight": (3, 3)})
    one_line(caught, "zoo:mlp", "features.0.weight")


def test_an_argument_torchvision_does_not_take_is_named(one_line):
    with pytest.raises(CheckpointError) as caught:
        build("torchvision:resnet18", {"depth": 3}, shapes_with(7))
    one_line(caught, "torchvision:resnet18", "depth")
