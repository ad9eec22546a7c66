"""Files that are written whole or not at all."""

from __future__ import annotations

import glob
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """Give a stream to write to; it becomes `path` at the end, or nothing if anything is raised.

    Several processes and threads may write the same path at once: the last to end wins. Raises
    OSError.
    """
    # as `remove_leftovers` knows
    aside = path.with_name(f".{path.name}.{os.getpid()}-{secrets.token_hex(4)}")
    try:
        with aside.open("wb") as stream:
            yield stream
        aside.replace(path)
    finally:
        aside.unlink(missing_ok=True)


def remove_leftovers(path: Path) -> None:
    """Remove what processes that were killed while they wrote `path` left beside it."""
    for aside in path.parent.glob(f".{glob.escape(path.name)}.*"):
        process = aside.suffix[1:].partition("-")[0]
        if process.isdecimal() and not _is_alive(int(process)):
            aside.unlink(missing_ok=True)


def _is_alive(process: int) -> bool:
    if os.name != "posix":  # elsewhere the signal 0 is not a question
        return True
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
