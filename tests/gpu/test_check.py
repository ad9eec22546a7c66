"""The checks for a GPU, run small on the CPU; and what they say where there is none."""

import json
import sys

import pytest
import torch

from tests.benchmarks.harness import Report
from tests.gpu import __main__ as program
from tests.gpu import check


def test_without_a_gpu_it_says_so_and_exits_with_2(monkeypatch, capsys, tmp_path):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert program.main(tmp_path) == 2
    assert "no CUDA device" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())


def test_without_cuml_it_says_how_to_install_it(monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setitem(sys.modules, "cuml", None)
    assert "pip install" in check.missing()


@pytest.mark.parametrize(
    ("select", "passed"),
    [("minimum_norm and stand-in", True), ("minimum_norm and no-such-engine", False)],
)
def test_agreement_is_written_down(select, passed, tmp_path):
    assert check.check_agreement(tmp_path / "gpu" / "agreement.json", select) is passed
    found = json.loads((tmp_path / "gpu" / "agreement.json").read_text())
    assert found["passed"] is passed
    assert found["machine"]["versions"]["torch"] == torch.__version__.partition("+")[0]


def test_tests_that_were_skipped_prove_nothing(monkeypatch, tmp_path):
    if torch.cuda.is_available():
        pytest.skip("there is a CUDA device: nothing is skipped")
    assert not check.check_agreement(tmp_path / "agreement.json", "minimum_norm and torch-cuda")


def test_training_is_checked_and_written_down(tmp_path):
    assert check.check_training(tmp_path / "training.json", "cpu", images=24, width=0.125)
    runs = json.loads((tmp_path / "training.json").read_text())["runs"]
    assert [run["method"] for run in runs] == ["ce", "dividemix"]
    assert all(len(run["losses"]) == 2 for run in runs)


def test_engines_are_timed_on_the_same_problem():
    report = Report()
    check.time_engines(report, ("torch", "sklearn"), "cpu", n=600, width=12, classes=4, pairs=1)
    assert [c.name.split(",")[0] for c in report.comparisons][:2] == ["logistic path", "ridge path"]
    assert all(c.equal and (c.ours, c.peer) == ("torch", "sklearn") for c in report.comparisons)


def test_the_whole_job_is_timed_against_its_forward_pass():
    report = Report()
    check.time_job(report, "cpu", images=40, side=32, batch=20, pairs=1)
    assert [c.demand for c in report.comparisons] == [check.JOB_DEMAND, None]
    assert all(c.peer == "bare forward pass" for c in report.comparisons)


def test_a_missed_demand_fails_the_check(monkeypatch, tmp_path):
    monkeypatch.setattr(program, "missing", lambda: None)
    monkeypatch.setattr(program, "check_agreement", lambda out: True)
    monkeypatch.setattr(program, "check_training", lambda out: True)
    monkeypatch.setattr(program, "time_engines", lambda report: None)

    def slow(report):
        report.compare("job", ("a", lambda: sum(range(10**5))), ("b", int), demand=1.0, pairs=1)

    monkeypatch.setattr(program, "time_job", slow)
    assert program.main(tmp_path) == 1
    assert {p.name for p in tmp_path.iterdir()} == {"engines.json", "job.json"}
