"""Every method in a loop: it learns, from wrong labels too, and goes on where it was left."""

import copy

import pytest
import torch
from fakes import Examples, accuracy, blobs, learn, made_networks, symmetric_noise

from repprobe.training.methods import build, for_task

ARGUMENTS = {
    "co-teaching": {"rate": 0.4, "ramp": 2},
    "forward": {"warmup": 2},
    "dividemix": {"warmup": 2, "averaged": 3},
}


def made(name, n=600):
    x, true = blobs(n)
    examples = Examples(x, symmetric_noise(true, 0.4, 3), 3)
    method = build(name, **ARGUMENTS.get(name, {}))
    networks, optimizers = made_networks(method, 2, 3)
    method.begin(examples)
    return method, networks, optimizers, examples, true


@pytest.mark.parametrize("name", for_task("classification"))
def test_it_learns_the_truth_from_wrong_labels(name):
    method, networks, optimizers, examples, true = made(name)
    assert (examples.labels != true).float().mean() > 0.35
    told = learn(method, networks, optimizers, examples, 4)
    for number, network in enumerate(networks):
        assert any(losses[number] is not None for losses in told)
        assert accuracy(network, examples.x, true) > 0.97


@pytest.mark.parametrize("name", for_task("classification"))
@pytest.mark.parametrize("stop", [1, 3])
def test_taken_up_again_it_goes_on_as_if_never_stopped(name, stop):
    method, networks, optimizers, examples, _ = made(name, 120)
    learn(method, networks, optimizers, examples, 5, last=stop)
    state = method.state()
    left = copy.deepcopy((networks, [o.state_dict() for o in optimizers], state))
    expected = learn(method, networks, optimizers, examples, 5, first=stop)
    for key, value in state.items():  # what was handed out is not written to any more
        assert torch.equal(value, left[2][key])

    again, _, _, examples, _ = made(name, 120)
    networks, kept, state = left
    optimizers = [torch.optim.Adam(n.parameters()) for n in networks]
    for optimizer, values in zip(optimizers, kept, strict=True):
        optimizer.load_state_dict(values)
    again.restore(state)
    assert learn(again, networks, optimizers, examples, 5, first=stop) == expected


@pytest.mark.parametrize("name", for_task("classification"))
def test_random_numbers_come_from_the_epoch_alone(name):
    told = []
    for _ in range(2):
        method, networks, optimizers, examples, _ = made(name, 96)
        for network in networks:
            network.layers[3].p = 0.0  # dropout draws from the global generator
        torch.rand(7)
        told.append(learn(method, networks, optimizers, examples, 4))
    assert told[0] == told[1]


@pytest.mark.parametrize(("name", "slack"), [("mse", 0.1), ("mae", 0.2)])
@pytest.mark.parametrize("targets", [1, 2])
def test_regression_learns_linear_targets(name, slack, targets):
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(400, 3, generator=generator)
    y = x @ torch.randn(3, targets, generator=generator)
    labels = y[:, 0] if targets == 1 else y
    method = build(name)
    networks, optimizers = made_networks(method, 3, targets, 0.02)
    networks[0].layers[3].p = 0.0
    examples = Examples(x, labels, 0, jitter=0.0)
    told = learn(method, networks, optimizers, examples, 25)
    assert told[-1][0] < slack < told[0][0]


def test_errors_of_regression_by_hand():
    class Given:
        networks = (lambda inputs: torch.tensor([[1.0], [4.0]]),)

    class Batch:
        inputs, labels = None, torch.tensor([2.0, 1.0])

    assert build("mse").losses(Given, Batch)[0].item() == pytest.approx((1 + 9) / 2)
    assert build("mae").losses(Given, Batch)[0].item() == pytest.approx((1 + 3) / 2)
