"""`repprobe layers` with references, snapshots, noisy labels and interventions."""

import json

import numpy as np
import pytest

from repprobe.data import load_data
from repprobe.runs import read_run

FEW = ("-d", "digits", "--probe", "ridge", "--clean", 120, "-l", "*relu2", "-l", "linear")
LAYERS = ["stage1.relu2", "stage2.relu2", "stage3.relu2", "linear"]


@pytest.fixture(scope="module")
def twin(tmp_path_factory):
    """The network of `digits_checkpoint` trained on clean labels."""
    from repprobe.training import train

    path = tmp_path_factory.mktemp("clean") / "twin.pt"
    return train("small-cnn", "digits", out=path, arch_args={"width": 4}, epochs=4, seed=1).path


@pytest.fixture(scope="module")
def snapshots(tmp_path_factory):
    """A run whose network was kept after each of two epochs, and before them."""
    from repprobe.training import train

    path = tmp_path_factory.mktemp("run") / "noisy.pt"
    settings = {"arch_args": {"width": 4}, "epochs": 2, "keep_every": 1}
    train("small-cnn", "digits", out=path, noise="uniform:0.4", **settings)
    return sorted(path.parent.glob("noisy-epoch-*.pt"))


def figures(scores, model, metric, **wanted):
    rows = scores.where(model=model, metric=metric, group="all", **wanted)
    return {row.layer: row for row in rows}


def test_a_clean_twin_and_random_weights(repprobe, untold_checkpoint, twin, tmp_path):
    ask = ("layers", untold_checkpoint, *FEW, "-r", twin, "-r", "random", "-r", "input")
    result = repprobe(*ask, "-o", "run", "--margin", 0.02)
    assert result.status == 0, result.err
    run = read_run(tmp_path / "run")
    assert run.scores.models == ["digits", "twin", "random"]
    assert [d["model"] for d in run.info["diagnoses"]] == ["digits"]
    assert [r["name"] for r in run.info["references"]] == ["twin", "random"]
    assert run.info["margin"] == 0.02
    assert run.info["settings"]["reference"] == [str(twin), "random", "input"]
    ours, theirs = (figures(run.scores, m, "accuracy", split="test") for m in ("digits", "twin"))
    damage = figures(run.scores, "digits", "damage")
    assert list(damage) == [*LAYERS, "output"]
    for layer, row in damage.items():
        assert row.value == pytest.approx(theirs[layer].value - ours[layer].value, abs=1e-5)
        assert row.low < row.value < row.high
    random = run.scores.where(model="random", metric="accuracy", group="all", split="test")
    assert {r.seed for r in random} == {0, 1, 2, "all"}
    means = {r.layer: r.value for r in random if r.seed == "all"}
    assert list(means) == ["input", *LAYERS]
    over = figures(run.scores, "digits", "over_random")
    for layer, row in over.items():
        assert row.value == pytest.approx(ours[layer].value - means[layer], abs=1e-5)
    likeness = figures(run.scores, "digits", "cka")
    assert list(likeness) == LAYERS
    assert "twin" in run.info["verdict"]
    header = next(line for line in result.out.splitlines() if line.startswith("layer"))
    assert "damage over input over random width" in " ".join(header.split())
    assert "CKA" in result.out
    assert {"damage.png", "similarity.png"} <= {p.name for p in (tmp_path / "run").iterdir()}


def test_the_same_references_give_the_same_scores_byte_for_byte(
    repprobe, untold_checkpoint, tmp_path
):
    for out in "ab":
        repprobe("layers", untold_checkpoint, *FEW, "-r", "random", "-o", out)
    first, second = ((tmp_path / out / "scores.csv").read_bytes() for out in "ab")
    assert first == second


def test_snapshots_are_told_by_their_epoch(repprobe, snapshots, tmp_path):
    result = repprobe("layers", *snapshots[::-1], *FEW, "-o", "run")
    assert result.status == 0, result.err
    run = read_run(tmp_path / "run")
    assert [(m["name"], m["epoch"]) for m in run.info["models"]] == [
        *(("noisy epoch 0", 0), ("noisy epoch 1", 1), ("noisy epoch 2", 2)),
    ]
    assert [d["references"] for d in run.info["diagnoses"]] == [[], [], []]
    assert "noisy epoch 0: it is untrained (epoch 0)" in result.err
    result = repprobe("layers", *snapshots[1:], *FEW, "-o", "trained")
    run = read_run(tmp_path / "trained")
    assert [d["references"] for d in run.info["diagnoses"]] == [[], ["noisy epoch 1"]]
    assert run.scores.where(metric="damage").models == ["noisy epoch 2"]
    assert "damage.png" in {p.name for p in (tmp_path / "trained").iterdir()}


def test_networks_with_other_layers_are_compared_with_themselves(
    repprobe, untold_checkpoint, tmp_path
):
    from repprobe.training import train

    train("small-cnn", "digits", out=tmp_path / "wide.pt", arch_args={"width": 5}, epochs=0)
    result = repprobe("layers", untold_checkpoint, "wide.pt", *FEW, "-o", "run")
    assert result.status == 0, result.err
    assert "wide: it is compared with its own best layer" in result.err
    assert [d["references"] for d in read_run("run").info["diagnoses"]] == [[], []]


def test_noisy_labels_are_known_to_a_checkpoint_of_train_and_may_be_given(
    repprobe, digits_checkpoint, untold_checkpoint, tmp_path
):
    import torch

    labels = torch.load(digits_checkpoint, weights_only=True)["noisy_labels"].numpy()
    rows = len(load_data("digits").train)
    np.save(tmp_path / "labels.npy", labels)
    assert len(labels) == rows
    repprobe("layers", digits_checkpoint, *FEW, "-o", "own")
    ask = ("layers", untold_checkpoint, *FEW, "--noisy-labels", "labels.npy", "-o", "given")
    result = repprobe(*ask)
    own, given = (read_run(tmp_path / out) for out in ("own", "given"))
    shares = figures(own.scores, "digits", "given", probe="ridge")
    assert list(shares) == ["input", *LAYERS]
    assert shares == figures(given.scores, "digits", "given", probe="ridge")
    assert own.info["diagnoses"][0]["memorization"]["sentence"] in own.info["verdict"]
    assert "kNN given" in result.out
    assert "memorization" in own.info["seconds"]


def test_the_causal_check(repprobe, untold_checkpoint, snapshots, tmp_path):
    ask = ("layers", untold_checkpoint, *FEW, "--rewind", snapshots[0], "-o", "run")
    result = repprobe(*ask)
    assert result.status == 0, result.err
    run = read_run(tmp_path / "run")
    for metric in ("rewound", "retrained"):
        assert set(LAYERS) <= set(figures(run.scores, "digits", metric))
    assert run.info["diagnoses"][0]["causal"]
    assert "retrained" in result.out


def test_json_has_the_findings(repprobe, untold_checkpoint, twin):
    result = repprobe("layers", untold_checkpoint, *FEW, "-r", twin, "--json")
    told = json.loads(result.out)
    assert {"damage", "cka"} <= {f["metric"] for f in told["findings"]}
    assert told["diagnoses"][0]["references"] == ["twin"]
