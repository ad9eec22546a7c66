"""Checks that the methods' hyper-parameters share; they arrive as the user wrote them."""

from __future__ import annotations

import math
from typing import Any

from repprobe.errors import UsageError


def require_number(
    name: str,
    value: Any,
    *,
    above: float | None = None,
    least: float | None = None,
    below: float | None = None,
    most: float | None = None,
) -> None:
    """Raise UsageError unless `value` is a finite number within the bounds.

    `name` says what it is, e.g. "q of gce".
    """
    bounds = {"above": above, "at least": least, "below": below, "at most": most}
    good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not (
        good
        and (above is None or value > above)
        and (least is None or value >= least)
        and (below is None or value < below)
        and (most is None or value <= most)
    ):
        range_ = " and ".join(f"{k} {v:g}" for k, v in bounds.items() if v is not None)
        raise UsageError(f"{name} is {value!r}; it has to be a number {range_}.")


def require_whole(name: str, value: Any, least: int) -> None:
    """Raise UsageError unless `value` is a whole number of at least `least`."""
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        raise UsageError(f"{name} is {value!r}; it has to be a whole number, {least} or more.")


def require_flag(name: str, value: Any) -> None:
    """Raise UsageError unless `value` is True or False."""
    if not isinstance(value, bool):
        raise UsageError(f"{name} is {value!r}; it has to be True or False.")


def require_longer(method: str, warmup: int, epochs: int) -> None:
    """Raise UsageError where a run ends before, or with, the method's warm-up."""
    if epochs <= warmup:
        raise UsageError(
            f"{method} begins after {warmup} epochs of warm-up, but the run has {epochs}; "
            "train longer, or give a smaller warmup."
        )
