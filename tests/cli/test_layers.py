"""`repprobe layers` on real checkpoints and real data."""

import json
import re

import pytest

from repprobe.runs import read_run


def test_the_table_the_verdict_and_the_files(repprobe, untold_checkpoint, tmp_path):
    result = repprobe("layers", untold_checkpoint, "--data", "digits", "--clean", 200)
    assert result.status == 0
    lines = result.out.splitlines()
    assert lines[0].startswith("digits: zoo:small-cnn")
    assert [line.split()[0] for line in lines[3:] if "%" in line][:1] == ["input"]
    linear = r"linear\s+\d+\.\d %\s+\d+\.\d – \d+\.\d.+ [+-]\d+\.\d ±\d+\.\d\s+10\s+C=\S+\s+█"
    assert re.search(linear, result.out)
    assert max(map(len, result.out.split("\n\n")[0].splitlines())) <= 100
    assert "digits: the network's own output reaches" in result.out
    folder = tmp_path / "runs" / "digits-digits"
    pictures = ("heatmap", "profile", "damage")
    assert {p.name for p in folder.iterdir()} == {
        *("scores.csv", "run.json"),
        *(f"{name}.{kind}" for name in pictures for kind in ("png", "svg")),
    }
    run = read_run(folder)
    assert {r.group for r in run.scores} == {"all", *"0123456789"}
    assert run.scores.rows[0].layer == "input"
    assert run.scores.summary().rows[-1].layer == "output"
    assert run.info["models"][0]["sha256"]
    assert run.info["settings"]["clean"] == [200]
    assert "split" in result.err


def test_json_is_all_that_stdout_holds(repprobe, untold_checkpoint):
    result = repprobe(
        "layers", untold_checkpoint, "--data", "digits", "--clean", 100, "--json", "-l", "linear"
    )
    told = json.loads(result.out)
    assert [r["layer"] for r in told["layers"]] == ["input", "linear", "output"]
    assert told["verdict"]


def test_the_same_command_gives_the_same_scores_byte_for_byte(
    repprobe, untold_checkpoint, tmp_path
):
    for out in ("a", "b"):
        repprobe(
            "layers", untold_checkpoint, "-d", "digits", "--clean", 300, "--seeds", 2, "-o", out
        )
    first, second = ((tmp_path / out / "scores.csv").read_bytes() for out in "ab")
    assert first == second
    assert b",all,test,all,accuracy," in first


@pytest.mark.parametrize("probe", ["least-squares", "ridge", "logistic", "knn"])
def test_the_engines_agree(repprobe, untold_checkpoint, tmp_path, probe):
    figures = []
    for engine in ("torch", "sklearn"):
        repprobe(
            *("layers", untold_checkpoint, "-d", "digits", "--clean", 150, "-l", "*relu2"),
            *("--probe", probe, "--engine", engine, "-o", engine, "--width", 64),
        )
        scores = read_run(tmp_path / engine).scores.summary()
        figures.append([(r.layer, r.regularization, r.value) for r in scores])
    ours, theirs = figures
    for a, b in zip(ours, theirs, strict=True):
        assert a[0] == b[0]
        assert a[2] == pytest.approx(b[2], abs=0.012)


@pytest.mark.parametrize("probe", ["ridge", "logistic"])
def test_budgets_are_measured_in_one_run_and_nest(repprobe, untold_checkpoint, tmp_path, probe):
    ask = ("layers", untold_checkpoint, "-d", "digits", "--probe", probe, "-l", "linear")
    result = repprobe(*ask, "--clean", "all,60,200", "--seeds", 2, "-o", "many")
    assert result.status == 0, result.err
    assert "budgets.png" in {p.name for p in (tmp_path / "many").iterdir()}
    many = read_run(tmp_path / "many").scores
    assert many.budgets == [60, 200, 1438]
    figures = many.where(layer="linear", split="test", group="all", metric="accuracy")
    assert {(r.clean_labels, r.seed) for r in figures} == {
        *((60, 0), (200, 0), (1438, 0), (60, 1), (200, 1)),
        *((60, "all"), (200, "all")),
    }
    repprobe(*ask, "--clean", 60, "-o", "one")
    (alone,) = read_run(tmp_path / "one").scores.where(
        layer="linear", split="test", group="all", seed=0, metric="accuracy"
    )
    among = figures.where(clean_labels=60, seed=0).rows[0]
    assert (alone.value, alone.regularization) == (among.value, among.regularization)


