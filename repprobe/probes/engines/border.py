"""The border between probes and the libraries that fit them: what an engine takes and gives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

    from repprobe.probes.moments import Moments

Floats = NDArray[np.floating[Any]]
Integers = NDArray[np.int64]
Distance = Literal["euclidean", "cosine"]

Judge = Callable[[Floats, Integers], NDArray[np.float32]]
"""Says of scores (m, k), by fits that did not see them, of the examples with these indices (m,)
the one number (m,) each that is kept: whether they are right, how far off, the class they name."""


@dataclass(frozen=True)
class LabelSet:
    """One labelling of the examples: the true classes, the noisy ones, random control labels …

    Attributes
    ----------
    y : (n,) classes in 0…classes − 1; not every class need occur.
    classes : how many there are.
    """

    y: Integers
    classes: int


@dataclass(frozen=True)
class Path:
    """Linear fits to one layer's features along a list of regularizations.

    T regularizations were tried on examples left out; R of them were fitted to all examples:
    all T, or only the best.

    Attributes
    ----------
    tried : (T,) C (logistic) or alpha (ridge), as scikit-learn means them. May be shorter than
        what was asked for, see `Engine.logistic`.
    held_out_loss : (T,) mean loss on examples left out of the fit: cross-entropy, or squared
        error summed over the targets; NaN where none was left out.
    regularization : (R,) those fitted to all examples.
    coefficients, intercepts : (R, d, k) and (R, k), for the features that were handed over.
    objective : (R,) what was minimized, per example: cross-entropy + ‖W‖²/(2·C·n), or
        (‖Y − XW − b‖² + alpha·‖W‖²)/n.
    gradient_norm : (R,) largest absolute entry of the objective's gradient.
    converged : (R,) whether the fit reached its tolerance.
    best : among the R the one that does best on examples left out: in accuracy (logistic), in
        squared error (ridge); 0 where none was left out.
    held_out_scores : (n, k) decision values or predictions at the best point, for every example
        by a fit that did not see it; None where none was left out, or where the examples are
        gone (fits from sufficient statistics).
    held_out : (T, n) what the judge says of every example at each point, by a fit that did not
        see it; None without a judge, or where none was left out, or the examples are gone.
    """

    tried: NDArray[np.float64]
    held_out_loss: NDArray[np.float64]
    regularization: NDArray[np.float64]
    coefficients: Floats
    intercepts: Floats
    objective: NDArray[np.float64]
    gradient_norm: NDArray[np.float64]
    converged: NDArray[np.bool_]
    best: int
    held_out_scores: Floats | None
    held_out: NDArray[np.float32] | None = None

    @property
    def chosen(self) -> int:
        """The best point's place among the T that were tried."""
        return int(np.flatnonzero(self.tried == self.regularization[self.best])[0])


@dataclass(frozen=True)
class Examples:
    """The examples that moments were taken of.

    Attributes
    ----------
    x : (n, d) standardized features, on the device of the moments.
    folds : (n,) the fold that leaves each out.
    judges : one per set of targets.
    """

    x: Tensor
    folds: Integers
    judges: Sequence[Judge]


class Engine(Protocol):
    """Fits probes to one layer at a time, all label sets together.

    Every method takes standardized features (n, d) without NaN or infinity, in float32 or
    float64.

    Attributes
    ----------
    name : "torch", "sklearn" or "cuml".
    streams : whether ridge and least squares are fitted from sufficient statistics, which need
        no stored features (`Streaming`).
    """

    name: str
    streams: bool

    def logistic(
        self,
        x: Floats,
        labels: Sequence[LabelSet],
        grid: Sequence[float],
        folds: Integers | None,
        whole: bool = False,
        judges: Sequence[Judge] = (),
    ) -> list[Path]:
        """Fit multinomial logistic regression with an L2 penalty and a free intercept.

        `grid` holds growing values of C; `folds` (n,) the fold that leaves each example out,
        or None to fit without leaving any out. Unless the `whole` path is asked for, it may end
        early, once the held-out loss has passed its minimum, and only the best point need be
        fitted to all examples. One path per label set, and one judge each or none at all.
        """
        ...

    def ridge(
        self,
        x: Floats,
        targets: Sequence[Floats],
        grid: Sequence[float],
        folds: Integers | None,
        judges: Sequence[Judge] = (),
    ) -> list[Path]:
        """Fit ridge regression with a free intercept to several sets of targets, each (n, k).

        alpha = 0 is least squares, of minimum norm where that is not unique. Examples are left
        out one at a time, exactly, where `folds` is None, else by fold. One path per set, and
        one judge each or none at all.
        """
        ...

    def neighbours(
        self, x: Floats, queries: Floats, k: int, leave_out: bool, distance: Distance = "euclidean"
    ) -> Integers:
        """Return (m, k) indices of the nearest rows of `x`, the nearest first.

        With `leave_out`, `queries` is `x` itself and no row is its own neighbour. A row of
        zeros has no direction: its cosine with any other is taken as 0.
        """
        ...


class Streaming(Engine, Protocol):
    """An engine that fits ridge and least squares from sufficient statistics alone."""

    def ridge_from_moments(
        self,
        folds: Sequence[Moments],
        targets: Sequence[int],
        grid: Sequence[float],
        examples: Examples | None = None,
    ) -> list[Path]:
        """Fit what `ridge` does, from the moments of standardized features of each fold.

        `targets` are the numbers of columns of the sets, which stand side by side in the
        moments. Only the best point of each path is fitted. What `held_out` needs are the
        examples themselves, where there still are any.
        """
        ...
