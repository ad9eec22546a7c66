"""One network measured: whatever way the features take, the table is the same."""

import time

import numpy as np
import pytest
import torch
from torch import nn

import repprobe
from repprobe import capture
from repprobe.data import ArrayPart, Data
from repprobe.probes.scores import Scores
from repprobe.probes.streaming import RidgeStream

WAYS = {
    "streamed": {},
    "streamed in small batches": {"batch_size": 7},
    "past the memory": {"memory": 20_000, "batch_size": 7},
    "cached": {"cache": "cache"},
    "cached in small batches": {"cache": "cache", "batch_size": 7},
}
"""Settings by which ridge gets its features."""


@pytest.fixture
def passes(monkeypatch):
    """Note how features are had: by streaming, or by keeping and playing them."""
    noted = []

    def watch(name):
        method = getattr(capture, name)

        def call(*args, **kwargs):
            noted.append(name)
            return method(*args, **kwargs)

        monkeypatch.setattr(capture, name, call)

    for name in ("stream", "capture", "replay"):
        watch(name)
    return noted


def table(checkpoint, **settings):
    options = {"probe": "ridge", "clean": (60, 200), "seeds": 2, "layers": ("*relu2", "linear")}
    return repprobe.layers(checkpoint, "digits", **{**options, **settings}).scores.to_csv()


@pytest.mark.parametrize("probe", ["ridge", "least-squares"])
def test_the_way_of_the_features_does_not_show(
    untold_checkpoint, passes, monkeypatch, tmp_path, probe
):
    monkeypatch.chdir(tmp_path)
    ways, tables = {}, {}
    for name, settings in WAYS.items():
        passes.clear()
        tables[name] = table(untold_checkpoint, probe=probe, **settings)
        ways[name] = list(passes)
    assert ways == {
        "streamed": ["stream"],
        "streamed in small batches": ["stream"],
        "past the memory": ["stream", "capture", "replay"],
        "cached": ["capture", "replay"],
        "cached in small batches": ["capture", "replay"],
    }
    assert len(set(tables.values())) == 1


def test_a_second_run_from_the_cache_runs_no_network(untold_checkpoint, monkeypatch, tmp_path):
    first = table(untold_checkpoint, cache=tmp_path)

    def forward(*args, **kwargs):
        raise AssertionError("the network was run")

    monkeypatch.setattr(nn.Module, "__call__", forward)
    assert table(untold_checkpoint, cache=tmp_path) == first


def test_logistic_probes_take_features_that_are_kept(untold_checkpoint, passes):
    table(untold_checkpoint, probe="logistic", clean=60, seeds=1)
    assert passes == ["capture"]


def test_ridge_of_an_engine_that_cannot_stream_agrees(untold_checkpoint, passes):
    ours = Scores.from_csv(table(untold_checkpoint))
    theirs = Scores.from_csv(table(untold_checkpoint, engine="sklearn"))
    assert passes == ["stream", "capture"]
    for a, b in zip(ours.rows, theirs.rows, strict=True):
        for name in ("layer", "clean_labels", "seed", "group", "metric", "regularization"):
            assert getattr(a, name) == getattr(b, name)
        if a.group == "all":
            assert a.value == pytest.approx(b.value, rel=1e-4, abs=0.003)


def regression():
    generator = np.random.default_rng(0)
    x = generator.normal(size=(300, 6)).astype(np.float32)
    y = x @ generator.normal(size=6) + 0.1 * generator.normal(size=300)
    parts = (ArrayPart(x[:200], y[:200]), ArrayPart(x[200:], y[200:]))
    return Data("line", *parts, "regression", (), 1.0, "0")


def test_a_regression_is_streamed_and_its_output_is_scored(passes):
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 10), nn.ReLU(), nn.Linear(10, 1))
    run = repprobe.layers(net, regression(), preprocess="none", clean=(50, 150), seeds=2)
    assert passes == ["stream"]
    found = {(r.layer, r.clean_labels): r.value for r in run.scores.where(metric="r2", seed="all")}
    assert found["input", 150] > 0.98
    assert {layer for layer, _ in found} >= {"input", "1"}
    (own,) = run.scores.where(layer="output", metric="r2")
    assert own.value < 0.9


def test_the_time_of_the_sums_counts_as_probing(untold_checkpoint, monkeypatch):
    told = RidgeStream.scores

    def scores(self, non_finite):
        began = time.perf_counter()
        found = told(self, non_finite)
        spent.append(self.seconds + time.perf_counter() - began)
        return found

    spent = []
    monkeypatch.setattr(RidgeStream, "scores", scores)
    run = repprobe.layers(untold_checkpoint, "digits", probe="ridge", clean=60, layers=("linear",))
    seconds = run.info["seconds"]
    assert seconds["probe"] == pytest.approx(spent[0], abs=0.01)
    assert seconds["capture"] >= 0


def test_a_guessed_normalization_is_said(untold_checkpoint, tmp_path):
    saved = torch.load(untold_checkpoint, weights_only=True)
    saved.pop("preprocess")
    torch.save(saved, tmp_path / "untold.pt")
    told = repprobe.layers(untold_checkpoint, "digits", clean=50, probe="ridge")
    untold = repprobe.layers(tmp_path / "untold.pt", "digits", clean=50, probe="ridge")
    assert not any("--preprocess" in note for note in told.info["models"][0]["notes"])
    assert any("--preprocess" in note for note in untold.info["models"][0]["notes"])
