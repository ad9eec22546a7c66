"""Text files that list images, a line each, and the part that such a list makes."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from repprobe.data.folders import FilePart
from repprobe.data.images import Decoder
from repprobe.errors import DataError


class Entry(NamedTuple):
    """A line of a list: where it stands, for messages, and the image with its class."""

    origin: Path
    line: int
    image: str
    label: int

    def refuse(self, reason: str) -> DataError:
        """Return the error that names the line."""
        return refuse(self.origin, self.line, reason)


def refuse(file: Path, line: int, reason: str) -> DataError:
    """Return the error for a line that cannot be used."""
    return DataError(f"line {line} of '{file}' {reason}.")


def read_lines(file: Path) -> Iterator[tuple[int, str]]:
    """Yield every line that is not blank with its number, from 1, stripped.

    Raises DataError for a file that is missing or cannot be read, or a line that is no UTF-8.
    """
    try:
        content = file.read_bytes()
    except OSError as err:
        raise DataError(f"cannot read '{file}': {err.strerror}.") from err
    for number, line in enumerate(content.splitlines(), start=1):
        try:
            text = line.decode().strip()
        except UnicodeDecodeError:
            raise refuse(file, number, "is no UTF-8 text") from None
        if text:
            yield number, text


def read_entries(file: Path, classes: int) -> Iterator[Entry]:
    """Yield the lines `image class` of a list, whose classes are 0…`classes` − 1.

    Raises DataError, which names the line, for one that is not of that form.
    """
    for number, text in read_lines(file):
        image, *rest = text.rsplit(maxsplit=1)
        if not rest or not rest[0].isascii() or not rest[0].isdigit():
            raise refuse(file, number, f"is '{text[:80]}', not an image and the number of a class")
        if (label := int(rest[0])) >= classes:
            raise refuse(
                file, number, f"has the class {label}, but there are {classes}, 0…{classes - 1}"
            )
        yield Entry(file, number, image, label)


def list_parts(
    train: Sequence[Entry], test: Sequence[Entry], folders: tuple[Path, Path], size: int | None
) -> tuple[FilePart, FilePart]:
    """Return the two parts that the lists make of the images below their folders, in RGB.

    Raises DataError for an empty list, an image that is missing, or a first one that cannot be
    decoded.
    """
    files = [_files(part, folder) for part, folder in zip((train, test), folders, strict=True)]
    first = files[0][0]
    decoder = Decoder.like(first, f"'{first}'", size)
    # Photographs: a gray one among them, even the first, is no reason to refuse the others.
    decoder = dataclasses.replace(decoder, mode="RGB", shape=(3, *decoder.shape[1:]))
    parts = [
        FilePart(paths, np.array([entry.label for entry in part], np.int64), decoder)
        for paths, part in zip(files, (train, test), strict=True)
    ]
    return parts[0], parts[1]


def _files(entries: Sequence[Entry], folder: Path) -> tuple[Path, ...]:
    files = tuple(folder / entry.image for entry in entries)
    for entry, file in zip(entries, files, strict=True):
        if not file.is_file():
            raise entry.refuse(f"names '{file}', which is not there")
    return files
