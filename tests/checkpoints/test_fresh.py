"""Networks with fresh weights of the same architecture."""

import pytest
import torch
from torch import nn

from repprobe.checkpoints import Model, Preprocessing
from repprobe.checkpoints.fresh import fresh
from repprobe.errors import UsageError


def in_memory(*parts):
    return Model("net", nn.Sequential(*parts), "Sequential", Preprocessing.parse("unit"))


class Scale(nn.Module):
    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3))


def equal(one, other):
    pairs = zip(one.state_dict().values(), other.state_dict().values(), strict=True)
    return all((a == b).all() for a, b in pairs)


def test_a_named_architecture_is_built_anew():
    arguments = {"width": 4, "in_channels": 1, "num_classes": 10}
    from repprobe.checkpoints.architectures import build_fresh

    module = build_fresh("zoo:small-cnn", arguments)
    model = Model("net", module, "zoo:small-cnn", Preprocessing.parse("unit"), arguments)
    state = torch.random.get_rng_state()
    one, same, other = (fresh(model, seed).module for seed in (0, 0, 1))
    assert (torch.random.get_rng_state() == state).all()
    assert equal(one, same)
    assert not equal(one, other)
    assert not one.training


def test_a_module_in_memory_is_copied_and_reset():
    model = in_memory(nn.Linear(3, 3), nn.BatchNorm1d(3), nn.MultiheadAttention(4, 2))
    with torch.no_grad():
        for tensor in model.module.state_dict().values():
            tensor.fill_(7)
    found = fresh(model, 0).module
    assert all((t == 7).all() for t in model.module.state_dict().values())
    assert not any((t == 7).all() for t in found.state_dict().values())


def test_a_part_that_cannot_be_reset_is_named():
    with pytest.raises(UsageError, match=r"part '1'.*no reset_parameters"):
        fresh(in_memory(nn.Linear(3, 3), Scale()), 0)


def test_a_network_on_another_device_gets_the_same_weights_on_the_cpu():
    if not torch.cuda.is_available():
        pytest.skip("there is no CUDA device")
    model = in_memory(nn.Linear(3, 3))
    expected = fresh(model, 0).module
    model.module.cuda()
    found = fresh(model, 0).module
    assert found[0].weight.device.type == "cpu"
    assert equal(found, expected)
    assert model.module[0].weight.is_cuda
