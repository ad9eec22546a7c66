"""The causal check: rewinding and retraining one block at a time."""

import copy
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from repprobe.capture.blocks import blocks
from repprobe.checkpoints import Model, Preprocessing, load_model
from repprobe.checkpoints.fresh import fresh
from repprobe.data import draws, load_data
from repprobe.errors import UsageError
from repprobe.interventions import intervene, verb
from repprobe.interventions.earlier import earlier_state, initial_seed
from repprobe.probes.intervals import wilson
from repprobe.training import architecture, train

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
QUICK = {"arch_args": {"width": 4}, "device": "cpu", "limit": 600}


@pytest.fixture(scope="module")
def digits():
    return load_data("digits")


@pytest.fixture(scope="module")
def few(digits):
    return draws(digits.train.labels, [60], [0], "classification")[0].rows


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    """A small network trained on true labels."""
    out = tmp_path_factory.mktemp("clean") / "clean.pt"
    return load_model(train("small-cnn", "digits", out=out, epochs=8, **QUICK).path)


@pytest.fixture
def quick(monkeypatch):
    """Retrain for a few epochs only."""
    monkeypatch.setattr(verb, "EPOCHS", (1, 1))


def state_of(module):
    return {key: value.clone() for key, value in module.state_dict().items()}


def same(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


def accuracy(model, module, data):
    x = model.preprocessing.apply(data.test.inputs(np.arange(len(data.test))), data.unit)
    with torch.no_grad():
        return float((module(x).argmax(1).numpy() == data.test.labels).mean())


def with_block(model, other, keys):
    module = copy.deepcopy(model.module)
    state = module.state_dict()
    state.update({key: other.module.state_dict()[key] for key in keys})
    module.load_state_dict(state)
    return replace(model, module=module, name="planted", origin=None)


@pytest.fixture(scope="module")
def noisy_run(digits, few):
    """A network that learned wrong labels, its interventions, and the steps that were told."""
    model, steps = load_model(EXAMPLES / "noisy-digits.pt"), []
    before = state_of(model.module)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verb, "EPOCHS", (25, 25))
        scores, causal = intervene(
            model, digits, rows=few, progress=lambda *step: steps.append(step)
        )
    assert same(before, state_of(model.module))
    return model, scores, causal, steps


def test_rows(noisy_run, digits, few):
    model, scores, _, steps = noisy_run
    parts = [layer for layer, keys in blocks(model, digits).items() if keys]
    assert [(r.metric, r.layer) for r in scores] == [
        (metric, layer) for metric in ("rewound", "retrained") for layer in parts
    ]
    for row in scores:
        hits = round(row.value * len(digits.test))
        assert (row.value, row.low, row.high) == wilson(hits, len(digits.test))
        assert (row.model, row.probe, row.split, row.group) == (
            "noisy-digits",
            "none",
            "test",
            "all",
        )
    assert {(r.metric, r.clean_labels, r.seed) for r in scores} == {
        ("rewound", 0, ""),
        ("retrained", len(few), 0),
    }
    assert [r.order for r in scores.where(metric="rewound")] == [1, 2, 3, 4, 5, 6, 8]
    count = len(parts)
    assert steps == [
        (stage, done, count) for stage in ("rewind", "retrain") for done in range(1, count + 1)
    ]


def test_figures_are_those_of_the_mixed_networks(noisy_run, digits):
    model, scores, causal, _ = noisy_run
    first = fresh(model, initial_seed(model))
    for layer in ("stage2.relu1", "linear"):
        mixed = with_block(model, first, blocks(model, digits)[layer])
        (row,) = scores.where(metric="rewound", layer=layer)
        assert row.value == accuracy(model, mixed.module, digits)
    assert causal.own == accuracy(model, model.module, digits)


def test_changes_are_paired_differences(noisy_run):
    _, scores, causal, _ = noisy_run
    for row in scores:
        effect = getattr(causal, row.metric).of(row.layer)
        assert effect.value == row.value
        assert effect.change.value == pytest.approx(row.value - causal.own)
        assert effect.change.low < effect.change.value < effect.change.high


def test_retraining_a_block_of_a_noisy_network_wins_back(noisy_run):
    _, _, causal, _ = noisy_run
    best = causal.retrained.best
    assert causal.retrained.gains
    assert best.change.value > 0.15
    assert best.layer not in causal.retrained.alike
    assert f"the block of {best.layer} wins back most" in causal.details
    assert "60 clean labels" in causal.details


def test_a_block_with_random_weights_is_the_one_that_mends(clean, digits, few):
    """Planted damage: rewinding that block to the clean network, or retraining it, wins back."""
    layer = "stage3.relu1"
    planted = with_block(clean, fresh(clean, 99), blocks(clean, digits)[layer])
    healthy = accuracy(clean, clean.module, digits)
    _, causal = intervene(planted, digits, rows=few, earlier=clean)
    assert causal.own < healthy - 0.2
    assert (causal.rewound.best.layer, causal.rewound.best.value) == (layer, healthy)
    assert causal.rewound.alike == ()
    assert causal.retrained.best.layer == layer
    sentence = causal.beside(layer).details
    assert f"the block of {layer} gains most" in sentence
    assert sentence.endswith(f"That agrees with the probes, which see damage begin at {layer}.")
    other = causal.beside("stage1.relu2").details
    assert "what rewinding mends most lies after it; they correlate, this decides." in other


