"""What is printed of a finished run."""

import json
from dataclasses import replace

import pytest
from repprobe.cli.layers import print_json, show

from repprobe.diagnosis import diagnose
from repprobe.probes.scores import Score, Scores
from repprobe.runs import Run


@pytest.fixture
def run(tmp_path):
    """A run with two budgets."""
    row = Score(
        *("net", "fc", 1, 64, "ridge", 0.1, 100, 0, "test", "all", "accuracy", 0.6, 0.58, 0.62)
    )
    own = replace(row, layer="output", order=2, probe="none", clean_labels=0, seed="")
    scores = Scores([row, replace(row, clean_labels=1000, value=0.7, high=0.72), own])
    model = {"name": "net", "architecture": "zoo:mlp", "parameters": 1234, "metadata": {}}
    for name in ("scores.csv", "run.json", "heatmap.png", "budgets.svg"):
        (tmp_path / name).touch()
    info = {"models": [model], "diagnoses": [d.to_dict() for d in diagnose(scores)]}
    return Run(scores, info, tmp_path)


def test_several_budgets_are_shown_side_by_side_and_the_files_as_they_are(run, capsys):
    show(run)
    lines = capsys.readouterr().out.splitlines()
    assert lines[:2] == [
        "net: zoo:mlp, 1,234 parameters",
        "accuracy in % with 95 % intervals, by number of clean labels",
    ]
    assert lines[2].split() == ["layer", "100", "1,000", "chosen"]
    assert lines[4].split() == ["fc", "60.0", "±2.0", "70.0", "±7.0", "alpha=0.1", "◀"]
    assert "100 clean labels are enough to match that output: 60.0 %" in lines[-3]
    assert lines[-1] == f"{run.folder}: scores.csv, run.json, budgets.svg, heatmap.png"


def test_one_budget_is_shown_with_interval_and_bar(run, capsys):
    one = Run(Scores(run.scores.rows[1:]), run.info)
    show(one)
    assert "95 % interval" in capsys.readouterr().out.splitlines()[1]


@pytest.mark.parametrize(
    ("metadata", "told"),
    [
        ({"method": "elr", "noise": "pair:0.4"}, ", trained by elr on pair:0.4"),
        ({"method": "ce", "noise": "none"}, ", trained by ce on labels as they are"),
        (
            {"method": "elr", "noise": "pair:0.4", "epoch": 9, "epochs": 9, "networks": 1},
            ", trained by elr on pair:0.4",
        ),
        (
            {"method": "ce", "noise": "symmetric:0.6", "epoch": 12, "epochs": 30},
            ", after 12 of 30 epochs of ce on symmetric:0.6",
        ),
        (
            {"method": "ce", "noise": "pair:0.4", "epoch": 0, "epochs": 30},
            ", untrained (epoch 0)",
        ),
        (
            {"method": "dividemix", "noise": "none", "networks": 2},
            ", trained by dividemix on labels as they are, first of two networks",
        ),
        ({"method": 3, "noise": "pair:0.4"}, ""),
        ({"noise": "film grain"}, ""),
    ],
)
def test_the_origin_of_a_trained_network_is_told(run, capsys, metadata, told):
    run.info["models"][0]["metadata"] = metadata
    show(run)
    assert capsys.readouterr().out.splitlines()[0] == f"net: zoo:mlp, 1,234 parameters{told}"


def test_json_has_the_figures_of_every_budget(run, capsys):
    print_json(run)
    told = json.loads(capsys.readouterr().out)["layers"]
    assert [(f["layer"], f["clean_labels"], f["value"]) for f in told] == [
        ("fc", 100, 0.6),
        ("fc", 1000, 0.7),
        ("output", 0, 0.6),
    ]
