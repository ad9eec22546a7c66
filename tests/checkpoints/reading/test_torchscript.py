"""Of TorchScript archives the weights are taken, as `state_dict()` names them."""

import warnings

import pytest
import torch
from torch import nn

from repprobe.checkpoints.reading import read
from repprobe.errors import CheckpointError

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class Net(nn.Module):
    """Parameters, buffers and attributes of every kind."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))
        self.register_buffer("mean", torch.ones(2))
        self.scale = nn.Parameter(torch.ones(1))
        self.plain = torch.zeros(3)
        self.sizes = [1, 2]
        self.listed = [torch.ones(1)]
        self.named = {"a": torch.ones(1)}

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.stem(x) * self.scale + self.plain.sum() + self.mean.sum()


def scripted():
    return torch.jit.script(Net())


def traced():
    return torch.jit.trace(Net(), torch.ones(2, 3, 8, 8))


@pytest.mark.parametrize("make", [scripted, traced])
def test_the_weights_are_those_of_the_state_dict(tmp_path, make):
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = make()
        module.save(str(tmp_path / "a.pt"))
    found = read(tmp_path / "a.pt")
    wanted = module.state_dict()
    assert found.format == "TorchScript"
    assert found.data.keys() == wanted.keys()
    assert all(torch.equal(found.data[key], wanted[key]) for key in wanted)
    assert "code" in found.left_out[0]


def test_a_torchvision_network_keeps_its_order(tmp_path):
    from torchvision.models import resnet18

    network = resnet18(weights=None)
    torch.jit.script(network).save(str(tmp_path / "a.pt"))
    assert list(read(tmp_path / "a.pt").data) == list(network.state_dict())


def test_a_frozen_module_has_no_weights_of_its_own(tmp_path, one_line):
    path = tmp_path / "a.pt"
    torch.jit.freeze(torch.jit.script(nn.Linear(2, 2).eval())).save(str(path))
    with pytest.raises(CheckpointError) as caught:
        read(path)
    one_line(caught, path, "TorchScript archive without weights", "state_dict()")


def test_extra_files_that_are_no_code_are_named(tmp_path):
    module = torch.jit.script(nn.Linear(2, 2))
    torch.jit.save(module, str(tmp_path / "a.pt"), _extra_files={"labels.txt": "cat"})
    found = read(tmp_path / "a.pt")
    assert list(found.data) == ["weight", "bias"]
    assert "extra/labels.txt" in found.left_out[1]
