"""A fixed network as a program, and both forms of the shared ResNet-20 outside of repprobe."""

import json
import subprocess
import sys

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from made_heads import assert_alike, captured, made_data, made_head, made_model
from torch import nn

from repprobe import zoo
from repprobe.capture import Pooling, capture
from repprobe.checkpoints import load_networks
from repprobe.data import load_data
from repprobe.errors import OutputError, UsageError
from repprobe.repair.export import NOTE, export_program
from repprobe.repair.head import Head
from repprobe.repair.network import with_head
from repprobe.repair.place import head_place
from repprobe.repair.writing import write_fixed
from tests.capture import graph_networks as graphs
from tests.capture import networks

RUN = """
import sys
import numpy as np
import torch

program = torch.export.load(sys.argv[1]).module()
images = np.load(sys.argv[2], mmap_mode="r")
with torch.no_grad():
    found = [program(torch.from_numpy(images[i : i + 500].astype("float32"))).argmax(1)
             for i in range(0, len(images), 500)]
np.save(sys.argv[3], torch.cat(found).numpy())
assert not any(name.partition(".")[0] == "repprobe" for name in sys.modules)
"""


def run_alone(program, images, folder):
    """Return the classes that a program gives in a process that knows nothing of repprobe."""
    np.save(folder / "images.npy", images)
    arguments = [program, folder / "images.npy", folder / "classes.npy"]
    subprocess.run([sys.executable, "-I", "-c", RUN, *map(str, arguments)], check=True)
    return np.load(folder / "classes.npy")


@pytest.mark.parametrize("layer", ["linear.input", "layer2.0", "bn1"])
@pytest.mark.parametrize("pooling", [Pooling(), Pooling(width=20)], ids=["grid", "projected"])
def test_the_program_gives_the_same_for_any_number_of_examples(tmp_path, layer, pooling):
    torch.manual_seed(0)
    data = made_data(3, 16, 16)
    module = zoo.build("cifar-resnet", num_classes=3, depth=8, width=4)
    model = made_model(module, "0.4,0.5,0.6/0.2,0.2,0.3")
    width = captured(model, data, pooling, (layer,))[layer].shape[1]
    fixed = with_head(model, data, made_head(layer, pooling, width))
    export_program([fixed], data, tmp_path / "a.pt2")
    extra = {NOTE: ""}
    program = torch.export.load(tmp_path / "a.pt2", extra_files=extra).module()
    assert json.loads(extra[NOTE])["classes"] == ["a", "b", "c"]
    expected = captured(fixed, data, pooling).output[6:]
    for count in (1, 2, 12):
        raw = torch.from_numpy(data.test.inputs(np.arange(count)))
        given = raw.clone()
        assert_alike(program(given).detach().numpy(), expected[:count])
        assert torch.equal(raw, given)


@pytest.mark.parametrize(
    ("preprocess", "given", "taken"),
    [("bgr:imagenet", 3, 3), ("rgb:half", 1, 3), ("grey:0.4/0.2", 3, 1), ("bgr:none", 1, 3)],
)
def test_channels_are_brought_to_what_the_network_takes(tmp_path, preprocess, given, taken):
    torch.manual_seed(0)
    data = made_data(given, 8, 8)
    network = zoo.build("small-cnn", num_classes=3, in_channels=taken, width=4)
    model = made_model(network, preprocess)
    export_program([model], data, tmp_path / "a.pt2")
    program = torch.export.load(tmp_path / "a.pt2").module()
    raw = torch.from_numpy(data.test.inputs(np.arange(12)))
    assert_alike(program(raw).detach().numpy(), captured(model, data, Pooling()).output[6:])


def test_scores_of_two_networks_are_added(tmp_path):
    torch.manual_seed(0)
    data = made_data(3, 8, 8)
    models = [
        made_model(zoo.build("small-cnn", num_classes=3, in_channels=3, width=4)) for _ in range(2)
    ]
    export_program(models, data, tmp_path / "a.pt2")
    program = torch.export.load(tmp_path / "a.pt2").module()
    raw = torch.from_numpy(data.test.inputs(np.arange(12)))
    expected = sum(captured(model, data, Pooling()).output[6:] for model in models)
    assert_alike(program(raw).detach().numpy(), expected)


def test_a_program_is_of_float32(tmp_path):
    data = made_data(5)
    model = made_model(nn.Sequential(nn.Linear(5, 3)).double())
    export_program([model], data, tmp_path / "a.pt2")
    program = torch.export.load(tmp_path / "a.pt2").module()
    assert {tensor.dtype for tensor in program.state_dict().values()} == {torch.float32}
    raw = torch.from_numpy(data.test.inputs(np.arange(12)))
    with torch.no_grad():
        expected = model.module(raw.double()).float()
    assert_alike(program(raw).detach().numpy(), expected.numpy())
    assert model.module[0].weight.dtype == torch.float64


