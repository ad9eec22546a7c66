"""Paired differences between probes, networks or heads on the same examples, with their errors."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating]


class Figure(NamedTuple):
    """A figure and the ends of its 95 % interval; NaN where they could not be had."""

    value: float
    low: float
    high: float


class Component(NamedTuple):
    """One source of error: the variance it gives a mean, and its degrees of freedom."""

    variance: float
    freedom: float


class Difference(NamedTuple):
    """A mean difference and what is known of its error.

    Attributes
    ----------
    value : as it was observed.
    centre : of the interval; for right and wrong answers drawn slightly towards 0.
    error : standard error.
    freedom : degrees of freedom of Student's t.
    """

    value: float
    centre: float
    error: float
    freedom: float

    def interval(self) -> Figure:
        """Return the value and the ends of its 95 % interval; NaN where the error is unknown."""
        from scipy.stats import t

        if math.isnan(self.error):
            return Figure(self.value, math.nan, math.nan)
        half = float(t.ppf(0.975, self.freedom)) * self.error
        low, high = self.centre - half, self.centre + half
        return Figure(self.value, min(self.value, low), max(self.value, high))

    def p_above(self, margin: float) -> float:
        """Return the one-sided p value of a difference ≤ `margin`; NaN without an error."""
        from scipy.stats import t

        excess = self.centre - margin
        if math.isnan(self.error):
            return math.nan
        if self.error == 0:
            return 0.0 if excess > 0 else 1.0
        return float(t.sf(excess / self.error, self.freedom))


def without_error(value: float) -> Difference:
    """Return a difference of which nothing but its value is known."""
    return Difference(value, value, math.nan, math.nan)


UNKNOWN = without_error(math.nan)


def paired(differences: Floats) -> Difference:
    """Compare two probes on the same examples and the same draws of clean labels.

    Parameters
    ----------
    differences : (draws, n) one outcome minus the other. With one draw the answer is about these
        two probes; with several about the mean over draws.

    Notes
    -----
    Errors of the finite test set and of the draws are added; Student's t has Satterthwaite's
    degrees of freedom. Where the outcomes are right or wrong, one example of either sign is
    added (Bonett & Price 2012), so that the interval is honest when few answers differ.
    """
    return _sum(differences, [])


def paired_with_networks(differences: Floats) -> Difference:
    """Compare several reference networks with one network: differences (networks, draws, n).

    The references' spread tells how far networks that were trained in one way lie apart: it
    enters for their mean and once more for the network that they are compared with, so that
    the answer is about ways of training and not about one network's luck. A single reference
    has no spread to tell.
    """
    networks = len(differences)
    if networks == 1:
        return paired(differences[0])
    spread = float(differences.mean(axis=(1, 2)).var(ddof=1)) * (1 + 1 / networks)
    return _sum(differences.mean(axis=0), [Component(spread, networks - 1)])


def unpaired_draws(ours: Floats, theirs: Floats) -> Difference:
    """Compare outcomes (a, n) with outcomes (b, n) of other draws on the same examples."""
    others = [_rows(side) for side in (ours, theirs) if len(side) > 1]
    return _sum((ours.mean(axis=0) - theirs.mean(axis=0))[None], others)


def _sum(differences: Floats, others: list[Component]) -> Difference:
    """Return the mean of differences (draws, n) and its error, other sources added."""
    value = float(differences.mean())
    centre, examples = _examples(differences)
    parts = [examples, *others]
    if len(differences) > 1:
        parts.append(_rows(differences))
    total = sum(part.variance for part in parts)
    below = sum(part.variance**2 / part.freedom for part in parts)
    freedom = total**2 / below if below > 0 else math.inf
    return Difference(value, centre, math.sqrt(total), freedom)


def _examples(differences: Floats) -> tuple[float, Component]:
    """Return the mean of differences (draws, n), and its error from the finite test set."""
    means = differences.mean(axis=0)
    if np.isin(differences, (-1, 0, 1)).all():
        means = np.concatenate([means, [-1.0, 1.0]])
    n = len(means)
    variance = float(means.var(ddof=1)) / n if n > 1 else math.nan
    return float(means.mean()), Component(variance, max(n - 1, 1))


def _rows(table: Floats) -> Component:
    """Return the error of the mean of a table (rows, n) from the draw of its rows."""
    rows = len(table)
    return Component(float(table.mean(axis=1).var(ddof=1)) / rows, rows - 1)