def test_several_models_are_told_apart(repprobe, untold_checkpoint, tmp_path):
    result = repprobe(
        *("layers", untold_checkpoint, untold_checkpoint, "-d", "digits", "--clean", 100),
        *("-l", "linear", "-o", "two"),
    )
    assert read_run(tmp_path / "two").scores.models == ["digits", "digits-2"]
    assert result.out.count("the network's own output reaches") == 2


def test_the_list_names_types_and_shapes_and_probes_nothing(repprobe, untold_checkpoint, tmp_path):
    result = repprobe("layers", untold_checkpoint, "--data", "digits", "--list")
    assert result.status == 0
    assert re.search(r"stage1\.conv1\s+Conv2d\s+4 × 8 × 8", result.out)
    assert re.search(r"linear\s+Linear\s+10\s+yes", result.out)
    assert not (tmp_path / "runs").exists()


def test_all_takes_every_leaf(repprobe, untold_checkpoint, tmp_path):
    repprobe(
        *("layers", untold_checkpoint, "-d", "digits", "--clean", 60, "-l", "all"),
        *("--probe", "ridge", "--width", 32, "-o", "leaves"),
    )
    layers = [r.layer for r in read_run(tmp_path / "leaves").scores.summary()]
    assert layers[:4] == ["input", "stage1.conv1", "stage1.bn1", "stage1.relu1"]


def test_features_beyond_the_memory_bound_change_no_score(repprobe, untold_checkpoint, tmp_path):
    for out, memory in (("plain", "1G"), ("spilled", "100k")):
        repprobe(
            *("layers", untold_checkpoint, "-d", "digits", "--clean", 100, "--probe", "knn"),
            *("--memory", memory, "--batch-size", 16, "-o", out),
        )
    plain, spilled = ((tmp_path / o / "scores.csv").read_bytes() for o in ("plain", "spilled"))
    assert plain == spilled


def test_a_regression_is_scored_by_r2(repprobe, tmp_path):
    import numpy as np
    import torch

    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(8, 32), torch.nn.ReLU(), torch.nn.Linear(32, 1))
    torch.save(net.state_dict(), tmp_path / "net.pt")
    # Targets that are linear in the hidden layer and not in the input.
    x = np.random.default_rng(0).normal(size=(300, 8)).astype(np.float32)
    with torch.no_grad():
        y = 5 + net[:2](torch.from_numpy(x)).numpy() @ np.resize([1.0, -1.0], 32)
    np.savez(tmp_path / "toy.npz", x_train=x[:200], y_train=y[:200], x_test=x[200:], y_test=y[200:])
    (tmp_path / "net.py").write_text(
        "from torch import nn\n"
        "def build():\n"
        "    return nn.Sequential(nn.Linear(8, 32), nn.ReLU(), nn.Linear(32, 1))\n"
    )
    result = repprobe("layers", "net.pt", "-d", "toy.npz", "--arch", "net.py:build", "-o", "out")
    assert result.status == 0, result.err
    scores = read_run(tmp_path / "out").scores
    compared = {"damage", "over_input"}
    assert {r.metric for r in scores.where(split="test")} - compared == {"r2", "mse", "mae", "mape"}
    relu = scores.where(layer="1", metric="r2", split="test").rows[0]
    raw = scores.where(layer="input", metric="r2", split="test").rows[0]
    assert relu.value > 0.99 > raw.value
    refused = repprobe(
        *("layers", "net.pt", "-d", "toy.npz", "--arch", "net.py:build", "--probe", "logistic")
    )
    assert refused.status == 2
    assert "take ridge or least-squares" in refused.err


def test_a_real_checkpoint_on_real_data(repprobe, shared, monkeypatch, tmp_path):
    monkeypatch.setenv("REPPROBE_DATA", str(shared / "data"))
    patterns = [v for name in ("bn1", "layer2.2", "layer3.2", "linear") for v in ("-l", name)]
    result = repprobe(
        *("layers", shared / "checkpoints" / "resnet20-cifar10.th", "--data", "cifar10"),
        *("--preprocess", "imagenet", "-o", "run", *patterns),
    )
    assert result.status == 0, result.err
    assert "zoo:cifar-resnet" in result.out
    found = {r.layer: r.value for r in read_run(tmp_path / "run").scores.summary()}
    assert found["output"] == pytest.approx(0.810, abs=0.001)
    assert found["bn1"] >= 0.37
    assert found["layer2.2"] >= 0.70
    assert found["layer3.2"] >= 0.83
    assert found["linear"] >= 0.824
