"""The figures of a record, against computing them directly."""

import numpy as np
import pytest
import torch
from torch import nn

from repprobe.checkpoints import Preprocessing
from repprobe.training import evaluate
from repprobe.training.evaluate import Evaluator
from repprobe.training.inputs import ArrayInputs


class Answering:
    """A network that answers with rows of a table, which the inputs number."""

    def __init__(self, table):
        self.table = torch.as_tensor(table, dtype=torch.float32)

    def answers(self, inputs, batch_size, rows=None):
        places = np.arange(len(inputs)) if rows is None else rows
        return self.table[inputs.fed(places).x[:, 0].long()]


def numbered(start, stop):
    values = torch.arange(start, stop, dtype=torch.float32)[:, None]
    return ArrayInputs(values, Preprocessing.parse("none"), 1, torch.device("cpu"))


def evaluator(clean, noisy, test, task="classification"):
    n, m = len(clean), len(test)
    return Evaluator(
        *(numbered(0, n), numbered(n, n + m), clean, noisy, test),
        task=task,
        batch_size=8,
        seed=0,
    )


@pytest.fixture
def labels():
    clean = np.array([0, 1, 2, 0, 1, 2])
    noisy = np.array([0, 2, 1, 0, 1, 0])  # the second, third and last are wrong
    return clean, noisy, np.array([0, 1, 2, 2])


def test_accuracies_and_what_was_memorized(labels):
    predicted = [0, 2, 2, 1, 1, 0, 0, 1, 0, 2]  # of six training, then four test examples
    record = evaluator(*labels).measure([Answering(np.eye(3)[predicted])])
    assert record == pytest.approx(
        {"noisy_train": 4 / 6, "clean_train": 3 / 6, "memorized": 2 / 3, "test": 3 / 4}
    )


def test_without_wrong_labels_nothing_can_be_memorized(labels):
    clean, _, test = labels
    record = evaluator(clean, clean, test).measure([Answering(np.zeros((10, 3)))])
    assert record["memorized"] is None
    assert record["noisy_train"] == record["clean_train"] == pytest.approx(2 / 6)


def test_several_networks_answer_by_their_mean_probability():
    """Two are sure of class 0, one is surer still of class 1, so that mean logits would say 1."""
    answers = [[[9.0, 0.0]], [[0.0, 30.0]], [[9.0, 0.0]]]
    record = evaluator(np.array([0]), np.array([0]), np.array([0])).measure(
        [Answering(row * 2) for row in answers]
    )
    assert record["test_each"] == [1.0, 0.0, 1.0]
    assert record["test"] == record["clean_train"] == 1.0


def test_percentage_errors_of_regression():
    clean, noisy, test = np.array([1.0, 2.0]), np.array([4.0, 2.0]), np.array([10.0, 5.0])
    record = evaluator(clean, noisy, test, "regression").measure([Answering([2.0, 2, 11, 4])])
    assert record == pytest.approx(
        {
            "noisy_train": 25,
            "noisy_train_mse": 2,
            "clean_train": 50,
            "clean_train_mse": 0.5,
            "corrupted_mse": 4,
            "uncorrupted_mse": 0,
            "test": 15,
            "test_mse": 1,
        }
    )


def test_a_target_of_zero_has_no_percentage():
    targets = np.array([0.0, 2.0])
    record = evaluator(targets, targets, targets, "regression").measure([Answering([1.0] * 4)])
    assert record["test"] is None
    assert record["test_mse"] == 1
    assert record["corrupted_mse"] is None
    assert record["uncorrupted_mse"] == 1


def test_targets_of_one_column_match_answers_of_none():
    flat = [np.array([1.0, 2.0, 3.0]), np.array([4.0, 2.0, 2.5]), np.array([10.0, 5.0])]
    networks = [Answering([2.0, 2, 5, 11, 4]), Answering([1.0, 1, 1, 1, 1])]
    column = [values[:, None] for values in flat]
    expected = evaluator(*flat, "regression").measure(networks)
    assert evaluator(*column, "regression").measure(networks) == expected


def test_many_training_examples_are_sampled(monkeypatch):
    monkeypatch.setattr(evaluate, "SAMPLE", 50)
    clean = np.arange(200) % 2
    chosen = evaluator(clean, clean, np.array([0]))
    again = evaluator(clean, clean, np.array([0]))
    assert len(chosen.rows) == 50
    assert (np.diff(chosen.rows) > 0).all()
    assert (chosen.rows == again.rows).all()
    right = chosen.measure([Answering(np.eye(2)[[*clean, 0]])])
    assert right["clean_train"] == 1.0


def test_a_measured_network_keeps_mode_and_statistics():
    from lightning_fabric import Fabric

    from repprobe.training.networks import TrainedNetwork
    from repprobe.training.recipe import DESK

    module = nn.Sequential(nn.BatchNorm1d(1), nn.Dropout(0.5), nn.Linear(1, 2))
    module[1].eval()
    network = TrainedNetwork(Fabric(accelerator="cpu"), module, DESK, flat=False)
    before = {k: v.clone() for k, v in module.state_dict().items()}
    first, second = (network.answers(numbered(0, 9), batch_size=4) for _ in range(2))
    assert torch.equal(first, second)
    assert not first.requires_grad
    assert [m.training for m in module] == [True, False, True]
    assert all(torch.equal(v, before[k]) for k, v in module.state_dict().items())