def test_repeatable(noisy_run, digits, few, quick):
    model = noisy_run[0]
    first, again = (intervene(model, digits, rows=few) for _ in range(2))
    assert first[0].to_csv() == again[0].to_csv()
    assert first[1] == again[1]


def test_the_limit_takes_examples_of_the_whole_test_part(clean, digits, few, quick):
    scores, causal = intervene(clean, digits, rows=few, limit=100)
    assert (causal.examples, causal.of) == (100, len(digits.test))
    assert "100 of 359 test examples" in causal.details
    assert all(round(row.value * 100, 6) % 1 == 0 for row in scores)


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("stage", ["rewind", "retrain"])
def test_the_network_is_untouched_when_it_is_broken_off(clean, digits, few, quick, error, stage):
    module = clean.module
    before, training = state_of(module), [part.training for part in module.modules()]
    torch.manual_seed(5)
    random = torch.get_rng_state()

    def stop(at, done, total):
        if at == stage and done == 2:
            raise error

    with pytest.raises(error):
        intervene(clean, digits, rows=few, progress=stop)
    assert same(before, state_of(module))
    assert training == [part.training for part in module.modules()]
    assert all(p.requires_grad and p.grad is None for p in module.parameters())
    assert torch.equal(random, torch.get_rng_state())
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in module.modules())


@pytest.mark.parametrize(("arch", "data"), [("small-cnn", "digits"), ("deepsets", "max-degree:30")])
def test_the_initialization_of_a_run_is_found_again(tmp_path, arch, data):
    quick = {"device": "cpu", "limit": 25, "seed": 7, "batch_size": 8}
    start = load_model(train(arch, data, out=tmp_path / "start.pt", epochs=0, **quick).path)
    end = load_model(train(arch, data, out=tmp_path / "end.pt", epochs=1, **quick).path)
    found = earlier_state(end, None, seed=0)
    assert same(found.state, state_of(start.module))
    assert not same(found.state, state_of(end.module))
    assert found.name == "its initial weights"


def test_the_initialization_of_the_second_of_two_networks(tmp_path):
    from repprobe.checkpoints import load_networks

    quick = {"limit": 40, "epochs": 0, "method": "co-teaching", "noise": "uniform:0.4"}
    settings = {**QUICK, **quick}
    path = train("small-cnn", "digits", out=tmp_path / "two.pt", **settings).path
    one, two = load_networks(path)
    assert same(earlier_state(one, None, 0).state, state_of(one.module))
    assert same(earlier_state(two, None, 0).state, state_of(two.module))
    assert not same(state_of(one.module), state_of(two.module))


def test_a_module_in_memory_is_rewound_to_random_weights(digits, few, quick):
    module = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10)).eval()
    model = Model("mine", module, "Sequential", Preprocessing.parse("unit"))
    scores, causal = intervene(model, digits, rows=few, seed=3)
    assert causal.earlier == "random weights"
    assert [r.layer for r in scores.where(metric="rewound")] == ["2", "3"]


def test_numbers_that_are_none_are_marked(digits, few, quick):
    module = nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10)).eval()
    model = Model("mine", module, "Sequential", Preprocessing.parse("unit"))
    broken = copy.deepcopy(module)
    nn.init.constant_(broken[1].weight, math.nan)
    scores, causal = intervene(model, digits, rows=few, earlier=replace(model, module=broken))
    first, second = scores.where(metric="rewound")
    assert math.isnan(first.value)
    assert math.isfinite(second.value)
    assert causal.rewound.best.layer == "3"
    assert causal.to_dict()["rewound"]["effects"][0]["value"] is None


def test_regression_on_graphs(quick):
    data = load_data("max-degree:40")
    name, arguments = architecture.settle("max-sum-gnn", {"hidden": 4}, data)
    module = architecture.fresh(name, arguments, 0).eval()
    model = Model("gnn", module, name, Preprocessing.parse("none"), arguments)
    scores, causal = intervene(model, data, rows=np.arange(30), limit=50)
    assert causal.metric == "r2"
    assert "in R²" in causal.details
    for row in scores:
        effect = getattr(causal, row.metric).of(row.layer)
        assert effect.change.value == pytest.approx(row.value - causal.own, rel=1e-4, abs=1e-4)
        assert row.low < row.value < row.high


def test_an_earlier_network_of_another_architecture(clean, digits, few, one_line):
    other = replace(load_model(EXAMPLES / "noisy-digits.pt"), name="other")
    with pytest.raises(UsageError) as caught:
        intervene(clean, digits, rows=few, earlier=other)
    one_line(caught, "'other'", "stage1.conv1.weight", "another architecture")


def test_a_network_that_answers_for_other_data(digits, few, one_line):
    module = nn.Sequential(nn.Flatten(), nn.Linear(64, 3))
    model = Model("three", module.eval(), "Sequential", Preprocessing.parse("unit"))
    with pytest.raises(UsageError) as caught:
        intervene(model, digits, rows=few)
    one_line(caught, "three")
