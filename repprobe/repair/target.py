"""The files that a repair writes: checked before any work is done, in place only when whole."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from repprobe.errors import OutputError, RepprobeError, UsageError
from repprobe.repair.answers import answers

if TYPE_CHECKING:
    from repprobe.checkpoints import Model
    from repprobe.repair.job import Job

_CHECKED = 256
"""Test examples that a written file is asked, to see that it gives the answers reported."""

_TOLERANCE = 1e-3
"""Relative difference of answers that batches of other sizes may make."""


def check_target(path: Path, others: dict[str, Path | None]) -> None:
    """Raise UsageError or OutputError for a file that must not or cannot be written.

    Parameters
    ----------
    others : files that it must not be, by what they are.
    """
    for what, other in others.items():
        if other is not None and _is_same(path, other):
            raise UsageError(f"'{path}' is {what}, which stays as it is; name another file.")
    if path.is_dir():
        raise UsageError(f"'{path}' is a folder; name a file, e.g. '{path / 'fixed.pt'}'.")
    folder = path.parent
    if not folder.is_dir():
        raise OutputError(f"'{path}' cannot be written: there is no folder '{folder}'.")
    if not os.access(folder, os.W_OK):
        raise OutputError(f"'{path}' cannot be written: the folder '{folder}' is read-only.")


def write(job: Job, models: Sequence[Model], out: Path | None, export: Path | None) -> None:
    """Write the checkpoint and the program, each where it is given.

    Both are written aside; the checkpoint of a network that came from one is opened again and
    asked about some test examples. Only then they are put in place, one right after the other;
    where the second cannot be, the first is taken back.

    Raises
    ------
    OutputError
        A file cannot be written, or does not answer as the networks do.
    """
    with ExitStack() as stack:
        asides = {path: _aside(path, stack) for path in (out, export) if path is not None}
        if export is not None:
            from repprobe.repair.export import export_program

            with _named(export, asides[export]):
                export_program(models, job.data, asides[export])
        if out is not None:
            from repprobe.repair.writing import write_fixed

            with _named(out, asides[out]):
                write_fixed(job.source, models, asides[out])
                if job.source is not None:  # what is in memory alone may have no name to open it
                    _check(job, models, asides[out], out)
        _put_in_place(asides)


def _aside(path: Path, stack: ExitStack) -> Path:
    try:
        folder = stack.enter_context(TemporaryDirectory(prefix=f".{path.name}.", dir=path.parent))
    except OSError as error:
        raise OutputError(f"'{path}' cannot be written: {error.strerror}.") from None
    return Path(folder) / path.name


def _put_in_place(asides: dict[Path, Path]) -> None:
    """Rename all files, or none of them."""
    undo = ExitStack()
    path: Path | None = None
    try:
        for path, aside in asides.items():
            if not path.exists():
                aside.replace(path)
                undo.callback(path.unlink)
                continue
            before = aside.with_name(f"before-{aside.name}")
            with suppress(OSError):  # not every file system gives a file two names
                os.link(path, before)
                undo.callback(before.replace, path)
            aside.replace(path)
    except OSError as error:
        undo.close()
        raise OutputError(f"'{path}' cannot be written: {error.strerror}.") from None


@contextmanager
def _named(path: Path, aside: Path) -> Iterator[None]:
    """Let errors tell of the file that the user named."""
    try:
        yield
    except RepprobeError as error:
        raise type(error)(str(error).replace(str(aside), str(path))) from None


def _check(job: Job, models: Sequence[Model], aside: Path, path: Path) -> None:
    """Raise OutputError where a file's networks do not answer as those that were written."""
    from repprobe.checkpoints.loading import load_networks

    settings = job.settings
    # what was found for the networks holds, whatever the new head would make of it
    known = {**settings.opening, "preprocess": job.models[0].preprocessing.name}
    found = load_networks(aside, data=job.data, image_size=job.image_size, **known)
    count = len(job.data.test)
    rows = np.unique(np.linspace(0, count - 1, min(_CHECKED, count)).astype(np.int64))
    for model, again in zip(models, found, strict=True):
        ours, theirs = (
            answers(m, job.data, settings, job.device, job.progress, test_rows=rows)
            for m in (model, again)
        )
        if ours.shape != theirs.shape or not (
            abs(ours - theirs).max() <= _TOLERANCE * abs(ours).max()
        ):
            raise OutputError(
                f"'{path}' was not written: opened again, the file does not answer as the network "
                "that was measured."
            )


def _is_same(path: Path, other: Path) -> bool:
    if path.exists() and other.exists():
        return path.samefile(other)
    return path.resolve() == other.resolve()
