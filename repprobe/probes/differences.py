"""Paired differences between probes, networks or heads on the same examples, with their errors."""

from __future__ import annotations

import math
from collections.abc import Sequence
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
    wrong, one answer of either sign, of one draw, is added (Bonett & Price 2012), so that the
    interval is honest when few answers differ.
    """
    return paired_layers([differences])[0]


def paired_layers(tables: Sequence[Floats]) -> list[Difference]:
    """Compare as `paired` does at several layers, whose draws tell of each other's error."""
    drawn = of_draws(tables)
    return [_paired(table, parts) for table, parts in zip(tables, drawn, strict=True)]


def paired_with_networks(tables: Sequence[Floats]) -> list[Difference]:
    """Compare several reference networks with one: a table (networks, draws, n) per layer.

    The references' spread tells how far networks that were trained in one way lie apart: it
    enters for their mean and once more for the network that they are compared with, so that
    the answer is about ways of training and not about one network's luck. A single reference
    has no spread to tell. The spread is shared by the layers as the draws' error is.
    """
    spreads = of_draws([table.mean(axis=1) for table in tables])
    return [
        _with(found, [s._replace(variance=s.variance * (len(table) + 1)) for s in spread])
        for found, table, spread in zip(
            paired_layers([table.mean(axis=0) for table in tables]), tables, spreads, strict=True
        )
    ]


def unpaired_draws(pairs: Sequence[tuple[Floats, Floats]]) -> list[Difference]:
    """Compare, per layer, outcomes (a, n) with outcomes (b, n) of other draws on the same examples.

    The draws' errors are shared by the layers, those of either side by themselves.
    """
    ours, theirs = (of_draws([pair[side] for pair in pairs]) for side in (0, 1))
    return [
        _with(paired((a.mean(axis=0) - b.mean(axis=0))[None]), [*one, *other])
        for (a, b), one, other in zip(pairs, ours, theirs, strict=True)
    ]


def _with(found: Difference, parts: Sequence[Component]) -> Difference:
    """Return a difference with more sources of error, if its error is known at all."""
    if not found.components:
        return found
    return found._replace(components=(*found.components, *parts))


def _paired(differences: Floats, drawn: tuple[Component, ...]) -> Difference:
    value = float(differences.mean())
    if differences.shape[1] < 2:
        return without_error(value)
    centre, examples = _examples(differences)
    return Difference(value, centre, (examples, *drawn))


def _examples(differences: Floats) -> tuple[float, Component]:
    """Return the mean of differences (draws, n), and its error from the finite test set."""
    means = differences.mean(axis=0)
    if np.isin(differences, (-1, 0, 1)).all():
        means = np.concatenate([means, np.array([-1.0, 1.0]) / len(differences)])
    n = len(means)
    return float(means.mean()), Component(float(means.var(ddof=1)) / n, n - 1)


def of_draws(tables: Sequence[Floats]) -> list[tuple[Component, ...]]:
    """Return, per table (draws, n), the error of its mean from the draws; none of a single draw.

    Tables of the same shape are one network's layers on the same draws.
    """
    found: list[tuple[Component, ...]] = [()] * len(tables)
    for draws, n in {table.shape for table in tables}:
        if draws > 1 and n > 1:
            places = [i for i, table in enumerate(tables) if table.shape == (draws, n)]
            for i, part in zip(places, _pooled([tables[i] for i in places]), strict=True):
                found[i] = (part,)
    return found


def _pooled(tables: Sequence[Floats]) -> list[Component]:
    """Return the errors from the draws of layers whose tables have the same shape (draws, n).

    What draws and examples give together is already in the error of the examples, and is
    subtracted, as in an analysis of variance; but with f degrees of freedom only f² / (f² + 4) of
    it, since the difference of two mean squares is too often far too small with few draws (in
    simulations, all of it subtracted, intervals of three draws of a single layer covered down to
    92 %, those of two down to 89 %). Few draws tell little of one layer's variance. So
    the layers share it (cf. Smyth 2004), in proportion to what draws and examples give together,
    which is known well; no layer gets less than its own draws show. The freedom is that of as
    many independent layers as Kish's (1965) design effect leaves of them, given how draws and
    examples together correlate between layers. (Satterthwaite's would take squared correlations;
    but the draws' own effects correlate more than what is seen here.)
    """
    draws, n = tables[0].shape
    rests = np.stack(
        [(t - t.mean(axis=1)[:, None] - t.mean(axis=0) + t.mean()).ravel() for t in tables]
    )
    products = rests @ rests.T / ((draws - 1) * (n - 1) * n)
    both = np.diag(products)
    means = np.array([t.mean(axis=1).var(ddof=1) for t in tables])
    if not both.sum():
        return [Component(float(v) / draws, draws - 1) for v in means]
    root = np.sqrt(both)
    freedom = (draws - 1) * both.sum() ** 2 / float((root[:, None] * abs(products) * root).sum())
    own = np.maximum(0, means - both * freedom**2 / (freedom**2 + 4))
    variances = np.maximum(own, both * own.sum() / both.sum()) / draws
    return [Component(float(v), freedom) for v in variances]
