"""The preprocessing is found from batch statistics and own answers, or said to be unknown."""

import os
from dataclasses import replace

import numpy as np
import pytest
from made_networks import colours, fitted, model_of, normalized
from torch import nn

from repprobe import load_data, load_model
from repprobe.checkpoints import Preprocessing
from repprobe.checkpoints.evidence import find_preprocessing
from repprobe.data import ArrayPart, Data


@pytest.fixture(scope="module")
def digits():
    return load_data("digits")


@pytest.mark.parametrize("preprocess", ["unit", "half", "mnist", "none", "0.3053/0.3763"])
def test_batch_statistics_tell_the_preprocessing(digits, preprocess):
    found = find_preprocessing(normalized(digits, preprocess), digits, examples=500)
    expected = Preprocessing.parse(preprocess)
    np.testing.assert_allclose(found.preprocessing.mean, expected.mean, atol=0.01)
    np.testing.assert_allclose(found.preprocessing.std, expected.std, atol=0.01)
    assert found.preprocessing.found == "batch statistics"
    assert found.certain
    assert found.margin > 4


@pytest.mark.parametrize("preprocess", ["bgr:imagenet", "cifar100", "bgr:none"])
def test_batch_statistics_tell_the_order_of_channels(preprocess):
    data = colours()
    found = find_preprocessing(normalized(data, preprocess, 300, channels=3), data)
    assert found.preprocessing.name == preprocess


def test_a_trained_network_with_noisy_labels_tells_it(digits, digits_checkpoint):
    found = find_preprocessing(load_model(digits_checkpoint), digits)
    assert (found.preprocessing.name, found.certain) == ("unit", True)
    assert "'unit' was found by batch statistics" in found.how


@pytest.mark.parametrize("preprocess", ["half", "mnist"])
def test_own_answers_tell_where_there_is_no_batch_norm(digits, preprocess):
    found = find_preprocessing(fitted(digits, preprocess), digits)
    assert (found.preprocessing.name, found.preprocessing.found) == (preprocess, "own accuracy")
    assert found.table[0].own.accuracy > 0.9


def test_own_answers_tell_though_the_classes_are_in_another_order(digits):
    order = [3, 1, 4, 0, 5, 9, 2, 6, 8, 7]
    found = find_preprocessing(fitted(digits, "mnist", order=order), digits)
    assert found.preprocessing.name == "mnist"
    assert found.table[0].own.accuracy > 0.8


def test_what_is_no_candidate_is_not_called_certain(digits):
    for model in (normalized(digits, "0.1/0.7"), fitted(digits, "0.3/0.6")):
        assert not find_preprocessing(model, digits).certain


def test_statistics_beside_all_candidates_leave_it_to_the_answers(digits):
    model = normalized(digits, "unit")
    model.module[1].running_mean += 100
    found = find_preprocessing(model, digits)
    assert found.preprocessing.found != "batch statistics"
    assert not found.certain


def test_grey_images_are_brought_to_a_network_of_colours(digits):
    model = normalized(digits, "rgb:half", channels=3)
    found = find_preprocessing(model, digits)
    assert found.preprocessing.name == "rgb:half"
    assert find_preprocessing(model, digits).preprocessing == found.preprocessing


def test_colours_are_brought_to_a_grey_network():
    data = colours()
    found = find_preprocessing(normalized(data, "grey:unit", 300), data)
    assert found.preprocessing.name == "grey:unit"


def test_a_network_that_answers_all_alike_tells_nothing(digits):
    module = nn.Sequential(nn.Flatten(), nn.Linear(64, 10))
    nn.init.zeros_(module[1].weight)
    found = find_preprocessing(model_of(module), digits)
    assert (found.preprocessing.name, found.preprocessing.found) == ("unit", "default")
    assert not found.certain
    assert "above chance" in found.how


@pytest.mark.parametrize(
    ("module", "reason"),
    [
        (nn.Sequential(nn.Flatten(), nn.Linear(64, 7)), "not the classes"),
        (nn.Sequential(nn.Flatten(), nn.Linear(63, 10)), "cannot be run"),
    ],
)
def test_a_network_for_other_data_tells_nothing(digits, module, reason):
    found = find_preprocessing(model_of(module), digits)
    assert found.preprocessing.found == "default"
    assert reason in found.how


def test_tables_and_regression_tell_nothing(digits):
    rows = ArrayPart(np.zeros((20, 5), np.float32), np.arange(20) % 2)
    table = Data("table", rows, rows, "classification", ("a", "b"), 1.0, "table")
    numbers = replace(digits, task="regression", classes=())
    for data in (table, numbers):
        found = find_preprocessing(model_of(nn.Linear(5, 2)), data)
        assert (found.preprocessing.name, found.certain) == ("unit", False)


def test_only_training_examples_are_looked_at(digits):
    class Sealed:
        """A test part that gives its first example alone, for the shape of inputs."""

        def inputs(self, indices):
            assert len(indices) == 1, "test examples are read"
            return digits.test.inputs(indices)

    sealed = replace(digits, test=Sealed())
    assert find_preprocessing(normalized(digits, "unit"), sealed).certain


def test_the_same_inputs_give_the_same_finding(digits, digits_checkpoint):
    model = load_model(digits_checkpoint)
    first, second = (find_preprocessing(model, digits).to_dict() for _ in range(2))
    assert first == second
    assert first["candidates"][0]["name"] == "unit"


def test_a_public_resnet20_tells_imagenets_and_not_cifar10s(shared, monkeypatch):
    monkeypatch.setenv("REPPROBE_DATA", os.fspath(shared / "data"))
    data = load_data("cifar10")
    found = find_preprocessing(load_model(shared / "checkpoints/resnet20-cifar10.th"), data)
    assert (found.preprocessing.name, found.certain) == ("imagenet", True)
    assert found.margin > 4
