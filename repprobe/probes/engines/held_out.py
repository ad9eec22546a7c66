"""What left-out examples say of each regularization, and which of them is best."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from repprobe.probes.engines.border import Floats, Integers, Judge


class HeldOut:
    """Judges a path of ever weaker penalties by the scores of examples each fit did not see.

    Attributes
    ----------
    losses, accuracies : cross-entropy and accuracy per point of the path.
    best : the point of the highest accuracy, of equals the one of the lowest loss. Accuracy is
        the figure that a probe is judged by; the loss alone would have weaker penalties.
    scores : (n, k) scores at the best point.
    """

    def __init__(self, y: Integers, judge: Judge | None = None) -> None:
        self._y, self._judge = y, judge
        self._judged: list[NDArray[np.float32]] = []
        self.losses: list[float] = []
        self.accuracies: list[float] = []
        self.best = 0
        self.scores: Floats | None = None

    def add(self, scores: Floats) -> bool:
        """Take the scores (n, k) of the next point; return whether the loss still falls."""
        rows = np.arange(len(self._y))
        logp = log_softmax(scores)
        self.losses.append(float(-logp[rows, self._y].mean()))
        self.accuracies.append(float((scores.argmax(axis=1) == self._y).mean()))
        if self._judge:
            self._judged.append(self._judge(scores, rows))
        last = len(self.losses) - 1
        if last == 0 or self._rank(last) > self._rank(self.best):
            self.best, self.scores = last, scores
        return self.losses[-1] <= min(self.losses)

    @property
    def judged(self) -> NDArray[np.float32] | None:
        """What the judge says (T, n), None without one or before the first point."""
        return np.stack(self._judged) if self._judged else None

    def _rank(self, point: int) -> tuple[float, float]:
        return self.accuracies[point], -self.losses[point]


def log_softmax(scores: Floats) -> NDArray[np.float64]:
    """Return the log-probabilities (n, k) of class scores (n, k), in float64."""
    shifted = scores.astype(np.float64) - scores.max(axis=1, keepdims=True)
    result: NDArray[np.float64] = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return result


def lowest(losses: NDArray[np.float64]) -> int:
    """Return the place of the lowest loss (T,), 0 where all are NaN."""
    return 0 if np.isnan(losses).all() else int(np.nanargmin(losses))
