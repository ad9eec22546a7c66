"""Fine-tuning: which clean labels make it, which decide, and which judge."""

from contextlib import ExitStack
from dataclasses import replace

import numpy as np
import pytest
import torch

import repprobe
from repprobe import load_data
from repprobe.checkpoints import Model, Preprocessing
from repprobe.data import ArrayPart, draws
from repprobe.repair import finetuning
from repprobe.repair.heads import mended
from repprobe.repair.job import Job
from repprobe.repair.own_labels import NONE
from repprobe.repair.settings import FixSettings

SETTINGS = {"probe": "ridge", "then": "finetune", "cut": "2"}


@pytest.fixture(scope="module")
def digits():
    data = load_data("digits")
    every = np.arange(len(data.train))
    return replace(data, train=ArrayPart(data.train.inputs(every), data.train.labels))


def made(shift=0.0):
    """Return a network with random weights; `shift` is added to what it answers for class 0."""
    torch.manual_seed(0)
    layers = [torch.nn.Flatten(), torch.nn.Linear(64, 16), torch.nn.ReLU(), torch.nn.Linear(16, 10)]
    with torch.no_grad():
        layers[3].bias[0] += shift
    return Model("made", torch.nn.Sequential(*layers).eval(), "made", Preprocessing.parse("unit"))


@pytest.fixture
def tuned_to(monkeypatch):
    """Let fine-tuning give a network; returns the rows that each was made of."""
    asked = []

    def use(model):
        def tuned(job, head, rows, *, strict=True):
            asked.append(rows)
            return model

        monkeypatch.setattr(finetuning, "_tuned", tuned)
        return asked

    return use


@pytest.fixture(scope="module")
def good(digits):
    """A network that knows the digits: a linear head on their pixels."""
    every = np.arange(len(digits.train))
    x = digits.train.inputs(every).reshape(len(every), -1) / digits.unit
    wanted = np.eye(10)[digits.train.labels]
    weight = np.linalg.lstsq(np.c_[x, np.ones(len(x))], wanted, rcond=None)[0]
    linear = torch.nn.Linear(64, 10)
    with torch.no_grad():
        linear.weight.copy_(torch.from_numpy(weight[:-1].T))
        linear.bias.copy_(torch.from_numpy(weight[-1]))
    module = torch.nn.Sequential(torch.nn.Flatten(), linear).eval()
    return Model("good", module, "good", Preprocessing.parse("unit"))


def test_one_fold_decides_another_judges_and_all_make_the_network(digits, good, tuned_to):
    asked = tuned_to(good)
    fixed = repprobe.fix(made(), digits, clean=200, **SETTINGS)
    (draw,) = draws(digits.train.labels, [200], [0], "classification")
    wanted = [draw.rows[draw.folds > 1], draw.rows[draw.folds > 0], draw.rows]
    assert [sorted(rows) for rows in asked] == [sorted(rows) for rows in wanted]
    tuning = fixed.finetuning
    assert tuning.kept
    assert fixed.held_out is tuning.over_own
    assert tuning.over_own.count == tuning.over_head.count == 40
    assert fixed.models == (good,)
    assert fixed.refusal is None


def test_a_head_that_is_better_alone_is_judged_by_all_but_the_fold_that_said_so(digits, tuned_to):
    asked = tuned_to(made(shift=1e6))  # answers always the same
    fixed = repprobe.fix(made(), digits, clean=200, **SETTINGS)
    assert len(asked) == 1
    assert not fixed.finetuning.kept
    assert fixed.finetuning.over_own is None
    assert fixed.held_out.count == 160
    assert fixed.models[0].module[3].bias[0] < 100


def test_the_labels_that_judge_have_no_say(digits):
    (draw,) = draws(digits.train.labels, [100], [0], "classification")
    labels = digits.train.labels.copy()
    judges = draw.rows[draw.folds == finetuning.JUDGING]
    labels[judges] = (labels[judges] + 1) % 10
    other = replace(digits, train=replace(digits.train, labels=labels))
    found = []
    for data in (digits, other):
        job = Job.of(made(), data, FixSettings(**SETTINGS | {"cut": None}), None)
        with ExitStack() as keep:
            networks, layers = job.capture([draw], NONE, keep)
            assert len(layers) > 1
            cut = job.choose(networks, layers, draw.rows, draw.folds)
            heads = mended(job, networks, cut, job.fit(networks, cut, draw.rows))
            found.append(finetuning.finetune(job, networks, layers, draw, NONE, heads)[1])
    assert found[0].kept == found[1].kept
    assert found[0].over_head == found[1].over_head
