"""repprobe's own checkpoints: written whole, read back as they were, and never trusted too far."""

import resource
import subprocess
import sys

import numpy as np
import pytest
import torch

from repprobe import zoo
from repprobe.checkpoints import load_model, save_checkpoint
from repprobe.errors import CheckpointError, OutputError, UsageError


@pytest.fixture
def network():
    return zoo.build("small-cnn", num_classes=4).eval()


def save(path, network, **entries):
    defaults = {
        "architecture": "zoo:small-cnn",
        "arguments": {"num_classes": 4},
        "preprocess": "none",
    }
    save_checkpoint(path, network, **{**defaults, **entries})
    return path


def test_it_is_read_back_as_it_was(tmp_path, network):
    path = save(tmp_path / "a.pt", network, noise_ratio=0.4, training={"epochs": [1, 2]})
    model = load_model(path)
    x = torch.randn(2, 1, 8, 8)
    with torch.no_grad():
        assert torch.equal(model.module(x), network(x))
    assert model.architecture == "zoo:small-cnn"
    assert model.arguments == {"num_classes": 4, "in_channels": 1, "width": 12}
    assert (model.preprocessing.name, model.preprocessing.found) == ("none", "checkpoint")
    assert model.metadata == {"noise_ratio": 0.4}
    assert model.notes == ()


def test_any_weights_only_loader_reads_it(tmp_path, network):
    data = torch.load(save(tmp_path / "a.pt", network), weights_only=True)
    assert data.keys() == {"state_dict", "architecture", "arguments", "preprocess"}


def test_the_users_words_win_over_the_files(tmp_path, network):
    path = save(tmp_path / "a.pt", network, architecture="torchvision:resnet18", preprocess="bad")
    model = load_model(path, arch="zoo:small-cnn", preprocess="unit")
    assert (model.architecture, model.preprocessing.found) == ("zoo:small-cnn", "option")


def test_the_same_network_gives_the_same_bytes(tmp_path, network):
    first, second = save(tmp_path / "a.pt", network), save(tmp_path / "b.pt", network)
    assert first.read_bytes() == second.read_bytes()


def test_a_python_file_named_in_a_checkpoint_is_not_run(tmp_path, network):
    canary, source = tmp_path / "canary", tmp_path / "nets.py"
    source.write_text(f"open({str(canary)!r}, 'w')\ndef build(): return None\n")
    path = save(tmp_path / "a.pt", network, architecture=f"{source}:build")
    model = load_model(path)
    assert model.architecture == "zoo:small-cnn"
    assert not canary.exists()
    assert f"{source}:build" in model.notes[0]


@pytest.mark.parametrize("name", ["checkpoint_path", "pretrained", "pretrained_cfg", "weights"])
def test_a_checkpoint_cannot_have_another_file_loaded(tmp_path, network, one_line, name):
    path = save(
        tmp_path / "a.pt", network, architecture="timm:resnet10t", arguments={name: "evil.pt"}
    )
    with pytest.raises(CheckpointError) as caught:
        load_model(path)
    one_line(caught, path, name)


@pytest.mark.parametrize(
    ("entries", "named"),
    [
        ({"preprocess": "imagnet"}, "imagnet"),
        ({"arguments": {"num_classes": 5}}, "linear.weight"),
        ({"arguments": {"width": "wide"}}, "width"),
        ({"architecture": "zoo:mlp"}, "zoo:mlp"),
        ({"architecture": "zoo:transformer"}, "transformer"),
    ],
)
def test_entries_that_cannot_be_used_are_named(tmp_path, network, one_line, entries, named):
    path = save(tmp_path / "a.pt", network, **entries)
    with pytest.raises((CheckpointError, UsageError)) as caught:
        load_model(path)
    one_line(caught, named)


@pytest.mark.parametrize("value", [np.float64(3), {1, 2}, {2.5: 4}, [object()], np.ones(2)])
def test_entries_that_weights_only_loading_would_refuse_are_not_written(
    tmp_path, network, one_line, value
):
    with pytest.raises(UsageError) as caught:
        save(tmp_path / "a.pt", network, extra=value)
    one_line(caught, "'extra'")
    assert list(tmp_path.iterdir()) == []


def test_another_formats_suffix_is_refused(tmp_path, network, one_line):
    with pytest.raises(UsageError) as caught:
        save(tmp_path / "a.safetensors", network)
    one_line(caught, "a.safetensors", ".pt")


def test_a_missing_folder_is_named(tmp_path, network, one_line):
    with pytest.raises(OutputError) as caught:
        save(tmp_path / "no" / "a.pt", network)
    one_line(caught, tmp_path / "no" / "a.pt", "No such file")


def test_a_full_disk_leaves_the_old_file_and_nothing_else(tmp_path, network):
    """A limit on the size of files stands for the disk."""
    path = save(tmp_path / "a.pt", network)
    before = path.read_bytes()
    code = f"""
import resource, signal
from repprobe import zoo
from repprobe.checkpoints import save_checkpoint
from repprobe.errors import OutputError
network = zoo.build("small-cnn", width=24)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, {resource.RLIM_INFINITY}))
try:
    save_checkpoint({str(path)!r}, network, architecture="a", arguments={{}}, preprocess="unit")
except OutputError as err:
    assert "cannot be written" in str(err) and "\\n" not in str(err)
else:
    raise SystemExit("it was written")
"""
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
