"""What each example contributes to the leading figure: accuracy, or R² for numbers."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Outcomes:
    """Says of answers what they contribute, so that the mean over all examples is the figure.

    Attributes
    ----------
    labels : (n,) classes or (n, t) targets of all examples.
    classes : number of classes; 0 for regression.
    """

    labels: NDArray[np.int64] | NDArray[np.float64]
    classes: int

    def of(
        self, answers: NDArray[np.generic], rows: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        """Return the outcomes (m,) of answers to the examples `rows`, by default to all.

        Of classes (m,) they are 1 where the label is met and 0 where not; of numbers (m, t)
        1 − squared error / mean total variance, NaN where all targets are the same.
        """
        wanted = self.labels if rows is None else self.labels[rows]
        if self.classes:
            return np.asarray(answers == wanted, np.float32)
        square = ((answers.astype(np.float64) - wanted) ** 2).sum(axis=1)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(1 - square / self._variance, np.float32)

    def judge(self, scores: NDArray[np.floating], rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the outcomes (m,) of scores (m, k) of the examples `rows`; see `Judge`."""
        return self.of(scores.argmax(axis=1) if self.classes else scores, rows)

    @cached_property
    def _variance(self) -> np.float64:
        """Mean squared distance of the targets from their mean, summed over the columns."""
        spread = ((self.labels - self.labels.mean(axis=0)) ** 2).sum(axis=1).mean()
        return np.float64(spread if spread else np.nan)
