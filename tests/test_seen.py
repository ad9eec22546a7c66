"""Data as a network was trained on them, and what is said where it has seen some of them."""

import numpy as np
import pytest

import repprobe
from repprobe.checkpoints import load_model
from repprobe.data import load_data
from repprobe.errors import UsageError
from repprobe.seen import data_for
from repprobe.training import train

CLEAN = {"layers": ("linear",), "clean": 60}


@pytest.fixture
def trained(tmp_path):
    """Write the initial network of a run; gives its checkpoint."""

    def make(name="a", data="digits", **settings):
        settings = {"arch_args": {"width": 4}, "epochs": 0, **settings}
        return train("small-cnn", data, out=tmp_path / f"{name}.pt", **settings).path

    return make


def notes_of(path, data="digits", **settings):
    (model,) = repprobe.layers(path, data, **CLEAN, **settings).info["models"]
    return [note for note in model["notes"] if "trained on" in note]


def digits_file(path, seed):
    """Write the digits without a test part, in an order of their own."""
    order = np.random.default_rng(seed).permutation(600)
    part = load_data("digits").train
    np.savez(path, x=part.inputs(np.arange(600))[order, 0] * 15, y=part.labels[order])
    return path


@pytest.mark.parametrize("seed", [0, 3])
def test_the_test_part_is_that_of_training_whatever_the_seeds(trained, seed):
    path = trained(seed=5)
    assert notes_of(path, seed=seed) == []
    run = repprobe.layers(path, "digits", seed=seed, **CLEAN)
    assert run.info["data"]["fingerprint"] == load_data("digits").fingerprint
    assert run.info["seeds"] == [seed]


def test_clean_labels_of_examples_that_were_trained_on_are_counted(trained):
    path = trained(limit=700)
    for seed in (0, 1):
        (note,) = notes_of(path, seed=seed)
        count, rest = note.split(" of 60 ")
        assert 15 <= int(count) <= 45  # 700 of 1,438 examples
        assert rest == "clean labels are of examples it was trained on."
    (note,) = notes_of(path, seeds=2)
    assert " of 1" in note  # both draws, of which few labels are in common


def test_other_data_of_the_same_name_or_size_are_noticed(trained, tmp_path):
    first = digits_file(tmp_path / "mine.npz", 0)
    path = trained(data=first)
    assert notes_of(path, first) == []
    (note,) = notes_of(path, digits_file(tmp_path / "copy.npz", 1))
    assert "fingerprints differ" in note and "copy.npz" in note
    digits_file(first, 2)
    (note,) = notes_of(path, first)
    assert "test examples may be among those it was trained on" in note
    assert notes_of(path, "digits") == []
    (note,) = notes_of(trained("b"), load_data("digits", seed=1))
    assert "another split" in note


def test_images_are_of_the_size_of_training_unless_the_user_says_otherwise(trained):
    path = trained(image_size=12)
    run = repprobe.layers(path, "digits", **CLEAN)
    assert run.info["settings"]["image_size"] == 12
    assert any("resized to 12 pixels" in note for note in run.info["data"]["notes"])
    run = repprobe.layers(path, "digits", image_size=8, **CLEAN)
    assert run.info["settings"]["image_size"] == 8
    assert not any("pixels" in note for note in run.info["data"]["notes"])
    assert run.info["models"][0]["notes"] == []


def test_networks_of_several_sizes_need_one_to_be_named(trained, one_line):
    models = [load_model(trained("a", image_size=12)), load_model(trained("b"))]
    with pytest.raises(UsageError) as caught:
        data_for(models, "digits", None)
    one_line(caught, "'a'", "12 pixels", "'b'", "as they are", "--image-size")
    assert data_for(models, "digits", 16)[0].input_shape == (1, 16, 16)
    assert data_for(models, load_data("digits"), None)[0].input_shape == (1, 8, 8)
