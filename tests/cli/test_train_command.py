"""`repprobe train` from the command line to a checkpoint that `repprobe layers` probes."""

import json
import math
import os
import re
import signal
import subprocess
import sys
import time

import pytest

COMMAND = [sys.executable, "-c", "from repprobe.cli.main import run; run()"]
SMALL = ("small-cnn", "-d", "digits", "--arch-arg", "width=4", "--limit", 300, "-o", "noisy.pt")


def lines_of_epochs(err):
    return [line for line in err.splitlines() if line.startswith("epoch")]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """What one run printed, and its folder."""
    folder = tmp_path_factory.mktemp("trained")
    done = subprocess.run(
        [*COMMAND, "train", *map(str, SMALL), "--noise", "symmetric:0.5", "--epochs", "3"],
        cwd=folder,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    assert done.returncode == 0, done.stderr
    return folder, done.stdout, done.stderr


def test_every_epoch_is_a_line_on_stderr(trained):
    lines = lines_of_epochs(trained[2])
    assert [line.split()[1] for line in lines] == ["1/3", "2/3", "3/3"]
    figure = r" +\d+\.\d %"
    assert re.fullmatch(
        rf"epoch  3/3  loss \d\.\d{{3}}  noisy-train{figure}  clean-train{figure}"
        rf"  test{figure}  memorized{figure}  \d+\.\d s",
        lines[2],
    )


def test_stdout_tells_the_last_and_the_best_epoch_and_what_became_of_the_noise(trained):
    lines = trained[1].splitlines()
    assert lines[0].split() == ["epoch", "loss", "noisy-train", "clean-train", "test", "memorized"]
    assert lines[2].startswith("3 ")
    assert "the last, in the file" in lines[2]
    assert "The file holds the last epoch; nothing was chosen by test accuracy." in lines
    (sentence,) = [line for line in lines if line.startswith("Trained by")]
    assert re.fullmatch(
        r"Trained by ce on symmetric:0.5: \d\d\.\d % of 300 labels are wrong, and the network has "
        r"memorized \d+\.\d % of those\.",
        sentence,
    )
    assert "noisy.pt, noisy.png, noisy.svg" in lines
    assert lines[-1] == "Next: repprobe layers noisy.pt --data digits"


def test_the_folder_holds_checkpoint_and_picture_and_nothing_else(trained):
    folder = trained[0]
    assert {path.name for path in folder.iterdir()} == {"noisy.pt", "noisy.png", "noisy.svg"}
    assert "small-cnn" in (folder / "noisy.svg").read_text(encoding="utf-8")


def test_the_line_of_layers_says_what_it_was_trained_on(repprobe, trained):
    result = repprobe(
        *("layers", trained[0] / "noisy.pt", "-d", "digits", "--clean", 60, "-l", "linear")
    )
    assert result.status == 0, result.err
    assert re.match(
        r"noisy: zoo:small-cnn, [\d,]+ parameters, trained by ce on symmetric:0\.5\n", result.out
    )


def test_json_is_all_that_stdout_holds(repprobe):
    result = repprobe("train", *SMALL, "--noise", "pair:0.3", "--epochs", 1, "--json")
    told = json.loads(result.out)
    assert told["checkpoint"] == "noisy.pt"
    assert told["pictures"] == ["noisy.png", "noisy.svg"]
    assert told["noise"]["law"] == "pair:0.3"
    assert 0.2 < told["noise"]["rate"] < 0.4
    rows = told["noise"]["transition"]
    assert [len(row) for row in rows] == [10] * 10
    assert all(sum(row) == pytest.approx(1) for row in rows)
    assert all(0.4 < row[c] + row[(c + 1) % 10] <= 1.0001 for c, row in enumerate(rows))
    assert 1 < told["noise"]["mutual_information"] < math.log(10)
    assert [record["epoch"] for record in told["history"]] == [1]
    assert told["arguments"]["width"] == 4
    assert told["next"].startswith("repprobe layers noisy.pt")


def test_clean_labels_are_called_that_and_none_can_be_memorized(repprobe):
    result = repprobe("train", *SMALL, "--epochs", 1)
    assert "Trained by ce on labels as they are." in result.out
    assert "memorized" not in result.out + result.err
    assert "the last, in the file, and the best on test" in result.out
    shown = repprobe("layers", "noisy.pt", "-d", "digits", "--clean", 60, "-l", "linear")
    assert "trained by ce on labels as they are" in shown.out


@pytest.fixture
def broken_off(repprobe, monkeypatch):
    """A run that was interrupted after its second epoch of four; gives the command."""
    from repprobe.cli.progress import EpochReporter

    from repprobe.training import loop

    monkeypatch.setattr(loop, "SAVE_EVERY", 0.0)
    command = ("train", *SMALL, "--noise", "uniform:0.4", "--epochs", 4)
    with monkeypatch.context() as patch:

        def interrupt(self, record):
            if record["epoch"] == 2:
                raise KeyboardInterrupt

        patch.setattr(EpochReporter, "epoch", interrupt)
        result = repprobe(*command)
    assert result.status == 130
    assert "interrupted: 2 of 4 epochs are kept in noisy.pt; the same command goes on" in result.err
    assert result.out == ""
    return command


def test_the_same_command_goes_on_and_then_says_that_it_is_finished(repprobe, broken_off):
    result = repprobe(*broken_off)
    assert result.status == 0, result.err
    assert "going on from epoch 2 of 4" in result.err
    assert [line.split()[1] for line in lines_of_epochs(result.err)] == ["3/4", "4/4"]
    assert "\n4 " in result.out

    again = repprobe(*broken_off)
    assert again.status == 0
    assert "noisy.pt is finished; for more give --epochs above 4" in again.err
    assert lines_of_epochs(again.err) == []
    assert again.out == result.out

    longer = repprobe(*broken_off[:-1], 5)
    assert "going on from epoch 4 of 5" in longer.err
    assert "schedule" in longer.err
    assert [line.split()[1] for line in lines_of_epochs(longer.err)] == ["5/5"]


def test_restart_begins_anew(repprobe, broken_off):
    result = repprobe(*broken_off, "--restart")
    assert "going on" not in result.err
    assert len(lines_of_epochs(result.err)) == 4


def test_snapshots_are_kept_when_asked_for(repprobe, tmp_path):
    repprobe("train", *SMALL, "--epochs", 2, "--keep-every", 1)
    kept = {path.name for path in tmp_path.glob("*.pt")}
    assert kept == {"noisy.pt", *(f"noisy-epoch-00{epoch}.pt" for epoch in range(3))}


def test_measured_now_and_then(repprobe):
    result = repprobe("train", *SMALL, "--epochs", 4, "--evaluate-every", 3)
    assert ["test" in line for line in lines_of_epochs(result.err)] == [False, False, True, True]


def test_of_two_networks_both_figures_are_told_and_which_is_probed(repprobe):
    arguments = ("--noise", "symmetric:0.3", "--method", "co-teaching", "--epochs", 1)
    result = repprobe("train", *SMALL, *arguments)
    assert re.search(
        r"\nThe figures are of 2 networks' mean answer; by itself each has on test: "
        r"\d+\.\d %, \d+\.\d %\.\n",
        result.out,
    )
    probed = repprobe("layers", "noisy.pt", "-d", "digits", "--clean", 60, "-l", "linear")
    assert "state_dict is used, the first of the networks" in " ".join(probed.err.split())


def test_methods_and_settings_arrive(repprobe):
    result = repprobe(
        *("train", *SMALL, "--method", "gce", "--method-arg", "q=0.5", "--epochs", 1, "--json"),
        *("--optimizer", "sgd", "--lr", 0.02, "--momentum", 0.8, "--weight-decay", 1e-4),
        *("--schedule", "halve:2", "--batch-size", 32, "--preprocess", "unit", "--seed", 3),
    )
    told = json.loads(result.out)
    assert told["method"] == "gce"
    settings = told["settings"]
    assert settings["optimizer"] == "sgd"
    assert settings["learning_rate"] == 0.02
    assert settings["momentum"] == 0.8
    assert settings["weight_decay"] == 1e-4
    assert settings["schedule"] == "halve:2"
    assert settings["batch_size"] == 32
    assert told["next"] == "repprobe layers noisy.pt --data digits"  # its split knows no seed


def test_no_epochs_write_the_initial_network(repprobe, tmp_path):
    result = repprobe("train", *SMALL, "--epochs", 0)
    assert result.status == 0, result.err
    assert "the file holds the initial network" in result.out
    assert [path.name for path in tmp_path.iterdir()] == ["noisy.pt"]


def test_an_architecture_of_ones_own_is_named_in_the_next_command(repprobe, tmp_path):
    (tmp_path / "nets.py").write_text(
        "from torch import nn\n"
        "def build(num_classes, hidden=8):\n"
        "    return nn.Sequential(nn.Flatten(), nn.Linear(64, hidden), nn.ReLU(),"
        " nn.Linear(hidden, num_classes))\n"
    )
    result = repprobe(
        *("train", "nets.py:build", "-d", "digits", "-o", "mine.pt", "--epochs", 1),
        *("--arch-arg", "hidden=4"),
    )
    assert result.status == 0, result.err
    following = result.out.splitlines()[-1].removeprefix("Next: repprobe ").split()
    assert following[-2:] == ["--arch", "nets.py:build"]
    probed = repprobe(*following, "--clean", 60, "-l", "2")
    assert probed.status == 0, probed.err


def test_a_regression_is_told_by_its_errors(repprobe, tmp_path):
    import numpy as np

    x = np.random.default_rng(0).normal(size=(120, 6)).astype(np.float32)
    y = 10 + x @ np.arange(6.0)
    np.savez(tmp_path / "toy.npz", x_train=x[:90], y_train=y[:90], x_test=x[90:], y_test=y[90:])
    result = repprobe(
        *("train", "mlp", "-d", "toy.npz", "-o", "toy.pt", "--epochs", 2),
        *("--noise", "gaussian:0,5:0.5", "--arch-arg", "hidden=[16]"),
    )
    assert result.status == 0, result.err
    assert "MAPE  noisy-train" in result.err
    assert "test MAPE" in result.out
    assert re.search(
        r"Trained by mse on gaussian:0,5:0\.5: \d\d\.\d % of 90 targets are wrong\.", result.out
    )
    assert "memorized" not in result.out


def test_ctrl_c_ends_with_130_and_keeps_what_there_is(tmp_path):
    process = subprocess.Popen(
        [*COMMAND, "train", *map(str, SMALL), "--epochs", "5000"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    for line in process.stderr:
        if line.startswith("epoch"):
            break
    time.sleep(0.2)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert "epochs are kept in noisy.pt; the same command goes on" in err.splitlines()[-1]
    assert (tmp_path / "noisy.pt").exists()


def test_help_names_every_law_method_and_schedule(repprobe, monkeypatch):
    from repprobe.noise import forms
    from repprobe.training import methods, schedule

    monkeypatch.setenv("COLUMNS", "300")
    told = " ".join(repprobe("train", "--help").out.split())
    for form in (*forms(), *schedule.FORMS.values()):
        assert form in told
    shown = re.search(r"NAME ([a-z, -]*)\. \[default: \(ce; mse", told)
    assert shown is not None
    named = shown.group(1).replace("and for regression ", "").split(", ")
    assert sorted(named) == methods.names()


def test_help_waits_for_no_heavy_library():
    code = (
        "import sys; sys.argv = ['repprobe', 'train', '--help']\n"
        "from repprobe.cli.main import run\n"
        "try:\n    run()\nexcept SystemExit:\n    pass\n"
        "heavy = {'torch', 'numpy', 'scipy', 'matplotlib', 'sklearn'}\n"
        "print(heavy & set(sys.modules), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "set()"
    assert "--noise" in done.stdout


def test_the_default_values_of_options_are_shown(repprobe, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    told = " ".join(repprobe("layers", "--help").out.split())
    for default in ("one layer per stage", "logistic; ridge for regression", "5000 or all"):
        assert f"[default: ({default})]" in told
