"""The law that looks at the input: instance-dependent noise."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from repprobe.data.dataset import Data
from repprobe.data.graphs.graphs import Graphs
from repprobe.data.labels import Labels
from repprobe.errors import DataError, UsageError
from repprobe.noise.law import ByRate, classes_of
from repprobe.noise.streams import draw_probabilities, stream

_INSTANCE = 5

_SPREAD = 0.1
"""Standard deviation of the examples' rates, before they are cut off at 0 and 1."""

_WEIGHT_BYTES = 2**28
"""About how much memory the projections of some classes take at a time."""

_INPUT_BYTES = 2**26
"""About how much memory a block of inputs takes."""


class Instance(ByRate):
    """A label that depends on the input.

    Where the data have another function g(x) of the input (`Data.instance_labels`), the label
    becomes g(x) with probability R (Li et al. 2020, sections 4 and 5).

    Otherwise classes move as in Xia et al. 2020 (arXiv 2006.07836, algorithm 2): example i has a
    rate qᵢ of its own, drawn from the normal distribution N(R, 0.1²) cut off at 0 and 1. With
    probability qᵢ its class y becomes another, drawn from the softmax over the wrong classes of
    xᵢ W_y, with x the flattened input in units and W_y an (S, C) matrix of standard normal numbers,
    one per class. The cut makes the mean rate somewhat larger than a small R (0.129 for 0.1) and
    smaller than a large one; R = 0 is no noise.
    """

    name = "instance"
    forms = ("instance:R",)
    tasks = ("classification", "regression")

    def whole(self, data: Data, seed: int) -> Labels:
        return self.labels(data, seed, np.arange(len(data.train)))

    def labels(self, data: Data, seed: int, rows: NDArray[np.int64]) -> Labels:
        random = stream(seed, _INSTANCE)
        if data.instance_labels is not None:
            return self._replaced(data, data.instance_labels, random)[rows]
        if data.task == "regression" or data.of_graphs:
            what = "is regression" if data.task == "regression" else "holds graphs"
            raise UsageError(
                f"'{data.name}' {what} and has no second function of the input, which instance "
                "noise needs there; choose another law."
            )
        n = len(data.train)
        chances = (random.random(n), random.random(n), random.random(n))
        if self.rate == 0:
            return classes_of(data)[rows]
        moved = chances[1] < self._rates(chances[0])
        return _moved(data, seed, moved, chances[2], rows)

    def _replaced(self, data: Data, other: Labels, random: np.random.Generator) -> Labels:
        clean = data.train.labels
        if other.shape != clean.shape:
            raise DataError(
                f"the second labels of '{data.name}' have shape {other.shape}, the first "
                f"{clean.shape}."
            )
        hit = random.random(len(clean)) < self.rate
        return np.where(hit.reshape(-1, *[1] * (clean.ndim - 1)), other, clean)

    def _rates(self, p: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return quantiles of the truncated normal distribution of rates."""
        from scipy.special import ndtr, ndtri

        low, high = ndtr((np.array([0.0, 1.0]) - self.rate) / _SPREAD)
        rates = self.rate + _SPREAD * ndtri(low + p * (high - low))
        return np.asarray(np.clip(rates, 0.0, 1.0))


def _moved(
    data: Data,
    seed: int,
    moved: NDArray[np.bool_],
    chance: NDArray[np.float64],
    rows: NDArray[np.int64],
) -> NDArray[np.int64]:
    """Return the labels at `rows`; only inputs of labels that move are read, mostly once."""
    clean = classes_of(data)
    noisy = clean.copy()
    wanted = np.unique(rows)
    wanted = wanted[moved[wanted]]
    count, size = len(data.classes), math.prod(data.input_shape)
    at_once = max(1, _WEIGHT_BYTES // (8 * size * count))
    block = max(1, _INPUT_BYTES // (8 * size))
    for first in range(0, count, at_once):
        classes = range(first, min(first + at_once, count))
        members = wanted[np.isin(clean[wanted], classes)]
        weights = {c: _weights(seed, c, (size, count)) for c in classes if len(members)}
        for start in range(0, len(members), block):
            part = members[start : start + block]
            x = _flat(data, part)
            for c in np.unique(clean[part]).tolist():
                own = clean[part] == c
                noisy[part[own]] = _wrong_class(x[own] @ weights[c], c, chance[part[own]])
    return noisy[rows]


def _weights(seed: int, c: int, shape: tuple[int, int]) -> NDArray[np.float64]:
    from scipy.special import ndtri

    return np.asarray(ndtri(draw_probabilities(shape, stream(seed, _INSTANCE, 1 + c))))


def _flat(data: Data, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    raw = data.train.inputs(rows)
    assert not isinstance(raw, Graphs)
    return raw.reshape(len(rows), -1).astype(np.float64) / data.unit


def _wrong_class(
    logits: NDArray[np.float64], c: int, chance: NDArray[np.float64]
) -> NDArray[np.int64]:
    """Draw a class other than c by the softmax of logits (b, C)."""
    logits[:, c] = -np.inf
    cumulated = np.cumsum(np.exp(logits - logits.max(axis=1, keepdims=True)), axis=1)
    drawn = (cumulated <= chance[:, None] * cumulated[:, -1:]).sum(axis=1)
    last = logits.shape[1] - 1
    return np.asarray(np.minimum(drawn, last - (c == last)), np.int64)
