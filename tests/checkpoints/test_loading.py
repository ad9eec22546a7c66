"""From a file to a network that gives the right answers."""

import io
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from torchvision.models import get_model

from repprobe import zoo
from repprobe.checkpoints import load_model
from repprobe.checkpoints.opening import open_checkpoint
from repprobe.errors import CheckpointError, UsageError

SHARED = Path(__file__).resolve().parents[2].parent / "shared"
RESNET20 = SHARED / "checkpoints" / "resnet20-cifar10.th"
IMAGES = SHARED / "data" / "cifar10" / "test.parquet"
real = pytest.mark.skipif(
    not (RESNET20.exists() and IMAGES.exists()), reason=f"{RESNET20} or {IMAGES} is missing"
)


def trained(network, size=32, channels=3):
    """Give batch norm some statistics, so that a wrong load shows."""
    torch.manual_seed(0)
    with torch.no_grad():
        network.train()(torch.randn(8, channels, size, size))
    return network.eval()


@pytest.fixture
def cnn():
    return trained(zoo.build("small-cnn", num_classes=4), 8, 1)


def same(model, network, *shape):
    x = torch.randn(2, *shape)
    with torch.no_grad():
        return torch.equal(model.module(x), network(x))


@pytest.fixture
def images():
    """200 test images (200, 3, 32, 32) in 0…255, and their labels."""
    import pyarrow.parquet as pq
    from PIL import Image

    table = pq.read_table(IMAGES, columns=["img", "label"])
    rows = table.take(np.random.default_rng(0).permutation(len(table))[:200]).to_pylist()
    pictures = [np.asarray(Image.open(io.BytesIO(r["img"]["bytes"]))) for r in rows]
    return np.stack(pictures).transpose(0, 3, 1, 2), np.array([r["label"] for r in rows])


@real
def test_a_public_checkpoint_is_opened_and_answers_as_it_should(images):
    model = load_model(RESNET20, preprocess="imagenet")
    inputs, labels = images
    with torch.no_grad():
        logits = model.module(model.preprocessing.apply(inputs, 255.0))
    # 81.0 % on all 10,000; three standard errors of 200 are 8.3 points
    assert 0.73 < (logits.argmax(1).numpy() == labels).mean() < 0.89
    assert (model.name, model.architecture) == ("resnet20-cifar10", "zoo:cifar-resnet")
    assert model.arguments["depth"] == 20
    assert model.metadata == {"best_prec1": pytest.approx(91.78)}
    assert model.notes == ("The prefix 'module.' was taken off the keys.",)
    assert model.parameters == 269_722
    assert not model.module.training


@real
def test_a_public_checkpoint_opens_without_torchvision():
    code = f"""
import sys
from repprobe.checkpoints import load_model
load_model({str(RESNET20)!r})
assert "torchvision" not in sys.modules
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("prefix", ["", "module.", "_orig_mod.", "model.net.", "anything."])
@pytest.mark.parametrize("place", [None, "state_dict", "model"])
def test_wrappers_and_nesting_do_not_matter(tmp_path, cnn, prefix, place):
    state = {prefix + key: value for key, value in cnn.state_dict().items()}
    torch.save({place: state, "epoch": 7} if place else state, tmp_path / "a.pt")
    model = load_model(tmp_path / "a.pt")
    assert same(model, cnn, 1, 8, 8)
    assert model.metadata == ({"epoch": 7} if place else {})
    assert any(prefix in note for note in model.notes) if prefix else not model.notes


@pytest.mark.parametrize(
    ("name", "arguments", "suffix"),
    [
        ("resnet18", {"num_classes": 7}, ".pt"),
        ("mobilenet_v3_small", {"num_classes": 3}, ".safetensors"),
        ("googlenet", {"num_classes": 3, "init_weights": False, "aux_logits": True}, ".pt"),
        ("googlenet", {"num_classes": 3, "init_weights": False, "aux_logits": False}, ".pt"),
    ],
)
def test_torchvision_networks_are_named_and_answer_the_same(tmp_path, name, arguments, suffix):
    network = trained(get_model(name, weights=None, **arguments), 64)
    path = tmp_path / f"a{suffix}"
    (save_file if suffix == ".safetensors" else torch.save)(network.state_dict(), path)
    found = open_checkpoint(path).alternatives
    assert found[0].architecture == f"torchvision:{name}"
    model = load_model(path, arch=f"torchvision:{name}")
    assert same(model, network, 3, 64, 64)
    assert any("--preprocess 0.5/0.5" in note for note in model.notes) == (name == "googlenet")


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_a_network_whose_version_is_in_no_tensor_answers_the_same(tmp_path, suffix):
    network = trained(get_model("mnasnet0_5", weights=None, num_classes=3), 64)
    path = tmp_path / f"a{suffix}"
    (save_file if suffix == ".safetensors" else torch.save)(network.state_dict(), path)
    assert same(load_model(path, arch="torchvision:mnasnet0_5"), network, 3, 64, 64)


def test_architectures_with_the_same_shapes_are_all_named(tmp_path, one_line):
    path = tmp_path / "a.pt"
    torch.save(get_model("resnet18", weights=None, num_classes=7).state_dict(), path)
    with pytest.raises(CheckpointError) as caught:
        load_model(path)
    one_line(caught, path, "torchvision:resnet18", "timm:resnetblur18", "--arch")


def test_the_note_on_googlenets_inputs_is_right():
    """Its own input transform after ImageNet's preprocessing is 0.5/0.5."""
    from repprobe.checkpoints import Preprocessing

    plain = get_model("googlenet", init_weights=False, aux_logits=False, transform_input=True)
    raw = np.random.default_rng(0).integers(0, 256, (2, 3, 4, 4)).astype(np.uint8)
    ours = Preprocessing.parse("0.5/0.5").apply(raw, 255.0)
    theirs = plain._transform_input(Preprocessing.parse("imagenet").apply(raw, 255.0))
    torch.testing.assert_close(ours, theirs)


