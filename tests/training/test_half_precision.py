"""Half precision: one scale for all networks, whatever it becomes after a step."""

import pytest
import torch
from lightning_fabric import Fabric
from torch import nn

from repprobe.errors import UsageError
from repprobe.feeding import Fed
from repprobe.training import launch, train
from repprobe.training.loop import Run
from repprobe.training.networks import TrainedNetwork
from repprobe.training.recipe import Recipe
from repprobe.training.settings import TrainSettings
from repprobe.training.watch import Watch

RECIPE = Recipe(1, 4, 0.1, "sgd", "constant")


def networks(fabric):
    torch.manual_seed(0)
    return [TrainedNetwork(fabric, nn.Linear(3, 2), RECIPE, flat=False) for _ in range(2)]


def stepped(fabric):
    """The weights after two steps of two networks, taken as `Run` takes them."""
    trained = networks(fabric)
    x = Fed(torch.arange(12.0).reshape(4, 3) / 8, 4)
    run = Run.__new__(Run)
    run._fabric, run._networks, run._watch = fabric, trained, Watch(fabric, trained)
    run._progress, run._first, run._steps_of_an_epoch = None, False, 0

    class Method:
        def turns(self, epoch):
            return range(2)

        def losses(self, epoch, turn):
            return [n(x).float().square().mean() for n in trained]

    class Epoch:
        number = 0

    run._method = Method()
    run._steps(Epoch(), 0.1)
    return [n.module.weight.detach().clone() for n in trained]


def test_every_network_is_unscaled_by_the_scale_its_gradients_had():
    """The scale doubles after each step: were it updated between networks, the second's halve."""
    scaler = torch.amp.GradScaler("cpu", init_scale=8.0, growth_interval=1)
    plugin = launch.OneScale("16-mixed", "cpu", scaler)
    half = stepped(Fabric(accelerator="cpu", plugins=plugin))
    assert scaler.get_scale() == 32.0
    for mine, exact in zip(half, stepped(Fabric(accelerator="cpu")), strict=True):
        torch.testing.assert_close(mine, exact, rtol=2e-2, atol=2e-3)


def test_fabric_is_given_it_for_precision_16(monkeypatch):
    """Up to the call of CUDA."""
    told = {}
    monkeypatch.setattr(launch, "usable_device", lambda name: torch.device("cuda"))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(launch, "Fabric", lambda **given: told.update(given))
    for precision in ("16", "bf16"):
        launch._fabric(TrainSettings(precision=precision))
        half = precision == "16"
        assert isinstance(told["plugins"], launch.OneScale) is half
        assert told["precision"] == (None if half else "bf16-mixed")


def test_on_the_cpu_it_is_refused(tmp_path, one_line):
    with pytest.raises(UsageError) as caught:
        train("small-cnn", "digits", out=tmp_path / "a.pt", precision="16", device="cpu")
    one_line(caught, "precision 16", "GPU")
