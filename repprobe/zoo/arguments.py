"""Checks that the networks' arguments share."""

from __future__ import annotations

from collections.abc import Iterable

from repprobe.errors import UsageError


def require_positive(**values: int) -> None:
    """Raise UsageError unless every value is a whole number above 0."""
    for name, value in values.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise UsageError(f"{name} must be a whole number above 0, not {value!r}.")


def require_one_of(name: str, value: str, choices: Iterable[str]) -> None:
    """Raise UsageError unless `value` is one of the choices."""
    choices = tuple(choices)
    if value not in choices:
        raise UsageError(f"{name} must be {' or '.join(choices)}, not {value!r}.")
