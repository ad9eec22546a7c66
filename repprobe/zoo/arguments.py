"""Checks that the networks' arguments share."""

from __future__ import annotations

import math
from collections.abc import Iterable

from repprobe.errors import UsageError


def require_positive(**values: int) -> None:
    """Raise UsageError unless every value is a whole number above 0."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise UsageError(f"{name} must be a whole number above 0, not {value!r}.")


def scaled(size: int, width: float) -> int:
    """Return the size, a number of channels or units, times the factor `width`, rounded.

    Raises UsageError unless the factor is a number above 0 that leaves one channel or more.
    """
    number = isinstance(width, int | float) and not isinstance(width, bool)
    if not number or not math.isfinite(width) or width <= 0:
        raise UsageError(f"width must be a factor above 0, such as 0.125, not {width!r}.")
    if not (result := round(size * width)):
        raise UsageError(f"width {width} leaves nothing of {size} channels; take a larger one.")
    return result


def require_one_of(name: str, value: str, choices: Iterable[str]) -> None:
    """Raise UsageError unless `value` is one of the choices."""
    choices = tuple(choices)
    if value not in choices:
        raise UsageError(f"{name} must be {' or '.join(choices)}, not {value!r}.")