def test_batch_counters_may_be_missing(tmp_path, cnn):
    state = {k: v for k, v in cnn.state_dict().items() if "num_batches" not in k}
    torch.save(state, tmp_path / "a.pt")
    assert same(load_model(tmp_path / "a.pt"), cnn, 1, 8, 8)


def test_half_precision_runs_in_float32(tmp_path, cnn):
    torch.save(cnn.half().state_dict(), tmp_path / "a.pt")
    model = load_model(tmp_path / "a.pt")
    assert all(p.dtype == torch.float32 for p in model.module.parameters())
    assert same(model, cnn.float(), 1, 8, 8)
    assert "float16" in model.notes[0]


def test_a_timm_network_by_name(tmp_path):
    timm = pytest.importorskip("timm")
    network = trained(timm.create_model("resnet10t", num_classes=5, in_chans=1), 32, 1)
    torch.save({"state_dict": network.state_dict()}, tmp_path / "a.pt")
    assert same(load_model(tmp_path / "a.pt", arch="timm:resnet10t"), network, 1, 32, 32)


def test_a_users_own_network_keeps_a_name_that_all_its_keys_share(tmp_path):
    source = tmp_path / "nets.py"
    source.write_text(
        "from torch import nn\n"
        "class Net(nn.Module):\n"
        "    def __init__(self, width=3):\n"
        "        super().__init__()\n"
        "        self.model = nn.Linear(2, width)\n"
        "    def forward(self, x): return self.model(x)\n"
    )
    linear = nn.Linear(2, 3)
    state = {f"module.model.{key}": value for key, value in linear.state_dict().items()}
    torch.save(state, tmp_path / "a.pt")
    model = load_model(tmp_path / "a.pt", arch=f"{source}:Net")
    assert same(model, linear, 2)
    assert model.notes == ("The prefix 'module.' was taken off the keys.",)
    assert model.architecture == f"{source}:Net"


def test_a_state_dict_that_does_not_fit_says_which_keys(tmp_path, one_line):
    state = get_model("resnet18", num_classes=7).state_dict()
    del state["bn1.weight"], state["bn1.bias"]
    state["extra.weight"] = torch.ones(3)
    torch.save(state, tmp_path / "a.pt")
    with pytest.raises(CheckpointError) as caught:
        load_model(tmp_path / "a.pt", arch="torchvision:resnet34")
    one_line(
        caught,
        tmp_path / "a.pt",
        "torchvision:resnet34",
        "keys missing (bn1.weight, bn1.bias, ",
        "1 key unexpected (extra.weight)",
    )
    with pytest.raises(CheckpointError) as caught:
        load_model(tmp_path / "a.pt", arch="torchvision:resnet18", arch_args={"num_classes": 100})
    one_line(caught, "2 keys missing (bn1.weight, bn1.bias)")
    one_line(caught, "2 keys of another shape (fc.weight is (7, 512), not (100, 512), fc.bias")


