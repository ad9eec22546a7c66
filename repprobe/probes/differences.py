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
    components : the sources of its error; none where it is unknown.
    """

    value: float
    centre: float
    components: tuple[Component, ...]

    def interval(self) -> Figure:
        """Return the value and the ends of its 95 % interval; NaN where the error is unknown."""
        if not self.components:
            return Figure(self.value, math.nan, math.nan)
        half = self._reach(0.025)
        low, high = self.centre - half, self.centre + half
        return Figure(self.value, min(self.value, low), max(self.value, high))

    def p_above(self, margin: float) -> float:
        """Return the one-sided p value of a difference ≤ `margin`; NaN without an error."""
        from scipy.optimize import brentq

        if not self.components:
            return math.nan
        excess = abs(self.centre - margin)
        if excess >= self._reach(_LEAST_P):
            p = _LEAST_P
        else:
            ends = math.log(_LEAST_P), math.log(0.5)
            p = math.exp(brentq(lambda log: self._reach(math.exp(log)) - excess, *ends))
        return p if self.centre > margin else 1 - p

    def _reach(self, p: float) -> float:
        """Return how far the centre lies from the truth at most, but for a share p on each side.

        The reaches of the components, each by its own Student's t, are added in squares (Howe
        1974; Graybill & Wang 1980): exact where one of them dominates, unlike a common t with
        Satterthwaite's degrees of freedom, which covers too little where few draws dominate.
        """
        from scipy.stats import t

        return math.sqrt(sum(float(t.isf(p, c.freedom)) ** 2 * c.variance for c in self.components))


def without_error(value: float) -> Difference:
    """Return a difference of which nothing but its value is known."""
    return Difference(value, value, ())


UNKNOWN = without_error(math.nan)

_LEAST_P = 1e-100


def paired(differences: Floats) -> Difference:
    """Compare two probes on the same examples and the same draws of clean labels.

    Parameters
    ----------
    differences : (draws, n) one outcome minus the other. With one draw the answer is about these
        two probes; with several about the mean over draws.

    Notes
    -----
    Errors of the finite test set and of the draws are added. Where the outcomes are right or
    wrong, one example of either sign is added (Bonett & Price 2012), so that the interval is
    honest when few answers differ.
    """
    value = float(differences.mean())
    if differences.shape[1] < 2:
        return without_error(value)
    centre, examples = _examples(differences)
    return Difference(value, centre, (examples, *_draws(differences)))


def paired_with_networks(differences: Floats) -> Difference:
    """Compare several reference networks with one network: differences (networks, draws, n).

    The references' spread tells how far networks that were trained in one way lie apart: it
    enters for their mean and once more for the network that they are compared with, so that
    the answer is about ways of training and not about one network's luck. A single reference
    has no spread to tell.
    """
    networks, found = len(differences), paired(differences.mean(axis=0))
    if networks == 1 or not found.components:
        return found
    spread = float(differences.mean(axis=(1, 2)).var(ddof=1)) * (1 + 1 / networks)
    return found._replace(components=(*found.components, Component(spread, networks - 1)))


def unpaired_draws(ours: Floats, theirs: Floats) -> Difference:
    """Compare outcomes (a, n) with outcomes (b, n) of other draws on the same examples."""
    found = paired((ours.mean(axis=0) - theirs.mean(axis=0))[None])
    if not found.components:
        return found
    return found._replace(components=(*found.components, *_draws(ours), *_draws(theirs)))


def _examples(differences: Floats) -> tuple[float, Component]:
    """Return the mean of differences (draws, n), and its error from the finite test set."""
    means = differences.mean(axis=0)
    if np.isin(differences, (-1, 0, 1)).all():
        means = np.concatenate([means, [-1.0, 1.0]])
    n = len(means)
    return float(means.mean()), Component(float(means.var(ddof=1)) / n, n - 1)


def _draws(table: Floats) -> tuple[Component, ...]:
    """Return the error of the mean of a table (draws, n) from the draws; none of a single draw.

    What draws and examples give together is already in the error of the examples, and is
    subtracted, as in an analysis of variance.
    """
    draws, n = table.shape
    if draws == 1:
        return ()
    means = table.mean(axis=1)
    rest = table - means[:, None] - table.mean(axis=0) + table.mean()
    both = float((rest**2).sum()) / ((draws - 1) * (n - 1) * n)
    return (Component(max(0.0, float(means.var(ddof=1)) - both) / draws, draws - 1),)