def test_tokens_are_taken_as_numbers(tmp_path):
    torch.manual_seed(0)
    model, data = made_model(networks.Tokens()), made_data(7, words=11)
    export_program([model], data, tmp_path / "a.pt2")
    program = torch.export.load(tmp_path / "a.pt2").module()
    raw = torch.from_numpy(data.test.inputs(np.arange(12)))
    assert_alike(program(raw).detach().numpy(), captured(model, data, Pooling()).output[6:])


class Undecided(nn.Module):
    """What it does depends on the values."""

    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 3)

    def forward(self, x):
        return self.linear(x if x.sum() > 0 else -x)


def test_what_cannot_be_exported_is_told_and_leaves_no_file(tmp_path, one_line):
    path = tmp_path / "a.pt2"
    with pytest.raises(UsageError) as caught:
        export_program([made_model(graphs.Pooled("max"))], graphs.graph_data(8), path)
    one_line(caught, "graphs")
    with pytest.raises(OutputError) as caught:
        export_program([made_model(Undecided())], made_data(4), path)
    one_line(caught, "torch cannot export")
    with pytest.raises(UsageError) as caught:
        export_program([made_model(nn.Linear(4, 3))], made_data(4), tmp_path / "a.pt")
    one_line(caught, ".pt2")
    assert not list(tmp_path.iterdir())


class Block(nn.Module):
    """Two convolutions beside a shortcut without parameters (He et al. 2016, option A)."""

    def __init__(self, before, after):
        super().__init__()
        self.stride = after // before
        self.conv1 = nn.Conv2d(before, after, 3, self.stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(after)
        self.conv2 = nn.Conv2d(after, after, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(after)

    def forward(self, x):
        out = self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x)))))
        missing = out.shape[1] - x.shape[1]
        beside = F.pad(
            x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, missing // 2, missing // 2)
        )
        return F.relu(out + beside)


class ResNet20(nn.Module):
    """The network of the shared checkpoint, by somebody who has never heard of repprobe."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = nn.Sequential(*(Block(16, 16) for _ in range(3)))
        self.layer2 = nn.Sequential(Block(16, 32), Block(32, 32), Block(32, 32))
        self.layer3 = nn.Sequential(Block(32, 64), Block(64, 64), Block(64, 64))
        self.linear = nn.Linear(64, 10)

    def forward(self, x):
        x = self.layer3(self.layer2(self.layer1(F.relu(self.bn1(self.conv1(x))))))
        return self.linear(x.mean((2, 3)))


def predictions(network, images):
    """Return the classes (n,) for raw images, as the owner computes them."""
    mean = torch.tensor([0.485, 0.456, 0.406]).view(-1, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(-1, 1, 1)
    with torch.no_grad():
        found = [
            network((torch.from_numpy(images[i : i + 500]).float() / 255 - mean) / std).argmax(1)
            for i in range(0, len(images), 500)
        ]
    return torch.cat(found).numpy()


def test_drop_in_and_program_answer_as_reported_on_all_test_images(shared, tmp_path):
    source, out = shared / "checkpoints/resnet20-cifar10.th", tmp_path / "fixed.th"
    data = load_data(str(shared / "data/cifar10"))
    [model] = load_networks(source, preprocess="imagenet")
    place = head_place(model, data)
    rows, none = np.arange(2000), np.arange(0)
    features = capture(model, data, train_rows=rows, test_rows=none, layers=[place.layer])
    x = np.asarray(features.train(place.layer), np.float64)
    mean, scale = x.mean(0), x.std(0)
    z, y = (x - mean) / scale, np.eye(10)[data.train.labels[rows]]
    weight = np.linalg.solve(z.T @ z + 10 * np.eye(64), z.T @ (y - y.mean(0))).T / scale
    bias = y.mean(0) - weight @ mean
    head = Head(place.layer, Pooling(), weight, bias, "ridge", 10.0)
    fixed = with_head(model, data, head)
    write_fixed(source, [fixed], out)
    export_program([fixed], data, tmp_path / "fixed.pt2")

    reported = capture(fixed, data, train_rows=none, layers=["linear"]).output.argmax(1)
    assert len(reported) == 10_000
    # the images are JPEG files, on which the network itself has 0.81
    assert np.mean(reported == data.test.labels) > 0.815

    images = data.test.inputs(np.arange(10_000))
    old, new = (torch.load(path, "cpu", weights_only=True) for path in (source, out))
    assert list(new) == list(old) and new["best_prec1"] == old["best_prec1"]
    assert all(key.startswith("module.") for key in new["state_dict"])
    owner = nn.DataParallel(ResNet20()).eval()
    owner.load_state_dict(new["state_dict"], strict=True)
    assert (predictions(owner, images) == reported).sum() == 10_000
    assert (run_alone(tmp_path / "fixed.pt2", images, tmp_path) == reported).sum() == 10_000
