"""The labels that networks learned: from their checkpoints, or from a file."""

import dataclasses

import numpy as np
import pytest
from torch import nn

from repprobe.checkpoints import Model, Preprocessing
from repprobe.checkpoints.origin import Origin
from repprobe.data import ArrayPart, Data
from repprobe.errors import DataError, UsageError
from repprobe.pipeline.learned import LEAST, MOST, learned, read_noisy_labels

COUNT = 30


def data(count=COUNT, task="classification"):
    y = np.arange(count) % 3
    part = ArrayPart(np.zeros((count, 2), np.float32), y)
    return Data("toy", part, part, task, ("a", "b", "c"), 1.0, "print")


def model(rows=None, labels=None, fingerprint="print"):
    origin = None
    if rows is not None:
        origin = Origin("toy", fingerprint, np.asarray(rows), None, labels)
    found = Preprocessing.parse("none")
    return Model("net", nn.Linear(2, 3), "Linear", found, origin=origin)


def test_a_checkpoint_tells_the_rows_and_the_labels():
    rows = np.array([1, 4, 9])
    found = learned(model(rows, np.array([2, 2, 2])), data(), None, 0)
    assert found.rows.tolist() == [1, 4, 9]
    assert found.labels.tolist() == [2, 2, 2]


def test_a_file_goes_before_the_checkpoint_s_labels_and_keeps_its_rows():
    given = np.zeros(COUNT, np.int64)
    found = learned(model([1, 4], np.array([2, 2])), data(), given, 0)
    assert (found.rows.tolist(), found.labels.tolist()) == ([1, 4], [0, 0])


def test_without_a_checkpoint_of_ours_a_file_is_of_the_whole_training_part():
    found = learned(model(), data(), np.zeros(COUNT, np.int64), 0)
    assert found.rows.tolist() == list(range(COUNT))


def test_nothing_is_known_without_labels_or_of_other_data_or_where_none_is_wrong():
    wrong = np.array([2, 2])
    assert learned(model(), data(), None, 0) is None
    assert learned(model([1, 4]), data(), None, 0) is None
    assert learned(model([1, 4], wrong, "other"), data(), None, 0) is None
    assert learned(model([1, 4], np.array([1, 1])), data(), None, 0) is None
    assert learned(model([1, 4], wrong), data(task="regression"), None, 0) is None


def test_of_many_examples_some_are_drawn_by_the_seed():
    many, given = data(MOST + 100), np.zeros(MOST + 100, np.int64)
    one, same, other = (learned(model(), many, given, seed) for seed in (0, 0, 1))
    assert len(one.rows) == MOST
    assert (np.diff(one.rows) > 0).all()
    assert (one.rows == same.rows).all()
    assert (one.rows != other.rows).any()


@pytest.mark.parametrize(("wrong", "drawn"), [(50, 50), (300, LEAST), (6000, None)])
def test_the_share_of_wrong_labels_is_kept_unless_they_would_be_too_few(wrong, drawn):
    many = data(10_000)
    given = many.train.labels.copy()
    given[:wrong] = (given[:wrong] + 1) % 3
    found = learned(model(), many, given, 0)
    count = int((found.labels != many.train.labels[found.rows]).sum())
    assert len(found.rows) == len(set(found.rows)) == MOST
    assert count == drawn if drawn else abs(count - 1200) < 80


def test_a_file_is_read_for_the_whole_training_part(tmp_path):
    file = tmp_path / "labels.npy"
    labels = [1, *[2] * (COUNT - 1)]
    np.save(file, labels)
    assert read_noisy_labels(file, data()).tolist() == labels
    np.save(file, np.full(COUNT + 1, 2))
    with pytest.raises(DataError, match="31"):
        read_noisy_labels(file, data())
    with pytest.raises(UsageError, match="for classes"):
        read_noisy_labels(file, dataclasses.replace(data(), task="regression"))


def test_labels_of_one_class_are_refused(tmp_path):
    np.save(tmp_path / "same.npy", np.zeros(COUNT, np.int64))
    with pytest.raises(UsageError, match=f"all {COUNT} labels in .*same.npy' are 0"):
        read_noisy_labels(tmp_path / "same.npy", data())
