"""`corrupt`: from the text of a law to noisy labels; and the laws there are."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
from numpy.typing import NDArray

from repprobe.data.dataset import Data, Task
from repprobe.data.loading import load_data
from repprobe.errors import UnknownNameError, UsageError
from repprobe.noise.additive import Gamma, Gaussian, StudentT
from repprobe.noise.class_laws import Flipped, Matrix, NoNoise, Pair, Symmetric, Uniform
from repprobe.noise.instance import Instance
from repprobe.noise.law import Law, Written
from repprobe.noise.noisy_labels import NoisyLabels
from repprobe.noise.recorded import File, Human

_ALL: tuple[type[Law], ...] = (
    *(NoNoise, Uniform, Symmetric, Flipped, Pair, Matrix, Instance, Human, File),
    *(Gaussian, Gamma, StudentT),
)
LAWS = {law.name: law for law in _ALL}


def names() -> list[str]:
    """Return the names of all laws."""
    return list(LAWS)


def forms(task: Task | None = None) -> list[str]:
    """Return the forms in which laws are written; with a task, of those that are for it."""
    return [f for law in _ALL if task is None or task in law.tasks for f in law.forms]


def parse(text: str) -> Law:
    """Build a law from its text, NAME[:ARGUMENTS][:R]; no file is read yet.

    Raises
    ------
    UnknownNameError
        There is no law of that name.
    UsageError
        An argument is missing or makes no sense, or R is no number in [0, 1].
    """
    name, colon, rest = text.partition(":")
    if name not in LAWS:
        hint = f"The laws are {', '.join(names())}."
        raise UnknownNameError.near("noise law", name, LAWS, hint)
    law = LAWS[name]
    return law.of(Written(text, rest if colon else None, law.forms))


def corrupt(
    law: str,
    data: str | os.PathLike[str] | Data,
    *,
    seed: int = 0,
    rows: NDArray[np.int64] | None = None,
) -> NoisyLabels:
    """Give the training part of a data set noisy labels.

    Noise is drawn for the whole training part and then selected: with one seed an example has
    the same label among any rows.

    Parameters
    ----------
    law : as the table in `repprobe.noise` says, such as "uniform:0.4".
    data : the name or path of a data set, as `load_data` takes it, or a `Data`.
    seed : of the draw, 0 or more.
    rows : int64, the examples of the training part that are asked for; None for all.

    Raises
    ------
    UnknownNameError
        There is no law of that name, or no class that a map or file names.
    UsageError
        The law cannot be read, or does not fit the data; or an argument is of another type, or
        outside of its range.
    DataError
        The data or a file that the law names cannot be read, or do not fit each other.
    """
    if not isinstance(law, str):
        raise UsageError(f"a noise law is text such as 'symmetric:0.4', not {_kind(law)}.")
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer):
        raise UsageError(f"the seed must be a whole number, 0 or more, not {seed!r}.")
    found = parse(law)
    data = _opened(data)
    if data.task not in found.tasks:
        raise UsageError(
            f"{found.name} noise is for {found.tasks[0]}, but '{data.name}' is {data.task}; laws "
            f"that fit: {', '.join(forms(data.task))}."
        )
    rows = np.arange(len(data.train)) if rows is None else _checked(rows, len(data.train))
    labels = found.labels(data, seed, rows)
    if not np.isfinite(labels).all():
        raise UsageError(f"noise '{law}' gives infinite labels; choose tails that are less heavy.")
    return NoisyLabels(law, seed, data.train.labels[rows], labels, len(data.classes))


def _opened(data: Any) -> Data:
    if isinstance(data, Data):
        return data
    if isinstance(data, str | os.PathLike):
        return load_data(data)
    raise UsageError(
        f"the data are the name or path of a data set or a repprobe.Data, not {_kind(data)}."
    )


def _checked(rows: Any, count: int) -> NDArray[np.int64]:
    """Return the rows; raises UsageError unless they are numbers of training examples."""
    try:
        array = np.asarray(rows)
    except ValueError:  # lists of different lengths
        array = np.asarray(None)
    if array.ndim != 1 or array.dtype.kind not in "iu":
        raise UsageError(
            f"rows must be a list of whole numbers from 0 to {count - 1:,}, not {_kind(rows)}"
            f"{f' of {array.dtype}' if isinstance(rows, np.ndarray) else ''}."
        )
    outside = (array < 0) | (array >= count)
    if outside.any():
        raise UsageError(
            f"row {array[outside][0]} is asked for, but the training part has rows 0 to "
            f"{count - 1:,}."
        )
    return array.astype(np.int64)


def _kind(value: Any) -> str:
    return type(value).__name__
