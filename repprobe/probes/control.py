"""Control task: how well a probe learns random labels, beside the true ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

_STREAM = 212

Fit = Callable[[NDArray[np.int64]], NDArray[np.int64]]
"""From labels (n,) to the classes (n,) that a probe fitted on them gives the same examples."""


class Control(NamedTuple):
    """What probes give on the examples that they were fitted on.

    Attributes
    ----------
    hits : (n,) whether the random label is met by the probe fitted on random labels.
    true_hits : (n,) whether the true label is met by the probe fitted on true labels.
    """

    hits: NDArray[np.bool_]
    true_hits: NDArray[np.bool_]

    @property
    def selectivity(self) -> NDArray[np.float64]:
        """Per example (n,), what true labels have over random ones; its mean is the figure."""
        return self.true_hits.astype(np.float64) - self.hits


def random_labels(true: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Return labels (n,) of the same frequencies that say nothing of the examples."""
    keys = np.random.Generator(np.random.PCG64([seed, _STREAM])).random(len(true))
    return true[np.argsort(keys, kind="stable")]


def control_task(fit: Fit, said: NDArray[np.int64], true: NDArray[np.int64], seed: int) -> Control:
    """Fit a probe to random labels, as one was fitted to the true ones, which it says are `said`.

    Low selectivity says that the layer is wide enough to learn anything from these examples, so
    that its accuracy in sample is no sign of what it represents (Hewitt & Liang 2019; their
    figures are of words that were seen before, hence in sample).
    """
    random = random_labels(true, seed)
    return Control(fit(random) == random, said == true)
