"""Damage that is planted in a trained network is found where it was planted."""

from copy import deepcopy
from dataclasses import replace

import pytest

from repprobe import Scores, diagnose, layers, load_data, load_model, train
from repprobe.capture.blocks import blocks
from repprobe.training.architecture import fresh

HIDDEN = [32, 16, 8]


@pytest.fixture(scope="module")
def data():
    return load_data("digits")


@pytest.fixture(scope="module")
def network(data, tmp_path_factory):
    """An MLP that halves its features in every layer, trained on clean digits."""
    path = tmp_path_factory.mktemp("planted") / "clean.pt"
    settings = {"arch_args": {"hidden": HIDDEN}, "epochs": 15, "evaluate_every": 15}
    return load_model(train("mlp", data, out=path, **settings).path)


@pytest.fixture(scope="module")
def reference(network, data) -> Scores:
    return probed(network, data, "reference")


def probed(model, data, name):
    return layers(replace(model, name=name), data, clean=400, probe="ridge").scores


def spoiled(model, keys):
    """A copy in which some entries are those of an untrained network."""
    state = fresh(model.architecture, model.arguments, seed=1).state_dict()
    module = deepcopy(model.module)
    module.load_state_dict({**module.state_dict(), **{key: state[key] for key in keys}})
    return replace(model, module=module)


@pytest.mark.parametrize("place", range(len(HIDDEN)))
def test_onset_is_the_first_block_with_fresh_weights(network, data, reference, place):
    parts = blocks(network, data)
    names = list(parts)
    keys = [key for name in names[place:] for key in parts[name]]
    table = reference + probed(spoiled(network, keys), data, "planted")
    (found,) = diagnose(table, references=["reference"])
    assert found.onset == names[place]
    for name in names[:place]:
        assert found.damage(name).damage.value == 0
    assert found.damage(names[place]).damage.low > 0


def test_nothing_planted_nothing_found(network, data, reference):
    table = reference + probed(network, data, "copy")
    (found,) = diagnose(table, references=["reference"], margin=0.0)
    assert found.onset is None
    assert all(record.damage.value == 0 for record in found.damages)
