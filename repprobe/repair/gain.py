"""Before and after on the same examples, and whether that is reason enough to write a network."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from repprobe.probes.intervals import gain_interval, mean_interval, wilson

LEAST_PER_CLASS = 5
"""Clean labels per class below which a gain is not believed."""

Floats = NDArray[np.floating]
Figure = tuple[float, float, float]
"""A value and its 95 % interval."""


@dataclass(frozen=True)
class Comparison:
    """Accuracy or R² of two networks on the same examples, each with its 95 % interval.

    Attributes
    ----------
    count : number of examples.
    before, after : of the network as it was, and as it would be.
    gain : after minus before, with a paired interval.
    """

    count: int
    before: Figure
    after: Figure
    gain: Figure

    @classmethod
    def of(
        cls, before: Floats, after: Floats, classes: int, spread: float | None = None
    ) -> Comparison:
        """Compare outcomes (n,), as in `probes.outcomes.Outcomes`; see `gain_interval`."""
        sides = [_figure(outcomes, classes) for outcomes in (before, after)]
        return cls(len(after), sides[0], sides[1], gain_interval(after, before, spread))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; NaN as None."""
        figures = {
            name: {key: _plain(v) for key, v in zip(("value", "low", "high"), figure, strict=True)}
            for name, figure in (
                ("before", self.before),
                ("after", self.after),
                ("gain", self.gain),
            )
        }
        return {"examples": self.count, **figures}


def refusal(held_out: Comparison, test: Comparison, classes: int, available: int) -> str | None:
    """Return why a network should not be written; None where it should.

    Parameters
    ----------
    held_out : on clean examples that had no say in the network.
    test : on the test part.
    classes : that occur among the clean labels; 0 for regression.
    available : clean labels that there are to draw from.
    """
    if held_out.count < LEAST_PER_CLASS * classes:
        return (
            f"{held_out.count:,} clean labels of {classes} classes are too few to tell whether a "
            f"new head is better; give {LEAST_PER_CLASS} per class or more."
        )
    gain, low, high = held_out.gain
    if not low > 0:
        told = (
            f"{in_points(gain, classes)} on {held_out.count:,} held-out clean labels (95 % "
            f"interval {span(low, high, classes)})"
        )
        if gain <= 0:
            return f"a new head gains nothing: {told}."
        return f"the gain may be chance: {told}; {_enough(held_out, available)}."
    gain, low, high = test.gain
    if high < 0:
        return (
            f"on the test part the fixed network is worse: {in_points(gain, classes)} (95 % "
            f"interval {span(low, high, classes)})."
        )
    return None


def in_points(value: float, classes: int) -> str:
    """Return a signed difference: in percentage points, or of R²."""
    return f"{100 * value:+.1f} points" if classes else f"{value:+.3f} in R²"


def span(low: float, high: float, classes: int) -> str:
    """Return the ends of an interval of differences, in the unit of `in_points`."""
    return f"{100 * low:+.1f} to {100 * high:+.1f}" if classes else f"{low:+.3f} to {high:+.3f}"


def _figure(outcomes: Floats, classes: int) -> Figure:
    if not classes:
        return mean_interval(outcomes)
    # estimates of outcomes may leave the range of right and wrong ones
    count = len(outcomes)
    return wilson(min(max(float(outcomes.sum()), 0.0), count), count)


def _enough(held_out: Comparison, available: int) -> str:
    """Say how many labels would tell: the interval narrows with the root of their number."""
    gain, low, _ = held_out.gain
    wanted = held_out.count * ((gain - low) / gain) ** 2
    if not math.isfinite(wanted):
        return "these are too few labels to tell"
    unit = 10 ** max(0, math.floor(math.log10(wanted)) - 1)
    needed = math.ceil(wanted / unit) * unit
    if needed > available:
        return f"to tell, about {needed:,} labels would be needed, more than there are"
    return f"these are too few labels to tell, about {needed:,} would do"


def _plain(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
