"""Measuring changes nothing."""

import copy
import random

import numpy as np
import pytest
import torch
from torch import nn

from repprobe.capture.extract import capture
from repprobe.capture.guard import undisturbed
from repprobe.errors import CaptureError

from .conftest import make_data, make_model
from .networks import Meddler


def state(net):
    """Everything about a network and the process that a measurement could change."""
    return {
        "training": [m.training for m in net.modules()],
        "parameters": [(id(p), p.data_ptr(), p.detach().clone()) for p in net.parameters()],
        "gradients": [None if p.grad is None else p.grad.clone() for p in net.parameters()],
        "requires_grad": [p.requires_grad for p in net.parameters()],
        "buffers": [(id(b), b.clone()) for b in net.buffers()],
        "strides": [t.stride() for t in net.state_dict().values()],
        "devices": [t.device for t in net.state_dict().values()],
        "hooks": [
            {k: dict(v) for k, v in vars(m).items() if "hook" in k and isinstance(v, dict)}
            for m in net.modules()
        ],
        "attributes": [
            {k: copy.copy(v) for k, v in vars(m).items() if not k.startswith("_")}
            for m in net.modules()
        ],
        "random": (random.getstate(), torch.get_rng_state()),
        "numpy": np.random.get_state()[1],  # noqa: NPY002
        "grad": torch.is_grad_enabled(),
        "inference": torch.is_inference_mode_enabled(),
    }


def assert_equal(a, b):
    if isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a:
            assert_equal(a[key], b[key])
    elif isinstance(a, list | tuple):
        assert len(a) == len(b)
        for x, y in zip(a, b, strict=True):
            assert_equal(x, y)
    elif isinstance(a, torch.Tensor):
        assert torch.equal(a, b)
    elif isinstance(a, np.ndarray):
        assert np.array_equal(a, b)
    else:
        assert a == b


@pytest.fixture
def net():
    """A network in the midst of training, its parts in different modes."""
    net = Meddler()
    net.body[0].weight.requires_grad = False
    net(torch.randn(4, 6)).sum().backward()
    net.train()
    net.body[1].eval()
    net.head.register_forward_hook(lambda *_: None)
    return net


def run(net, **kwargs):
    model = make_model(nn.Identity())
    object.__setattr__(model, "module", net)
    return capture(model, make_data(6), train_rows=np.arange(20), batch_size=8, **kwargs)


def test_everything_is_as_before(net):
    before = state(net)
    run(net, layers=["all"])
    assert_equal(before, state(net))


@pytest.mark.parametrize("pass_", [1, 5])
def test_everything_is_as_before_after_an_exception(net, pass_):
    net.fail_at = net.calls + pass_
    before = state(net)
    with pytest.raises(CaptureError, match="told to fail"):
        run(net)
    assert_equal(before, state(net))


def test_everything_is_as_before_after_an_interruption(net):
    before = state(net)

    def interrupt(stage, done, total):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(net, progress=interrupt)
    assert_equal(before, state(net))


def test_it_can_be_trained_afterwards(net):
    run(net)
    net(torch.randn(4, 6)).sum().backward()


def test_a_network_left_in_training_mode_is_measured_in_evaluation_mode():
    net = nn.Sequential(nn.Dropout(0.5), nn.Linear(6, 3)).train()
    data = make_data(6)
    model = make_model(nn.Identity())
    object.__setattr__(model, "module", net)
    features = capture(model, data, train_rows=np.arange(20))
    assert net[0].training
    expected = net.eval()(torch.from_numpy(data.train.inputs(np.arange(20))))
    np.testing.assert_allclose(features.train("1"), expected.detach().numpy(), atol=1e-6)


def test_a_buffer_that_holds_nan_is_put_back():
    net = Meddler()
    net.last[0] = torch.nan
    with undisturbed(net):
        net(torch.randn(3, 6))
    assert net.last[0].isnan()
    assert net.last[1] == 0


def test_transformers_call_their_parts_while_guarded():
    """Their fused path calls no submodules, and its last digits differ."""
    before = torch.backends.mha.get_fastpath_enabled()
    with undisturbed(nn.Identity()):
        assert not torch.backends.mha.get_fastpath_enabled()
    assert torch.backends.mha.get_fastpath_enabled() == before
