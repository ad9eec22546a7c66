"""Fixtures of the whole suite: the shared files, and a small network trained on the digits."""

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared():
    """The folder of real checkpoints and data that lies beside the checkout."""
    if not SHARED.is_dir():
        pytest.skip("../shared is not there: no real checkpoint and no CIFAR-10 to test on")
    return SHARED


@pytest.fixture
def one_line():
    """Check that an error is one line and names each of the given things."""

    def check(caught, *named):
        message = str(caught.value)
        assert "\n" not in message
        assert len(message) < 600
        for name in named:
            assert str(name) in message

    return check


@pytest.fixture(scope="session")
def digits_checkpoint(tmp_path_factory):
    """A small CNN trained for a few epochs on digits with 40 % uniform noise."""
    from repprobe.training import train

    path = tmp_path_factory.mktemp("checkpoints") / "digits.pt"
    settings = {"arch_args": {"width": 4}, "preprocess": "unit", "epochs": 4}
    return train("small-cnn", "digits", out=path, noise="uniform:0.4", **settings).path


@pytest.fixture(scope="session")
def untold_checkpoint(digits_checkpoint, tmp_path_factory):
    """The same network in a file that does not tell the labels it learned: probed faster."""
    import torch

    saved = torch.load(digits_checkpoint, weights_only=True)
    del saved["noisy_labels"]
    path = tmp_path_factory.mktemp("untold") / digits_checkpoint.name
    torch.save(saved, path)
    return path
