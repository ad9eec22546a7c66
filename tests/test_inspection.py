"""`inspect`: a checkpoint is described without data, and nothing in it is run."""

import json

import pytest
import torch
from torch import nn

import repprobe
from repprobe.errors import CheckpointError, UnknownNameError, UnsafeCheckpointError


def test_a_public_checkpoint(shared):
    found = repprobe.inspect(shared / "checkpoints/resnet20-cifar10.th")
    assert found.format == "torch zip" or found.format == "torch legacy"
    assert (found.entry, found.prefix) == ("state_dict", "module.")
    (architecture,) = found.architectures
    assert architecture["architecture"] == "zoo:cifar-resnet"
    assert architecture["arguments"]["depth"] == 20
    assert found.parameters == 269_722
    assert found.input_shape == (3, 32, 32)
    assert found.metadata["best_prec1"] == pytest.approx(91.78, abs=0.01)
    shapes = {layer.name: (layer.type, layer.shape) for layer in found.layers}
    assert shapes["layer3.2.conv2"] == ("Conv2d", (64, 8, 8))
    assert shapes["linear"] == ("Linear", (10,))
    json.dumps(found.to_dict(), allow_nan=False)


def test_the_files_own_words_on_training_are_told(digits_checkpoint):
    found = repprobe.inspect(digits_checkpoint)
    assert found.metadata["noise"] == "uniform:0.4"
    assert found.metadata["settings"]["epochs"] == 4
    assert found.preprocessing == "unit"
    assert "stated" in found.how


def test_several_state_dicts_are_listed_and_one_is_picked(tmp_path):
    small, large = nn.Linear(4, 2).state_dict(), nn.Linear(400, 2).state_dict()
    path = tmp_path / "two.pt"
    torch.save({"model": small, "ema": large, "epoch": 3}, path)
    found = repprobe.inspect(path)
    assert {e["place"]: e["parameters"] for e in found.entries} == {"model": 10, "ema": 802}
    assert found.entry == "model"
    assert repprobe.inspect(path, entry="ema").parameters == 802
    with pytest.raises(UnknownNameError, match="ema"):
        repprobe.inspect(path, entry="emma")


def test_a_network_that_no_library_has_is_described_by_its_tensors(tmp_path):
    path = tmp_path / "plain.pt"
    plain = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10))
    torch.save(plain.state_dict(), path)
    found = repprobe.inspect(path)
    assert found.architectures == []
    assert "plain network of 2 layers" in found.how
    assert "labelled data" in found.how
    assert [(layer.name, layer.weight) for layer in found.layers] == [
        ("0", (4, 1, 3, 3)),
        ("3", (10, 144)),
    ]


def test_a_whole_network_of_known_layers_is_run_on_made_inputs(tmp_path):
    path = tmp_path / "whole.pt"
    torch.save(nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1)), path)
    found = repprobe.inspect(path)
    assert found.architectures[0]["architecture"] == "torch Sequential"
    assert [layer.type for layer in found.layers] == ["Conv2d", "ReLU", "AdaptiveAvgPool2d"]
    assert found.layers[0].shape == (4, 30, 30)


def test_a_file_that_asks_to_run_code_is_refused_with_what_it_wanted(tmp_path, one_line):
    class Payload:
        def __reduce__(self):
            return print, ("boo",)

    path = tmp_path / "bad.pt"
    torch.save({"state_dict": {"a": torch.zeros(2)}, "extra": Payload()}, path)
    with pytest.raises(UnsafeCheckpointError) as caught:
        repprobe.inspect(path)
    one_line(caught, path, "print")


def test_an_architecture_that_does_not_fit_is_refused(digits_checkpoint, one_line):
    with pytest.raises(CheckpointError) as caught:
        repprobe.inspect(digits_checkpoint, arch="torchvision:resnet18")
    one_line(caught, digits_checkpoint, "torchvision:resnet18")
