"""Before and after on the same examples, and whether that is reason enough to write a network."""

from __future__ import annotations

import math
from collections.abc import Sequence
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


def scarcity(
    labels: NDArray[np.int64], available: NDArray[np.int64], classes: Sequence[str]
) -> str | None:
    """Return which class has too few clean labels to believe a gain; None where all have enough.

    Parameters
    ----------
    labels : (n,) of the clean examples.
    available : (N,) of all that there are to draw from; classes that lack there are not missed.
    classes : their names.
    """
    occurring, sizes = np.unique(available, return_counts=True)
    drawn = np.bincount(labels, minlength=len(classes))[occurring]
    rarest = int(np.lexsort((sizes, drawn))[0])
    few, size = int(drawn[rarest]), int(sizes[rarest])
    if few >= LEAST_PER_CLASS:
        return None
    if size <= LEAST_PER_CLASS:
        wanted = f"and the training part has {size}"
    else:
        # where the class's last turn of these comes, see `draws`
        turn = (LEAST_PER_CLASS - 0.5) / size
        enough = math.ceil(turn * len(available) + len(occurring) / 2)
        wanted = f"give about {min(enough, len(available)):,} in all"
    verb = "label is" if few == 1 else "labels are"
    return (
        f"{few} clean {verb} too few of the class '{classes[occurring[rarest]]}' to tell whether a "
        f"new head is better: it takes {LEAST_PER_CLASS} of each, {wanted}."
    )


def refusal(
    held_out: Comparison,
    test: Comparison,
    classes: int,
    clean: int,
    available: int,
    scarce: str | None = None,
) -> str | None:
    """Return why a network should not be written; None where it should.

    Parameters
    ----------
    held_out : on clean examples that had no say in the network.
    test : on the test part.
    classes : number of classes; 0 for regression.
    clean : clean labels in all, of which `held_out` may be a part.
    available : that there are to draw from.
    scarce : of `scarcity`.
    """
    if scarce is not None:
        return scarce
    gain, low, high = held_out.gain
    if not low > 0:
        told = (
            f"{in_points(gain, classes)} on {held_out.count:,} held-out clean labels (95 % "
            f"interval {span(low, high, classes)})"
        )
        if gain <= 0:
            return f"a new head gains nothing: {told}."
        return f"the gain may be chance: {told}; {_enough(held_out, clean, available)}."
    gain, low, high = test.gain
    if high < 0:
        return (
            f"on the test part the fixed network is worse: {in_points(gain, classes)} (95 % "
            f"interval {span(low, high, classes)})."
        )
    return None


def in_points(value: float, classes: int) -> str:
    """Return a signed difference: in percentage points, or of R²."""
    return f"{signed(value, classes)} points" if classes else f"{signed(value, classes)} in R²"


def span(low: float, high: float, classes: int) -> str:
    """Return the ends of an interval of differences, in the unit of `in_points`."""
    return f"{signed(low, classes)} to {signed(high, classes)}"


def signed(value: float, classes: int) -> str:
    """Return a difference with its sign: in percent, or of R²."""
    text = f"{100 * value:+.1f}" if classes else f"{value:+.3f}"
    return text.replace("-", "−")


def _figure(outcomes: Floats, classes: int) -> Figure:
    if not classes:
        return mean_interval(outcomes)
    # estimates of outcomes may leave the range of right and wrong ones
    count = len(outcomes)
    return wilson(min(max(float(outcomes.sum()), 0.0), count), count)


def _enough(held_out: Comparison, clean: int, available: int) -> str:
    """Say how many labels would tell: the interval narrows with the root of their number."""
    gain, low, _ = held_out.gain
    wanted = clean * ((gain - low) / gain) ** 2
    if not math.isfinite(wanted):
        return "these are too few labels to tell"
    unit = 10 ** max(0, math.floor(math.log10(wanted)) - 1)
    needed = math.ceil(wanted / unit) * unit
    if needed > available:
        return f"to tell, about {needed:,} labels would be needed, more than there are"
    return f"these are too few labels to tell, about {needed:,} would do"


def _plain(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
