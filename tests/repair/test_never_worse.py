"""A network that `fix` writes is not worse than the original on examples nobody has seen."""

from dataclasses import replace

import numpy as np
import pytest

from repprobe import load_data, load_model, train
from repprobe.capture import capture
from repprobe.data import ArrayPart
from repprobe.probes.differences import paired
from repprobe.repair.verb import fix

SEEN, TEST = 500, 250
NOISES = ("none", "uniform:0.8")
CLEAN = (20, 60, 300)


def parts():
    """The digits as `fix` sees them, and with a test part of their own for the judge."""
    data = load_data("digits")
    inputs = np.concatenate([p.inputs(np.arange(len(p))) for p in (data.train, data.test)])
    labels = np.concatenate([data.train.labels, data.test.labels])
    order = np.random.default_rng(0).permutation(len(labels))
    split = np.split(order, [SEEN, SEEN + TEST])
    seen, test, judge = (ArrayPart(inputs[rows], labels[rows]) for rows in split)
    return replace(data, train=seen, test=test), replace(data, train=seen, test=judge)


def right(model, judge):
    with capture(model, judge, train_rows=np.zeros(0, np.int64), width=1) as features:
        return (features.output.argmax(axis=1) == judge.test.labels).astype(float)


@pytest.fixture(scope="module")
def trials(tmp_path_factory):
    folder = tmp_path_factory.mktemp("never-worse")
    seen, judge = parts()
    found = []
    for noise in NOISES:
        out = folder / f"{noise.replace(':', '-')}.pt"
        settings = {"arch_args": {"hidden": [32, 32]}, "epochs": 20, "evaluate_every": 20}
        train("mlp", seen, out=out, noise=noise, **settings)
        before = right(load_model(out), judge)
        for clean in CLEAN:
            target = out.with_name(f"{out.stem}-{clean}.pt")
            fixed = fix(out, seen, out=target, clean=clean, probe="ridge", width=64)
            assert target.exists() is (fixed.written is not None) is (fixed.refusal is None)
            if target.exists():
                gain = paired((right(load_model(target), judge) - before)[None]).interval()
                found.append((noise, clean, gain))
            else:
                found.append((noise, clean, None))
    return found


def test_what_is_written_is_never_worse_beyond_the_interval(trials):
    assert [trial for trial in trials if trial[2] and trial[2].high < 0] == []


def test_a_noisy_network_is_fixed_with_enough_labels(trials):
    gain = {(noise, clean): found for noise, clean, found in trials}["uniform:0.8", 300]
    assert gain is not None
    assert gain.low > 0


def test_two_labels_per_class_write_nothing(trials):
    assert all(gain is None for _, clean, gain in trials if clean == 20)
