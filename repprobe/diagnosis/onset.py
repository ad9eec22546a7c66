"""Where damage begins: the first layer whose damage is more than a margin, and no accident."""

from __future__ import annotations

import math
from collections.abc import Sequence

MARGIN = 0.01
"""A smaller drop is not called damage: networks trained in the same way with other seeds differ
by as much."""

LEVEL = 0.05
"""Share of networks without damage of which an onset is reported, at most."""


def holm(p_values: Sequence[float]) -> list[float]:
    """Correct p values for their number (Holm 1979); NaN stays and does not count."""
    order = sorted(
        (i for i, p in enumerate(p_values) if not math.isnan(p)), key=lambda i: p_values[i]
    )
    corrected, least = [math.nan] * len(p_values), 0.0
    for place, i in enumerate(order):
        least = max(least, min(1.0, (len(order) - place) * p_values[i]))
        corrected[i] = least
    return corrected


def onset(layers: Sequence[str], corrected: Sequence[float]) -> str | None:
    """Return the first layer whose corrected p value is at most `LEVEL`; None if there is none.

    `layers` are in the order of execution.
    """
    return next((la for la, p in zip(layers, corrected, strict=True) if p <= LEVEL), None)
