"""`parse_classes`: which output of a network is which class, as the user says it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from repprobe.checkpoints.evidence.class_order import UNUSED
from repprobe.errors import UnknownNameError, UsageError, files_near, nearest

_LONGEST = 4096
"""Characters up to which a text can be the path of a file."""


def parse_classes(text: str, classes: Sequence[str]) -> tuple[int, ...]:
    """Read the names of a network's outputs, in their order.

    Parameters
    ----------
    text : names with commas between them; or a file with one name per line. `-` stands for an
        output that is none of the classes; where there are more names than classes, other names
        do, too.
    classes : the C names of the data.

    Returns
    -------
    tuple of int
        For each class of the data, the index of its output.

    Raises
    ------
    UnknownNameError
        A name is none of the classes, though there are no more names than classes.
    UsageError
        A class is missing or named twice, or the file cannot be read.
    """
    names = _names(text)
    known = {name: place for place, name in enumerate(classes)}
    order: dict[int, int] = {}
    for output, name in enumerate(names):
        place = known.get(name)
        if place is None:
            if len(names) <= len(classes) and name != UNUSED:
                raise UnknownNameError.near("class", name, classes, f"There are {_some(classes)}.")
            continue
        if place in order:
            raise UsageError(
                f"the class '{name}' is named twice, for the outputs {order[place] + 1} and "
                f"{output + 1}."
            )
        order[place] = output
    missing = [name for place, name in enumerate(classes) if place not in order]
    if missing:
        near = nearest(missing[0], [n for n in names if n not in known])
        guess = f"; is '{near[0]}' meant for {missing[0]}?" if near else "."
        raise UsageError(
            f"{len(names)} names for the outputs, and among them not "
            f"{_some(missing)}, of {len(classes)} classes{guess}"
        )
    return tuple(order[place] for place in range(len(classes)))


def _names(text: str) -> list[str]:
    """Split a text, or read a file where the text is the path of one."""
    path = Path(text)
    if len(text) < _LONGEST and _is_file(path):
        try:
            lines = path.read_text(encoding="utf-8-sig").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            reason = getattr(error, "strerror", None) or "it is not UTF-8 text"
            raise UsageError(f"the file of classes '{path}' cannot be read: {reason}.") from None
        return [line.strip() for line in lines if line.strip()]
    if "," not in text and (path.suffix or "/" in text):
        raise UsageError(f"there is no file of classes '{path}'{files_near(path)}")
    return [name.strip() for name in text.split(",")]


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # too long for a path, or a character no path has
        return False


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(names[:5])
    return shown if len(names) <= 5 else f"{shown} and {len(names) - 5} more"
