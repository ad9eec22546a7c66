"""Every error that repprobe raises on purpose, in one small tree."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from pathlib import Path


class RepprobeError(Exception):
    """Something the user can mend; the message is one line that says what and how."""


class UsageError(RepprobeError, ValueError):
    """An option or argument has a value that cannot be used."""


class UnknownNameError(UsageError):
    """A name (data set, layer, architecture, …) that does not exist."""

    @classmethod
    def near(cls, kind: str, name: str, known: Iterable[str], hint: str = "") -> UnknownNameError:
        """Build the error for `name`, with the nearest of the `known` names.

        `kind` is the field's word for what was looked for ("data set", "layer"); `hint` is a
        closing phrase that says how to list all names.
        """
        near = nearest(name, known)
        guess = f"; did you mean {' or '.join(near)}?" if near else "."
        return cls(f"no {kind} is named '{name}'{guess}{' ' + hint if hint else ''}")


class DataError(RepprobeError):
    """The data cannot be read, or does not fit what is asked of it."""


class CheckpointError(RepprobeError):
    """The checkpoint cannot be read, or its architecture is unknown."""


class UnsafeCheckpointError(CheckpointError):
    """The checkpoint asks to run code; it was refused and nothing of it ran."""


class CaptureError(RepprobeError):
    """The network cannot be run on the data, or no layer can be recorded."""


class ProbeError(RepprobeError):
    """A probe cannot be fitted to these features and labels."""


class OutputError(RepprobeError):
    """The results cannot be written."""


def nearest(name: str, known: Iterable[str], count: int = 3) -> list[str]:
    """Return up to `count` of the `known` names that look like `name`, the likest first."""
    table = {k.lower(): k for k in known}
    hits = difflib.get_close_matches(name.lower(), table, n=count, cutoff=0.5)
    return [table[h] for h in hits]


def files_near(path: Path, *, folders: bool = False) -> str:
    """Return the end of a sentence on a file that is not there: a guess, or a full stop.

    Names are compared without their suffixes, which are alike in files that have nothing to do
    with each other; with `folders`, those of folders are too.
    """
    try:
        beside = [p for p in path.parent.iterdir() if folders or p.is_file()]
    except OSError:
        return "."
    rated = [(_likeness(path.stem, p.stem), _likeness(path.name, p.name), p.name) for p in beside]
    near = [name for stem, _, name in sorted(rated, reverse=True) if stem >= _LIKE_FILES]
    return f"; did you mean {' or '.join(near[:3])}?" if near else "."


_LIKE_FILES = 0.7


def _likeness(one: str, other: str) -> float:
    return difflib.SequenceMatcher(None, one.lower(), other.lower()).ratio()
