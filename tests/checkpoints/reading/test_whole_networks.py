"""Whole pickled networks of known layers are rebuilt, and answer as the original does."""

import subprocess
import sys

import pytest
import torch
from torch import nn

from repprobe.checkpoints.reading import read
from repprobe.errors import UnsafeCheckpointError

IMAGES = (2, 3, 64, 64)


def sequential():
    return nn.Sequential(
        *(nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(True), nn.MaxPool2d(2)),
        *(nn.GroupNorm(2, 8), nn.LeakyReLU(), nn.AvgPool2d(2), nn.Upsample(scale_factor=2)),
        *(nn.ConvTranspose2d(8, 4, 3), nn.InstanceNorm2d(4, affine=True), nn.PReLU()),
        *(nn.AdaptiveAvgPool2d(4), nn.ZeroPad2d(1), nn.Softplus(), nn.Flatten(), nn.Dropout()),
        *(nn.Linear(144, 5), nn.LayerNorm(5), nn.Softmax(1)),
    )


def torchvision(name, **more):
    from torchvision.models import get_model

    return get_model(name, weights=None, **more)


def timm(name, **more):
    return pytest.importorskip("timm").create_model(name, num_classes=5, **more)


NETWORKS = {
    "Sequential": sequential,
    "resnet18": lambda: torchvision("resnet18"),
    "mobilenet_v3_small": lambda: torchvision("mobilenet_v3_small"),
    "vit_b_16": lambda: torchvision("vit_b_16", image_size=64),
    "densenet121": lambda: torchvision("densenet121"),
    "swin_t": lambda: torchvision("swin_t"),
    "timm resnet18": lambda: timm("resnet18"),
    "timm vit": lambda: timm("vit_tiny_patch16_224", img_size=64),
    "timm efficientnet": lambda: timm("efficientnet_b0"),
    "timm convnext": lambda: timm("convnext_atto"),
    "timm fasternet": lambda: timm("fasternet_t0"),  # a method in place of forward
    "timm nfnet": lambda: timm("dm_nfnet_f0"),  # a function among the attributes
}


@torch.no_grad()
@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_of_known_layers_answers_as_the_original(tmp_path, name):
    torch.manual_seed(0)
    network = NETWORKS[name]().eval()
    torch.save(network, tmp_path / "whole.pt", _use_new_zipfile_serialization=len(name) % 2 == 0)
    found = read(tmp_path / "whole.pt")
    x = torch.randn(IMAGES)
    assert torch.equal(found.module(x), network(x))
    assert list(found.data) == list(network.state_dict())
    assert found.left_out == ()


GRAPHS = """
import sys, torch
import torch_geometric.nn as g
torch.manual_seed(0)
x, edges = torch.randn(6, 3), torch.randint(0, 6, (2, 14))
for name in ("GCN", "GIN", "GAT", "GraphSAGE"):
    network = getattr(g, name)(3, 8, 2, 5).eval()
    torch.save(network, f"{sys.argv[1]}/{name}.pt")
    torch.save((x, edges, network(x, edges)), f"{sys.argv[1]}/{name}.out")
"""


def test_graph_networks_of_another_process_answer_as_the_originals(tmp_path):
    subprocess.run([sys.executable, "-c", GRAPHS, str(tmp_path)], check=True)
    for name in ("GCN", "GIN", "GAT", "GraphSAGE"):
        x, edges, wanted = torch.load(tmp_path / f"{name}.out", weights_only=True)
        network = read(tmp_path / f"{name}.pt").module
        with torch.no_grad():
            assert torch.equal(network(x, edges), wanted)


@pytest.mark.parametrize("kind", [nn.LSTM, nn.GRU])
def test_recurrent_layers_answer_as_the_original(tmp_path, kind):
    layer, x = kind(3, 4, 2), torch.randn(5, 2, 3)
    torch.save(layer, tmp_path / "a.pt")
    assert torch.equal(read(tmp_path / "a.pt").module(x)[0], layer(x)[0])


def test_shared_layers_stay_shared(tmp_path):
    layer = nn.Linear(3, 3)
    torch.save(nn.Sequential(layer, nn.ReLU(), layer), tmp_path / "a.pt")
    found = read(tmp_path / "a.pt").module
    assert found[0] is found[2]
    assert len(list(found.parameters())) == 2


@pytest.mark.parametrize("archive", [True, False])
def test_a_network_for_several_devices_is_unwrapped(tmp_path, archive):
    path, network = tmp_path / "a.pt", nn.Linear(2, 2)
    saved = {"model": nn.DataParallel(network), "epoch": 3}
    torch.save(saved, path, _use_new_zipfile_serialization=archive)
    found = read(path)
    assert found.data["epoch"] == 3
    assert list(found.data["model"]) == ["weight", "bias"]
    assert torch.equal(found.module(torch.ones(1, 2)), network(torch.ones(1, 2)))


def test_of_two_networks_the_weights_are_read(tmp_path):
    saved = {"model": nn.Linear(2, 2), "ema": nn.Linear(2, 2)}
    torch.save(saved, tmp_path / "a.pt")
    found = read(tmp_path / "a.pt")
    assert found.module is None
    assert torch.equal(found.data["ema"]["bias"], saved["ema"].bias)
    assert "several" in found.left_out[0]


class Net(nn.Linear):
    """A stranger's class."""


def test_a_class_of_ones_own_is_refused_by_name(tmp_path, one_line):
    path = tmp_path / "a.pt"
    torch.save(nn.Sequential(Net(2, 2)), path)
    with pytest.raises(UnsafeCheckpointError) as caught:
        read(path)
    one_line(caught, path, f"{__name__}.Net", "model.state_dict()")


def test_a_trusted_network_is_the_module(tmp_path):
    network = Net(2, 2)
    torch.save({"model": network, "epoch": 3}, tmp_path / "a.pt")
    found = read(tmp_path / "a.pt", trust=True)
    assert isinstance(found.module, Net)
    assert torch.equal(found.data["model"]["weight"], network.weight)


def rename(path, imported):
    """Let a file's linear layer be imported as something else."""
    path.write_bytes(path.read_bytes().replace(b"torch.nn.modules.linear\nLinear", imported))


def test_a_layer_that_is_not_installed_leaves_the_weights(tmp_path):
    path = tmp_path / "a.pt"
    torch.save(nn.Linear(2, 2), path, _use_new_zipfile_serialization=False)
    rename(path, b"torch.nn.modules.linxar\nLinear")
    found = read(path)
    assert found.module is None
    assert list(found.data) == ["weight", "bias"]
    assert "torch.nn.modules.linxar.Linear" in found.left_out[0]


def test_attributes_that_take_the_place_of_a_method_are_not_taken(tmp_path):
    layer = nn.Linear(2, 2)
    layer.forward = nn.functional.relu
    torch.save(layer, tmp_path / "a.pt")
    found = read(tmp_path / "a.pt")
    assert found.module is None
    assert "Linear.forward" in found.left_out[0]


def test_no_layer_can_reach_the_constructors_of_others(tmp_path):
    """A name that is no layer where it says it is one is refused."""
    path = tmp_path / "a.pt"
    torch.save(nn.Linear(2, 2), path, _use_new_zipfile_serialization=False)
    rename(path, b"torch.nn.modules.linear\nTensor")
    with pytest.raises(UnsafeCheckpointError, match=r"torch\.nn\.modules\.linear\.Tensor"):
        read(path)
