"""Labels are brought to one type and checked, so that no probe is fitted to nonsense."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from repprobe.data.dataset import Task
from repprobe.errors import DataError

Labels = NDArray[np.int64] | NDArray[np.float64]


def as_labels(values: NDArray[np.generic], origin: str) -> Labels:
    """Return classes as int64 (n,), or regression targets as float64 (n,) or (n, t).

    Integers and booleans are classes, floats are targets; a column (n, 1) becomes (n,).
    `origin` names the labels in messages. Raises DataError for anything else.
    """
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.dtype.kind in "iub":
        if values.ndim != 1:
            raise DataError(
                f"{origin} have shape {values.shape}; classes need one integer per example, "
                "regression targets floats."
            )
        return values.astype(np.int64)
    if values.dtype.kind == "f" and values.ndim in (1, 2):
        return values.astype(np.float64)
    raise DataError(
        f"{origin} are {values.dtype} of shape {values.shape}; need integers (n,) for classes, "
        "or floats (n,) or (n, t) for regression."
    )


def task_of(labels: Labels) -> Task:
    """Return the task that labels of this type stand for."""
    return "classification" if labels.dtype.kind == "i" else "regression"


def class_names(train: Labels, given: tuple[str, ...]) -> tuple[str, ...]:
    """Return the given names, or "0"…"C−1" with C one above the largest training label."""
    if given or not len(train):
        return given
    distinct = np.unique(train)
    # A stray label of a billion must not make a billion names: name up to the first gap, and
    # `check_classes` then says what is wrong with the rest.
    gaps = np.flatnonzero(distinct != np.arange(len(distinct)))
    count = int(distinct[-1]) + 1 if not len(gaps) else int(gaps[0]) + 1
    return tuple(str(c) for c in range(count))


def check_classes(train: Labels, test: Labels | None, names: tuple[str, ...], origin: str) -> None:
    """Raise DataError unless every class has two training examples and every label a class."""
    for part, labels in (("training", train), ("test", test)):
        if labels is not None and len(labels) and labels.min() < 0:
            row = int(np.argmax(labels < 0))
            raise DataError(
                f"{part} label {row} of '{origin}' is {labels[row]}; classes are numbered from 0 "
                "and unlabelled examples have to be left out."
            )
    if len(set(names)) < len(names):
        twice = next(n for n in names if names.count(n) > 1)
        raise DataError(f"two classes of '{origin}' are named '{twice}'; give each its own name.")
    values, counts = np.unique(train, return_counts=True)
    empty = np.setdiff1d(np.arange(len(names)), values)
    if len(empty):
        raise DataError(
            f"class '{names[empty[0]]}' of '{origin}' has no training example; labels have to be "
            "numbered 0…C−1 without a gap."
        )
    for part, labels in (("training", train), ("test", test)):
        if labels is not None and len(labels) and labels.max() >= len(names):
            row = int(np.argmax(labels >= len(names)))
            raise DataError(
                f"{part} label {row} of '{origin}' is {labels[row]}, but the training part has "
                f"{len(names)} classes, 0…{len(names) - 1}."
            )
    if len(names) < 2:
        raise DataError(f"all training labels of '{origin}' are one class; a probe needs two.")
    if counts.min() < 2:
        name = names[int(np.argmin(counts))]
        raise DataError(
            f"class '{name}' of '{origin}' has a single training example; give it a second one or "
            "leave the class out."
        )


def check_targets(train: Labels, test: Labels | None, origin: str) -> None:
    """Raise DataError unless all regression targets are finite and of one width."""
    for part, labels in (("training", train), ("test", test)):
        if labels is None:
            continue
        bad = ~np.isfinite(labels.reshape(len(labels), -1)).all(axis=1)
        if bad.any():
            raise DataError(
                f"{part} target {int(np.argmax(bad))} of '{origin}' is NaN or infinite; leave such "
                "examples out."
            )
    if test is not None and train.shape[1:] != test.shape[1:]:
        raise DataError(
            f"training targets of '{origin}' have shape {train.shape}, test targets {test.shape}."
        )
    if len(train) < 2:
        raise DataError(f"'{origin}' has {len(train)} training example; a probe needs two.")
