"""`corrupt`: from the text of a law to noisy labels; and the laws there are."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from repprobe.data.dataset import Data, Task
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
    law: str, data: Data, *, seed: int = 0, rows: NDArray[np.int64] | None = None
) -> NoisyLabels:
    """Give the training part of a data set noisy labels.

    Noise is drawn for the whole training part and then selected: with one seed an example has
    the same label among any rows.

    Parameters
    ----------
    law : as the table in `repprobe.noise` says, such as "uniform:0.4".
    seed : of the draw, 0 or more.
    rows : int64, the examples of the training part that are asked for; None for all.

    Raises
    ------
    UnknownNameError
        There is no law of that name, or no class that a map or file names.
    UsageError
        The law cannot be read, or does not fit the data.
    DataError
        A file that the law names cannot be read, or does not fit the data.
    """
    found = parse(law)
    if data.task not in found.tasks:
        raise UsageError(
            f"{found.name} noise is for {found.tasks[0]}, but '{data.name}' is {data.task}; laws "
            f"that fit: {', '.join(forms(data.task))}."
        )
    if rows is None:
        rows = np.arange(len(data.train))
    labels = found.labels(data, seed, rows)
    if not np.isfinite(labels).all():
        raise UsageError(f"noise '{law}' gives infinite labels; choose tails that are less heavy.")
    return NoisyLabels(law, seed, data.train.labels[rows], labels, len(data.classes))
