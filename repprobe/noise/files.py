"""Arrays and lines of text from the files that laws name; nothing is unpickled."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from repprobe.errors import DataError, files_near

ARRAYS = (".npy", ".npz")


def read_array(file: Path) -> NDArray[np.generic]:
    """Return the array in an .npy, or the only one in an .npz; raises DataError."""
    _require(file)
    try:
        stored = np.load(file, allow_pickle=False)
        if isinstance(stored, np.ndarray):
            return stored
        with stored:
            if len(stored.files) != 1:
                held = ", ".join(stored.files) or "nothing"
                raise DataError(f"'{file}' holds {held}; it must hold one array.")
            array: NDArray[np.generic] = stored[stored.files[0]]
            return array
    except DataError:
        raise
    # A damaged file fails with almost any exception of zipfile, zlib and numpy.
    except Exception as err:
        reason = " ".join(str(err).split()).rstrip(".")
        if reason.startswith("Object arrays"):
            reason = "it holds Python objects, which are never unpickled; store a plain array"
        elif "allow_pickle" in reason:
            reason = "it is none"
        raise DataError(f"cannot read '{file}' as {file.suffix}: {reason}.") from err


def read_text(file: Path) -> str:
    """Return the text of a file, without a byte order mark; raises DataError."""
    _require(file)
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as err:
        reason = err.strerror if isinstance(err, OSError) else "it is no UTF-8 text"
        raise DataError(f"cannot read '{file}': {reason}.") from err


def read_lines(file: Path) -> list[str]:
    """Return the lines of a text file, stripped, without empty ones at the end."""
    return [line.strip() for line in read_text(file).rstrip().split("\n")]


def read_table(file: Path) -> NDArray[np.float64]:
    """Return the numbers in an .npy, .npz or .csv as float64; of a .csv two axes.

    Raises
    ------
    DataError
        The file cannot be read, or holds something else than numbers; the row is named.
    """
    suffix = file.suffix.lower()
    if suffix in ARRAYS:
        array = read_array(file)
        if array.dtype.kind not in "iuf":
            raise DataError(f"'{file}' holds {array.dtype}; it must hold numbers.")
        return array.astype(np.float64)
    if suffix != ".csv":
        raise DataError(f"'{file}' is no {', '.join(ARRAYS)} or .csv file.")
    return numbers(read_lines(file), file)


def numbers(lines: list[str], file: Path) -> NDArray[np.float64]:
    """Return a row of numbers per line, commas between; raises DataError, which names the row."""
    rows: list[list[float]] = []
    for number, line in enumerate(lines):
        try:
            rows.append([float(part) for part in line.split(",")])
        except ValueError as err:
            text = str(err).rpartition(": ")[2]
            raise DataError(f"row {number} of '{file}' holds {text}, which is no number.") from None
        if len(rows[-1]) != len(rows[0]):
            raise DataError(
                f"row {number} of '{file}' has {len(rows[-1])} numbers, row 0 has {len(rows[0])}."
            )
    return np.array(rows, dtype=np.float64)


def _require(file: Path) -> None:
    """Raise DataError, with names that are near, unless there is such a file."""
    try:
        if file.is_file():
            return
        guess = files_near(file)
    except OSError as err:
        raise DataError(f"cannot read '{file}': {err.strerror}.") from err
    raise DataError(f"there is no file '{file}'{guess}")
