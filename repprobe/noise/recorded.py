"""Noisy labels that somebody recorded: the annotators of CIFAR-10N, and any file of labels."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from repprobe.data.dataset import Data
from repprobe.data.image_column import open_parquet, unreadable
from repprobe.data.labels import Labels
from repprobe.data.names import KNOWN, VARIABLE, places
from repprobe.errors import DataError, UnknownNameError, UsageError
from repprobe.noise.files import ARRAYS, numbers, read_array, read_lines
from repprobe.noise.law import Law, Written, classes_of
from repprobe.noise.maps import class_number

HUMAN_FILE = "human_labels.parquet"

_COLUMNS = {
    "aggre": "aggre_label",
    "worse": "worse_label",
    "random1": "random_label1",
    "random2": "random_label2",
    "random3": "random_label3",
}


@dataclass(frozen=True)
class Human(Law):
    """Labels that people gave CIFAR-10's training images: CIFAR-10N (Wei et al. 2022).

    Three annotators saw each image: random1, random2 and random3 are their labels, aggre is their
    majority, worse a wrong label where any of the three is wrong.

    Attributes
    ----------
    annotation : one of aggre, worse, random1, random2, random3.
    """

    name = "human"
    forms = (f"human:{'|'.join(_COLUMNS)}",)

    annotation: str

    @classmethod
    def of(cls, written: Written) -> Self:
        annotation = written.argument("annotation")
        if annotation not in _COLUMNS:
            raise UnknownNameError.near(
                "annotation of CIFAR-10N", annotation, _COLUMNS, f"Write {written.forms[0]}."
            )
        return cls(annotation)

    def whole(self, data: Data, seed: int) -> NDArray[np.int64]:
        if data.classes != KNOWN["cifar10"].classes:
            raise UsageError(
                f"human noise is known for cifar10 only, not for '{data.name}'; choose another law."
            )
        file = _find_human_labels(data)
        columns = _read_columns(file, ("index", "clean_label", _COLUMNS[self.annotation]))
        order, count = np.argsort(columns[0], kind="stable"), len(data.train)
        index, clean, noisy = (column[order] for column in columns)
        if len(index) != count or (index != np.arange(count)).any():
            raise DataError(
                f"'{file}' has labels of {len(index):,} images, but the training part of "
                f"'{data.name}' has {count:,}; human noise is for all of CIFAR-10 in its order."
            )
        differs = clean != classes_of(data)
        if differs.any():
            row = int(np.argmax(differs))
            raise DataError(
                f"the clean label of training image {row} is {classes_of(data)[row]} in "
                f"'{data.name}', but {clean[row]} in '{file}'; the images must be in the original "
                "order."
            )
        _require_classes(noisy, data, file)
        return noisy


@dataclass(frozen=True)
class File(Law):
    """Labels from a file, one for each example of the training part, in its order.

    Attributes
    ----------
    file : .npy, an .npz with one array, or .csv or .txt with one label per line; class names or
        numbers, or for regression targets (commas between the targets of one example).
    """

    name = "file"
    forms = ("file:FILE",)
    tasks = ("classification", "regression")

    file: Path

    @classmethod
    def of(cls, written: Written) -> Self:
        return cls(Path(written.argument("file")).expanduser())

    def whole(self, data: Data, seed: int) -> Labels:
        suffix = self.file.suffix.lower()
        if suffix in ARRAYS:
            values = read_array(self.file)
        elif suffix not in (".csv", ".txt"):
            raise DataError(f"'{self.file}' is no {', '.join(ARRAYS)}, .csv or .txt file.")
        elif data.task == "regression":
            values = numbers(read_lines(self.file), self.file)
        else:
            values = np.array(read_lines(self.file))
        clean = data.train.labels
        if values.ndim == 2 and values.shape[1] == 1:
            values = values[:, 0]
        if values.shape != clean.shape:
            raise DataError(
                f"'{self.file}' has labels of shape {values.shape}, but the training part of "
                f"'{data.name}' has {clean.shape}; it needs one for each of its examples."
            )
        if data.task == "regression":
            return self._targets(values)
        return self._classes(values, data)

    def _targets(self, values: NDArray[np.generic]) -> NDArray[np.float64]:
        if values.dtype.kind not in "iuf":
            raise DataError(f"'{self.file}' holds {values.dtype}; targets must be numbers.")
        targets = values.astype(np.float64)
        bad = ~np.isfinite(targets.reshape(len(targets), -1)).all(axis=1)
        if bad.any():
            raise DataError(f"label {int(np.argmax(bad))} of '{self.file}' is NaN or infinite.")
        return targets

    def _classes(self, values: NDArray[np.generic], data: Data) -> NDArray[np.int64]:
        kind = values.dtype.kind
        if kind == "U":
            first = np.sort(np.unique(values, return_index=True)[1])
            known = {
                str(values[row]): class_number(str(values[row]), data, _at(row, self.file))
                for row in first
            }
            return np.array([known[str(value)] for value in values])
        if kind not in "iuf":
            raise DataError(f"'{self.file}' holds {values.dtype}; need class names or numbers.")
        given = values.astype(np.float64)
        broken = ~np.isfinite(given) | (given != np.round(given))
        if broken.any():
            row = int(np.argmax(broken))
            raise DataError(f"label {row} of '{self.file}' is {given[row]:g}, which is no class.")
        labels = values.astype(np.int64)
        _require_classes(labels, data, self.file)
        return labels


def _require_classes(labels: NDArray[np.int64], data: Data, file: Path) -> None:
    """Raise UnknownNameError unless all labels are in 0…C − 1."""
    wrong = (labels < 0) | (labels >= len(data.classes))
    if wrong.any():
        row = int(np.argmax(wrong))
        class_number(str(labels[row]), data, _at(row, file))


def _at(row: int, file: Path) -> str:
    """Return the words that begin a hint on a label."""
    return f"It is label {row} of '{file}'; "


def _find_human_labels(data: Data) -> Path:
    given = Path(data.name).expanduser()
    folders = [*([given, given.parent] if given.exists() else []), *places("cifar10")]
    for folder in folders:
        if (folder / HUMAN_FILE).is_file():
            return folder / HUMAN_FILE
    raise DataError(
        f"CIFAR-10N is not on this machine: put {HUMAN_FILE} (columns index, clean_label, "
        f"{', '.join(_COLUMNS.values())}) into ${VARIABLE}/cifar10 or beside the data."
    )


def _read_columns(file: Path, names: tuple[str, ...]) -> list[NDArray[np.int64]]:
    import pyarrow as pa

    with open_parquet(file) as parquet:
        lacking = [name for name in names if name not in parquet.schema_arrow.names]
        if lacking:
            raise DataError(f"'{file}' has no column '{lacking[0]}'.")
        try:
            table = parquet.read(columns=list(names))
        except (pa.ArrowException, OSError) as err:
            raise DataError(unreadable(file, err)) from err
    for name in names:
        if not pa.types.is_integer(table[name].type) or table[name].null_count:
            raise DataError(f"the column '{name}' of '{file}' must hold an integer in every row.")
    return [table[name].to_numpy().astype(np.int64) for name in names]
