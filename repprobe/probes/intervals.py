"""95 % intervals of accuracies and regression errors on a finite test set."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from repprobe.errors import ProbeError
from repprobe.probes.differences import Component, Difference, Figure, of_draws, paired

Z95 = 1.959963984540054
"""97.5 % quantile of the normal distribution."""

SHARED = 1.15
"""How much larger the variance of a cross-validated gain is than if every outcome were by the head
itself; from simulations with as many clean labels as features to forty times as many."""


def wilson(hits: float, n: int) -> tuple[float, float, float]:
    """Return hits / n and its 95 % score interval (Wilson 1927, eq. 5 without correction)."""
    if n == 0:
        return math.nan, math.nan, math.nan
    p, z2 = hits / n, Z95**2
    centre = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 / (1 + z2 / n) * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n))
    return p, max(0.0, min(p, centre - half)), min(1.0, max(p, centre + half))


def mean_interval(values: NDArray[np.floating]) -> tuple[float, float, float]:
    """Return the mean of per-example values (n,) and its 95 % interval (central limit)."""
    n = len(values)
    mean = float(np.mean(values))
    half = Z95 * float(np.std(values, ddof=1)) / math.sqrt(n) if n > 1 else math.nan
    return mean, mean - half, mean + half


def over_draws(outcomes: NDArray[np.floating]) -> tuple[float, float, float]:
    """Return the mean of outcomes (draws, n) and its 95 % interval over draws and test set.

    Two sources of error are added, each by its own Student's t: the finite test set, and the draw
    of the clean labels; see `differences.Difference`.
    """
    draws, n = outcomes.shape
    if draws == 1:
        return mean_interval(outcomes[0])
    mean = float(outcomes.mean())
    if n < 2:
        return mean, math.nan, math.nan
    examples = Component(float(outcomes.mean(axis=0).var(ddof=1)) / n, n - 1)
    return Difference(mean, mean, (examples, *of_draws([outcomes])[0])).interval()


def gain_interval(
    new: NDArray[np.floating], own: NDArray[np.floating], spread: float | None = None
) -> Figure:
    """Return the mean gain of a new head over the network and its 95 % interval.

    Parameters
    ----------
    new, own : (n,) outcomes, by the head and by the network itself, of examples that neither the
        head nor the choice of it has seen.
    spread : where `new` is from cross-validation (`Choice.outcomes`): the variance that the
        choice adds (`Choice.spread`).

    Notes
    -----
    After cross-validation the answer is about the head that is fitted on all n labels, while each
    outcome is by a fit on part of them. Fits that share labels err together, by an amount that
    one cross-validation cannot tell without bias (Bengio & Grandvalet 2004); `SHARED` allows for
    it.
    """
    found = paired((new.astype(np.float64) - own.astype(np.float64))[None])
    if spread is not None:
        widened = [part._replace(variance=SHARED * part.variance) for part in found.components]
        found = found._replace(components=(*widened, Component(spread, math.inf)))
    return found.interval()


def regression_metrics(
    truth: NDArray[np.floating], prediction: NDArray[np.floating]
) -> dict[str, tuple[float, float, float]]:
    """Return R², MSE, MAE and MAPE (in percent), each with its 95 % interval.

    Takes targets and predictions (n, t). R² is 1 − Σ‖y − ŷ‖² / Σ‖y − ȳ‖²; its interval is the
    delta method's. MAPE is NaN where a target is 0.
    """
    if truth.shape != prediction.shape:
        raise ProbeError(f"targets {truth.shape} and predictions {prediction.shape} differ.")
    error = prediction - truth
    square = (error**2).sum(axis=1)
    spread = ((truth - truth.mean(axis=0)) ** 2).sum(axis=1)
    metrics = {
        "r2": _r2(square, spread),
        "mse": mean_interval(square / truth.shape[1]),
        "mae": mean_interval(np.abs(error).mean(axis=1)),
    }
    if np.all(truth != 0):
        metrics["mape"] = mean_interval(100 * np.abs(error / truth).mean(axis=1))
    else:
        metrics["mape"] = (math.nan, math.nan, math.nan)
    return metrics


def _r2(square: NDArray[np.floating], spread: NDArray[np.floating]) -> tuple[float, float, float]:
    total = float(spread.mean())
    if total == 0:
        return math.nan, math.nan, math.nan
    ratio = float(square.mean()) / total
    influence = (square - ratio * spread) / total
    _, low, high = mean_interval(influence)
    half = (high - low) / 2
    return 1 - ratio, 1 - ratio - half, 1 - ratio + half
