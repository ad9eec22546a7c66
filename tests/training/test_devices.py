"""Several processes share each batch, and learn what one process learns."""

import subprocess
import sys

import pytest
import torch

from repprobe.errors import UsageError
from repprobe.training import train

SCRIPT = """
import torch
from repprobe.errors import RepprobeError
from repprobe.training import train

if __name__ == "__main__":
    settings = {"arch_args": {"hidden": [16]}, "limit": 300, "batch_size": 60, "device": "cpu"}
    settings |= {"noise": "symmetric:0.3", "devices": 2, "schedule": "constant"}
    seen = []
    two = train("mlp", "digits", out="two.pt", epochs=2, on_epoch=seen.append, **settings)
    print([record["epoch"] for record in seen], seen == list(two.history))
    spoilt = torch.load("two.pt", weights_only=True)
    spoilt["state_dict"]["output.bias"].fill_(float("nan"))
    torch.save(spoilt, "spoilt.pt")
    try:
        train("mlp", "digits", out="spoilt.pt", epochs=4, **settings)
    except RepprobeError as error:
        print(error)
"""

UNGUARDED = """
from repprobe.training import train

train("mlp", "digits", out="two.pt", limit=50, epochs=1, device="cpu", devices=2)
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """What the script left that trained on two processes, with what it printed."""
    folder = tmp_path_factory.mktemp("devices")
    (folder / "script.py").write_text(SCRIPT)
    command = [sys.executable, "script.py"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return folder, done


def test_the_weights_are_those_of_one_process(folder, tmp_path):
    settings = {"arch_args": {"hidden": [16]}, "limit": 300, "batch_size": 60, "device": "cpu"}
    settings |= {"noise": "symmetric:0.3", "schedule": "constant"}
    one = train("mlp", "digits", out=tmp_path / "one.pt", epochs=2, **settings)
    files = [torch.load(p, weights_only=True) for p in (one.path, folder[0] / "two.pt")]
    for key, value in files[0]["state_dict"].items():
        torch.testing.assert_close(files[1]["state_dict"][key], value, rtol=1e-4, atol=1e-6)
    for mine, theirs in zip(*(found["history"] for found in files), strict=True):
        assert theirs["loss"] == pytest.approx(mine["loss"], rel=1e-5)
        assert theirs["noisy_train"] == pytest.approx(mine["noisy_train"], abs=0.01)


def test_callbacks_are_called_and_errors_raised_here_and_nothing_else_is_said(folder):
    told, error = folder[1].stdout.splitlines()
    assert told == "[1, 2] True"
    assert error.startswith("the loss became nan in epoch 3, step 1")
    assert "The last good checkpoint, of epoch 2" in error
    assert folder[1].stderr == ""


def test_a_script_without_a_guard_is_told_of_it(tmp_path):
    """Even with a plan too large for a pipe."""
    (tmp_path / "script.py").write_text(UNGUARDED)
    command = [sys.executable, "script.py"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=False, timeout=300
    )
    assert done.returncode == 1, done.stderr
    assert "Error: several devices are trained on" in done.stderr.splitlines()[-1]
    assert "if __name__ == '__main__':" in done.stderr.splitlines()[-1]
    assert done.stderr.count("Traceback") == 1


def test_devices_that_are_not_there(tmp_path, one_line):
    settings = {"out": tmp_path / "a.pt", "epochs": 1}
    with pytest.raises(UsageError) as caught:
        train("small-cnn", "digits", device="cuda:7", **settings)
    one_line(caught, "cuda:7")
    if not torch.cuda.is_available():
        return
    with pytest.raises(UsageError) as caught:
        train("small-cnn", "digits", device="cuda", devices=64, **settings)
    one_line(caught, "GPUs", "64")


def test_data_that_cannot_be_sent(tmp_path, one_line):
    import dataclasses

    from repprobe.data import load_data

    class Local:
        whole = False

        def __init__(self, part):
            self.labels, self.inputs = part.labels, part.inputs

        def __len__(self):
            return len(self.labels)

    data = load_data("digits")
    with pytest.raises(UsageError) as caught:
        train(
            *("small-cnn", dataclasses.replace(data, train=Local(data.train))),
            out=tmp_path / "a.pt",
            device="cpu",
            devices=2,
        )
    one_line(caught, "digits", "other processes")