def test_an_unknown_architecture_is_refused(tmp_path, one_line, cnn):
    state = cnn.state_dict()
    state["attention.weight"] = torch.ones(3, 3)
    torch.save(state, tmp_path / "a.pt")
    with pytest.raises(CheckpointError) as caught:
        load_model(tmp_path / "a.pt")
    one_line(caught, tmp_path / "a.pt", "zoo:small-cnn (96 % in common)", "--arch")


def test_weights_that_are_not_finite_are_told_of(tmp_path, cnn):
    state = cnn.state_dict()
    state["linear.weight"][0, 0] = torch.nan
    torch.save(state, tmp_path / "a.pt")
    assert load_model(tmp_path / "a.pt").notes == (
        "NaN or infinity in 1 of the 38 tensors: linear.weight.",
    )


def test_the_inputs_preprocessing_is_the_users_or_unit(tmp_path, cnn):
    torch.save(cnn.state_dict(), tmp_path / "a.pt")
    asked = load_model(tmp_path / "a.pt", preprocess="0.5/0.25").preprocessing
    assert (asked.mean, asked.std, asked.found) == ((0.5,), (0.25,), "option")
    left = load_model(tmp_path / "a.pt").preprocessing
    assert (left.name, left.found) == ("unit", "default")


def test_a_wrong_preprocessing_is_refused_before_anything_is_read(tmp_path):
    with pytest.raises(UsageError, match="'imagnet'"):
        load_model(tmp_path / "missing.pt", preprocess="imagnet")


def test_arguments_without_a_builder_are_refused(tmp_path):
    with pytest.raises(UsageError, match="arch is missing"):
        load_model(tmp_path / "missing.pt", arch_args={"num_classes": 3})


def test_opening_leaves_the_random_state_alone(tmp_path, cnn):
    torch.save(cnn.state_dict(), tmp_path / "a.pt")
    before = torch.get_rng_state()
    load_model(tmp_path / "a.pt")
    assert torch.equal(torch.get_rng_state(), before)


def test_importing_the_room_does_not_import_torch():
    code = "import sys, repprobe.checkpoints; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.fixture
def own_network(tmp_path, monkeypatch):
    """A checkpoint that says it was trained with nets.py:build of sizes 3 and 5."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets.py").write_text(
        "from pathlib import Path\nfrom torch import nn\n"
        "Path('ran').touch()\n"
        "def build(size, out=2, act='relu'):\n"
        "    kind = nn.ReLU if act == 'relu' else nn.Tanh\n"
        "    return nn.Sequential(nn.Linear(size, 7), kind(), nn.Linear(7, out))\n"
        "def other(): return nn.Linear(1, 1)\n"
    )
    network = nn.Sequential(nn.Linear(3, 7), nn.Tanh(), nn.Linear(7, 5))
    entries = {"architecture": "nets.py:build", "arguments": {"size": 3, "out": 5, "act": "tanh"}}
    torch.save({**entries, "state_dict": network.state_dict()}, tmp_path / "net.pt")
    return network


def test_a_function_that_the_file_names_is_not_run_unasked(own_network, tmp_path):
    with pytest.raises(CheckpointError) as caught:
        load_model("net.pt")
    assert "'net.pt' was trained with nets.py:build; give --arch nets.py:build" in str(caught.value)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("folder", ["", "./", "absolute"])
def test_its_arguments_are_those_of_the_file(own_network, tmp_path, folder):
    prefix = f"{tmp_path}/" if folder == "absolute" else folder
    model = load_model("net.pt", arch=f"{prefix}nets.py:build")
    assert model.arguments == {"size": 3, "out": 5, "act": "tanh"}
    assert same(model, own_network, 3)


def test_arguments_of_the_user_win(own_network):
    model = load_model("net.pt", arch="nets.py:build", arch_args={"act": "relu"})
    assert model.arguments == {"size": 3, "out": 5, "act": "relu"}
    assert isinstance(model.module[1], nn.ReLU)
    with pytest.raises(CheckpointError, match=r"does not fit nets.py:build"):
        load_model("net.pt", arch="nets.py:build", arch_args={"out": 4})


def test_another_function_is_not_given_them(own_network):
    with pytest.raises(CheckpointError, match=r"does not fit nets.py:other"):
        load_model("net.pt", arch="nets.py:other")


def test_a_width_that_the_file_states_is_not_applied_twice(tmp_path):
    arguments = {"num_classes": 3, "in_features": 4, "width": 0.125}
    network = zoo.build("mlp", **arguments)
    entries = {"architecture": "zoo:mlp", "arguments": arguments}
    torch.save({**entries, "state_dict": network.state_dict()}, tmp_path / "a.pt")
    assert same(load_model(tmp_path / "a.pt"), network, 4)
