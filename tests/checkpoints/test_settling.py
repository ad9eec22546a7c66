"""What a checkpoint leaves open is settled by labelled clean data."""

import copy

import numpy as np
import pytest
import torch
from torch import nn

import repprobe
from repprobe.checkpoints import load_model
from repprobe.errors import CheckpointError, UnknownNameError, UsageError


def learned(network, epochs=25):
    """Train a network on the digits, with inputs from −1 to 1, in about a second."""
    data = repprobe.load_data("digits")
    rows = np.arange(len(data.train))
    x = torch.from_numpy(np.array(data.train.inputs(rows), np.float32)) / 8 - 1
    y = torch.from_numpy(data.train.labels)
    optimizer = torch.optim.Adam(network.parameters(), 3e-3)
    torch.manual_seed(0)
    for _ in range(epochs):
        for batch in torch.randperm(len(x)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(network(x[batch]), y[batch]).backward()
            optimizer.step()
    return network.eval()


def made():
    torch.manual_seed(0)
    return nn.Sequential(
        *(nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(8, 16, 3), nn.ReLU(), nn.Flatten(), nn.Linear(64, 10)),
    )


@pytest.fixture(scope="module")
def network():
    return learned(made())


def answers(model, network):
    """Return what both give for the test digits, each with its preprocessing."""
    data = repprobe.load_data("digits")
    raw = data.test.inputs(np.arange(100))
    with torch.no_grad():
        ours = model.module(model.preprocessing.apply(raw, data.unit))
        theirs = network(torch.from_numpy(np.array(raw, np.float32)) / 8 - 1)
    return ours, theirs


def test_a_plain_network_is_put_together_from_its_tensors(network, tmp_path):
    path = tmp_path / "plain.pt"
    torch.save({"net": {f"module.{k}": v for k, v in network.state_dict().items()}}, path)
    model = load_model(path, data="digits")
    assert model.architecture == "zoo:plain"
    torch.testing.assert_close(*answers(model, network), rtol=1e-3, atol=1e-3)
    found = model.findings["architecture"]
    assert found["hypotheses"] > 1000
    assert any("recovered" in note for note in model.notes)
    assert {model.entry.name(k) for k in model.module.state_dict()} >= {
        f"module.{k}" for k in network.state_dict() if "num_batches" not in k
    }


def test_without_data_it_is_said_what_is_missing(network, tmp_path, one_line):
    path = tmp_path / "plain.pt"
    torch.save(network.state_dict(), path)
    with pytest.raises(CheckpointError) as caught:
        load_model(path)
    one_line(caught, path, "plain network", "data")


def test_a_recovered_network_is_fixed_in_the_form_of_its_file(network, tmp_path):
    path, out = tmp_path / "plain.pt", tmp_path / "fixed.pt"
    spoiled = copy.deepcopy(network)
    nn.init.normal_(spoiled[-1].weight)
    torch.save({"epoch": 3, "net": spoiled.state_dict()}, path)
    arch = {"layers": load_model_of(network, tmp_path).arguments["layers"]}
    fixed = repprobe.fix(
        path, "digits", clean=200, out=out, arch="zoo:plain", arch_args=arch, preprocess="half"
    )
    written = torch.load(out, weights_only=True)
    assert written["epoch"] == 3
    network_again = made().eval()
    network_again.load_state_dict(written["net"], strict=True)
    ours, theirs = answers(fixed.models[0], network_again)
    assert (ours.argmax(1) == theirs.argmax(1)).all()


def load_model_of(network, folder):
    path = folder / "known.pt"
    torch.save(network.state_dict(), path)
    return load_model(path, data="digits")


def test_the_preprocessing_is_found_and_told(digits_checkpoint, tmp_path):
    saved = torch.load(digits_checkpoint, weights_only=True)
    path = tmp_path / "bare.pt"
    torch.save(saved["state_dict"], path)
    assert load_model(path).preprocessing.found == "default"
    model = load_model(path, data="digits")
    assert model.preprocessing.found == "batch statistics"
    assert model.findings["preprocessing"]["candidates"]
    assert load_model(path, data="digits", preprocess="half").findings == {}


def test_the_public_resnet_needs_nothing_but_data(shared, monkeypatch):
    monkeypatch.setenv("REPPROBE_DATA", str(shared / "data"))
    model = load_model(shared / "checkpoints/resnet20-cifar10.th", data="cifar10")
    assert model.preprocessing.name == "imagenet"
    assert model.image_size is None


def test_classes_in_another_order_are_noticed_and_taken(network, tmp_path):
    order = torch.tensor([3, 1, 4, 0, 5, 9, 2, 6, 8, 7])
    turned = copy.deepcopy(network)
    turned[-1].weight.data = turned[-1].weight.data[order]
    turned[-1].bias.data = turned[-1].bias.data[order]
    path = tmp_path / "turned.pt"
    torch.save(turned, path)
    options = {"clean": 200, "layers": ["7"], "preprocess": "half"}
    run = repprobe.layers(path, "digits", **options)
    own = {
        row.metric: row.value
        for row in run.scores
        if row.layer == "output" and row.group == "all" and row.split == "test"
    }
    assert own["accuracy"] < 0.4 < 0.9 < own["accuracy_reordered"]
    (model,) = run.info["models"]
    offered = next(note for note in model["notes"] if "--classes" in note)
    names = offered.partition("--classes ")[2].rstrip(".")
    assert model["class_order"]["order"] == [order.tolist().index(c) for c in range(10)]
    again = repprobe.layers(path, "digits", classes=names, **options)
    (row,) = again.scores.where(layer="output", metric="accuracy", group="all").rows
    assert row.value == pytest.approx(own["accuracy_reordered"])
    assert again.info["models"][0]["class_order"] is None


def test_classes_that_are_none_are_refused(digits_checkpoint, tmp_path):
    with pytest.raises(UnknownNameError):
        repprobe.layers(digits_checkpoint, "digits", classes="0,1,2,3,4,5,6,7,8,nine")
    with pytest.raises(UsageError):
        repprobe.layers(digits_checkpoint, "digits", classes="0,1,2")


def test_a_whole_network_has_no_place_for_a_fixed_one(network, tmp_path, one_line):
    path = tmp_path / "whole.pt"
    torch.save(network, path)
    with pytest.raises(UsageError) as caught:
        repprobe.fix(path, "digits", clean=100, out=tmp_path / "fixed.pt", preprocess="half")
    one_line(caught, path, "--export")
    assert not (tmp_path / "fixed.pt").exists()
