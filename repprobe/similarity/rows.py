"""The rows of the score table that similarity gives."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from repprobe.errors import DataError
from repprobe.probes.intervals import over_draws
from repprobe.probes.scores import ALL, INPUT, Score, Scores
from repprobe.similarity.centred import Centred
from repprobe.similarity.cka import jackknife
from repprobe.similarity.rank import effective_rank
from repprobe.similarity.sketch import Sketch

Interval = tuple[float, float, float]
"""A value and the ends of its 95 % interval; NaN where there is none."""


def similarity_rows(model: str, sketch: Sketch, references: Sequence[Sketch] = ()) -> Scores:
    """Return the `cka` and `effective_rank` rows of a network.

    Parameters
    ----------
    model : label of the network in the table.
    sketch, references : of the network and of those that it is compared with, on the same
        examples.

    Returns
    -------
    Per layer that is also in a reference its debiased linear CKA to the same layer there, the
    mean over references, with a 95 % interval (over examples by the jackknife, and over
    references if there are several); per layer its effective rank, without an interval. Layers
    where either cannot be had have NaN. The raw input is the same for all and has no `cka`.

    Raises
    ------
    DataError : the sketches are of different examples.
    """
    _same_examples([sketch, *references])
    rows = []
    for order, (layer, features) in enumerate(sketch.layers.items()):
        x = Centred(features)
        theirs = [Centred(r.layers[layer]) for r in references if layer in r.layers]
        if theirs and layer != INPUT:
            figure = _over_examples([jackknife(x, y) for y in theirs])
            rows.append(_row(model, layer, order, features, "cka", figure))
        rank = (effective_rank(x), math.nan, math.nan)
        rows.append(_row(model, layer, order, features, "effective_rank", rank))
    return Scores(rows)


def agreement_rows(model: str, sketches: Sequence[Sketch]) -> Scores:
    """Return the `cka` and `effective_rank` rows of several networks under one label.

    Parameters
    ----------
    model : their label in the table.
    sketches : of networks that differ in their seed, on the same examples.

    Returns
    -------
    Per layer the mean CKA over all pairs of networks, with a 95 % interval over examples and
    networks if there are three or more, and the mean effective rank; nothing for a single
    network but its effective rank.

    Raises
    ------
    DataError : the sketches are of different examples.
    """
    _same_examples(sketches)
    rows = []
    for order, (layer, features) in enumerate(sketches[0].layers.items()):
        xs = [Centred(s.layers[layer]) for s in sketches if layer in s.layers]
        if len(xs) > 1 and layer != INPUT:
            rows.append(_row(model, layer, order, features, "cka", _over_pairs(xs)))
        ranks = [effective_rank(x) for x in xs]
        rank = (float(np.mean(ranks)), math.nan, math.nan)
        rows.append(_row(model, layer, order, features, "effective_rank", rank))
    return Scores(rows)


def _over_examples(found: Sequence[tuple[float, NDArray[np.float64]]]) -> Interval:
    """Return the mean of CKAs with an interval over examples, and over what they are of."""
    value = float(np.mean([figure for figure, _ in found]))
    return _around(value, np.stack([pseudo for _, pseudo in found]))


def _over_pairs(xs: Sequence[Centred]) -> Interval:
    """Return the mean CKA over pairs with an interval over examples and networks.

    A mean over pairs varies with the networks as the mean of each one's part in it does, which
    is twice the mean of its pairs less the mean of all (Hoeffding 1948). Of two networks there
    is one pair, which cannot tell how much pairs differ.
    """
    count = len(xs)
    found = {(i, j): jackknife(xs[i], xs[j]) for i, j in itertools.combinations(range(count), 2)}
    value = float(np.mean([figure for figure, _ in found.values()]))
    if count < 3:
        return value, math.nan, math.nan
    overall = np.mean([pseudo for _, pseudo in found.values()], axis=0)
    parts = [
        2 * np.mean([pseudo for pair, (_, pseudo) in found.items() if i in pair], axis=0) - overall
        for i in range(count)
    ]
    return _around(value, np.stack(parts))


def _around(value: float, pseudo: NDArray[np.float64]) -> Interval:
    """Put the interval of pseudo-values (networks, m) around the value, inside of −1…1."""
    if not np.isfinite(pseudo).all():
        return value, math.nan, math.nan
    mean, low, high = over_draws(pseudo)
    return value, max(-1.0, value + low - mean), min(1.0, value + high - mean)


def _row(
    model: str,
    layer: str,
    order: int,
    features: NDArray[np.float32],
    metric: str,
    figure: Interval,
) -> Score:
    width = features.shape[1]
    return Score(model, layer, order, width, "none", None, 0, "", "test", ALL, metric, *figure)


def _same_examples(sketches: Sequence[Sketch]) -> None:
    first = sketches[0].examples
    for other in sketches[1:]:
        if not np.array_equal(first, other.examples):
            raise DataError(
                "similarity needs features of the same examples; the sketches are of "
                f"{len(first)} and of {len(other.examples)} test examples that differ."
            )
