"""The border between probes and the libraries that fit them: what an engine takes and gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.floating[Any]]
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class Path:
    """Linear fits to one layer's features along a list of R regularizations.

    Attributes
    ----------
    regularization : (R,) C (logistic) or alpha (ridge), as scikit-learn means them. May be
        shorter than what was asked for, see `Engine.logistic`.
    coefficients, intercepts : (R, d, k) and (R, k), for the features that were handed over.
    objective : (R,) what was minimized, per example: cross-entropy + ‖W‖²/(2·C·n), or
        (‖Y − XW − b‖² + alpha·‖W‖²)/n.
    gradient_norm : (R,) largest absolute entry of the objective's gradient.
    converged : (R,) whether the fit reached its tolerance.
    held_out_loss : (R,) mean loss on examples left out of the fit: cross-entropy, or squared
        error summed over the targets; NaN where none was left out.
    best : the point that does best on examples left out: in accuracy (logistic), in squared
        error (ridge); 0 where none was left out.
    held_out_scores : (n, k) decision values or predictions at the best point, for every example
        by a fit that did not see it; None where none was left out.
    """

    regularization: NDArray[np.float64]
    coefficients: Floats
    intercepts: Floats
    objective: NDArray[np.float64]
    gradient_norm: NDArray[np.float64]
    converged: NDArray[np.bool_]
    held_out_loss: NDArray[np.float64]
    best: int
    held_out_scores: Floats | None


class Engine(Protocol):
    """Fits probes. Every method takes standardized features (n, d) without NaN or infinity."""

    name: str

    def logistic(
        self, x: Floats, y: Integers, classes: int, grid: Sequence[float], folds: Integers | None
    ) -> Path:
        """Fit multinomial logistic regression with an L2 penalty and a free intercept.

        `grid` holds growing values of C; `folds` (n,) the fold that leaves each example out,
        or None to fit without leaving any out. The path may end early, once the held-out
        loss has passed its minimum.
        """
        ...

    def ridge(
        self, x: Floats, targets: Floats, grid: Sequence[float], folds: Integers | None
    ) -> Path:
        """Fit ridge regression with a free intercept to targets (n, k).

        alpha = 0 is least squares, of minimum norm where that is not unique. Examples are left
        out one at a time, exactly, where `folds` is None, else by fold.
        """
        ...

    def neighbours(self, x: Floats, queries: Floats, k: int, leave_out: bool) -> Integers:
        """Return (m, k) indices of the nearest rows of `x` (Euclidean), the nearest first.

        With `leave_out`, `queries` is `x` itself and no row is its own neighbour.
        """
        ...
