"""Which examples clean labels are drawn of."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from repprobe import budget, fix, load_data
from repprobe.checkpoints import Model, Preprocessing
from repprobe.checkpoints.origin import Origin
from repprobe.data import ArrayPart, draws
from repprobe.repair.drawing import clean_draws
from repprobe.repair.job import Job
from repprobe.repair.settings import FixSettings


@pytest.fixture(scope="module")
def digits():
    return load_data("digits")


def trained_on(rows, data, fingerprint=None):
    """Return a network whose file says that it was trained on these rows."""
    torch.manual_seed(0)
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10)).eval()
    origin = Origin("digits", fingerprint or data.fingerprint, np.asarray(rows), None)
    return Model("net", module, "net", Preprocessing.parse("unit"), origin=origin)


def drawn(model, data, *counts):
    job = Job.of(model, data, FixSettings(), None)
    return clean_draws(job, counts, range(2))


def test_examples_that_the_network_was_trained_on_are_left_out(digits):
    found, (note,) = drawn(trained_on(np.arange(1000), digits), digits, 100, 200)
    assert "drawn from the 438 training examples that the network was not trained on" in note
    assert [draw.budgets for draw in found] == [(100, 200)] * 2
    assert all((draw.rows >= 1000).all() for draw in found)
    counts = np.bincount(digits.train.labels[found[0].rows])
    left = np.bincount(digits.train.labels[1000:])
    assert abs(counts - left * 200 / 438).max() <= 1


@pytest.mark.parametrize("seen", [1438, 1300])
def test_where_too_few_others_are_left_all_are_drawn_from(digits, seen):
    found, notes = drawn(trained_on(np.arange(seen), digits), digits, 100, 200)
    assert notes == []
    plain = draws(digits.train.labels, [100, 200], range(2), "classification")
    assert all((a.rows == b.rows).all() for a, b in zip(found, plain, strict=True))


def test_every_class_must_be_among_the_others(digits):
    seen = np.flatnonzero(digits.train.labels < 3)
    found, notes = drawn(trained_on(seen, digits), digits, 200)
    assert notes == []
    assert len(np.unique(digits.train.labels[found[0].rows])) == 10


def test_rows_of_other_data_say_nothing(digits):
    _, notes = drawn(trained_on(np.arange(1000), digits, "other"), digits, 200)
    assert notes == []


def test_the_user_is_told_and_so_for_a_budget(digits):
    model = trained_on(np.arange(1000), digits)
    settings = {"probe": "ridge", "width": 32}
    fixed = fix(model, digits, clean=100, **settings)
    assert any("was not trained on" in note for note in fixed.notes)
    assert not any("of examples the network was trained on" in note for note in fixed.notes)
    run = budget(model, digits, [10], seeds=1, **settings)
    assert any("was not trained on" in note for note in run.info["notes"])


def test_numbers_have_no_classes(digits):
    data = replace(
        digits,
        task="regression",
        classes=(),
        train=ArrayPart(
            digits.train.inputs(np.arange(len(digits.train))), digits.train.labels.astype(float)
        ),
        test=ArrayPart(
            digits.test.inputs(np.arange(len(digits.test))), digits.test.labels.astype(float)
        ),
    )
    found, (note,) = drawn(trained_on(np.arange(1000), data), data, 200)
    assert "438" in note
    assert (found[0].rows >= 1000).all()
