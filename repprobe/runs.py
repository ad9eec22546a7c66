"""A run on disk: a folder that is written whole or not at all, and reading it back."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from repprobe.errors import DataError, OutputError
from repprobe.probes.scores import Scores

SCORES, INFO = "scores.csv", "run.json"
_RESERVE = 4_000_000
"""Bytes that must be free before work starts whose result is to be written."""


@dataclass(frozen=True)
class Run:
    """Everything one command measured.

    Attributes
    ----------
    scores : the long table.
    info : what `run.json` holds: command, versions, seeds, provenance, timings, verdicts.
    folder : where it lies, or None while it is in memory only.
    """

    scores: Scores
    info: dict[str, Any] = field(default_factory=dict)
    folder: Path | None = None

    def write(self, folder: Path) -> None:
        """Write `scores.csv` and `run.json` into an existing folder."""
        (folder / SCORES).write_text(self.scores.to_csv(), encoding="utf-8")
        text = json.dumps(self.info, indent=2, ensure_ascii=False, allow_nan=False)
        (folder / INFO).write_text(text + "\n", encoding="utf-8")


def read_run(folder: str | os.PathLike[str]) -> Run:
    """Read a run folder.

    Raises
    ------
    DataError
        The folder does not hold a run.
    """
    path = Path(folder)
    try:
        scores = Scores.from_csv((path / SCORES).read_text(encoding="utf-8"))
        info = json.loads((path / INFO).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"'{path}' is not the folder of a run: {_reason(error)}.") from None
    return Run(scores, info, path)


@contextlib.contextmanager
def run_folder(target: str | os.PathLike[str]) -> Iterator[Path]:
    """Give an empty folder to write into; it becomes `target` when the block ends well.

    After an exception, Ctrl-C included, nothing is left. A run that lies at `target` already is
    replaced; anything else there is left alone.

    Raises
    ------
    OutputError
        The target cannot be written: permissions, a full disk, or something else lies there.
    """
    path = Path(target)
    _check_target(path)
    made: list[Path] = []
    aside: Path | None = None
    try:
        with _explained(path):
            _make_parents(path.parent, made)
            aside = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
            aside.chmod(0o755)
            _check_space(path.parent)
        # What the caller raises is the caller's; only writing is explained.
        with _explained(path, only=(errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EROFS)):
            yield aside
        with _explained(path):
            _put_in_place(aside, path)
            made.clear()
    finally:
        if aside is not None:
            shutil.rmtree(aside, ignore_errors=True)
        for parent in reversed(made):
            with contextlib.suppress(OSError):
                parent.rmdir()


def free_name(folder: str | os.PathLike[str]) -> Path:
    """Return `folder`, or the first of folder-2, folder-3, … that does not exist."""
    path = Path(folder)
    number = 1
    while path.exists():
        number += 1
        path = Path(f"{folder}-{number}")
    return path


def _check_target(path: Path) -> None:
    if path.is_dir():
        if (path / SCORES).exists() and (path / INFO).exists():
            return
        if any(path.iterdir()):
            raise OutputError(f"'{path}' holds files that are no run; name another --out folder.")
    elif path.exists() or path.is_symlink():
        raise OutputError(f"'{path}' is a file; name another --out folder.")


def _make_parents(folder: Path, made: list[Path]) -> None:
    if folder.exists():
        return
    _make_parents(folder.parent, made)
    folder.mkdir()
    made.append(folder)


def _check_space(folder: Path) -> None:
    if shutil.disk_usage(folder).free < _RESERVE:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _put_in_place(aside: Path, path: Path) -> None:
    if path.is_dir():
        old = Path(tempfile.mkdtemp(prefix=f".{path.name}.old.", dir=path.parent))
        path.rename(old / path.name)
        try:
            aside.rename(path)
        except OSError:
            (old / path.name).rename(path)
            raise
        finally:
            shutil.rmtree(old, ignore_errors=True)
    else:
        aside.rename(path)


@contextlib.contextmanager
def _explained(path: Path, only: tuple[int, ...] | None = None) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if only is not None and error.errno not in only:
            raise
        raise OutputError(f"'{path}' cannot be written: {_reason(error)}.") from None


def _reason(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error).splitlines()[0] if str(error) else type(error).__name__
