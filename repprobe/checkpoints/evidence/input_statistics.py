"""How far what reaches a network's batch norms lies from what they saw in training."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from repprobe.checkpoints.evidence.trial import Stopped, Trial

if TYPE_CHECKING:
    from repprobe.checkpoints.evidence.sample import Sample
    from repprobe.checkpoints.preprocessing import Preprocessing

_QUIET = 1e-3
"""Channels whose stored variance is below this share of the median tell nothing."""


@dataclass
class Moments:
    """Mean and variance per channel of what reaches a layer, summed up over batches."""

    count: int
    mean: Tensor
    squares: Tensor

    @classmethod
    def of(cls, x: Tensor) -> Moments:
        """Take a batch (b, channels, …)."""
        values = x.detach().float().transpose(0, 1).flatten(1)
        mean = values.mean(1)
        squares = (values - mean[:, None]).square().sum(1)
        return cls(values.shape[1], mean.double().cpu(), squares.double().cpu())

    def add(self, other: Moments) -> None:
        """Take the values of the other, too (Chan, Golub & LeVeque 1983)."""
        total, shift = self.count + other.count, other.mean - self.mean
        self.squares += other.squares + shift.square() * (self.count * other.count / total)
        self.mean += shift * (other.count / total)
        self.count = total

    @property
    def variance(self) -> Tensor:
        return self.squares / self.count


def has_statistics(module: nn.Module) -> bool:
    """Say whether any layer keeps running means and variances."""
    return any(_keeps(m) for m in module.modules())


def first_distance(trial: Trial, sample: Sample, preprocessing: Preprocessing) -> float | None:
    """Return the distance at the first batch norm that is reached; see `distance`.

    Where images are of a size for which random crops are usual, the smaller of two distances is
    taken: to the images as they are, and to cropped and mirrored ones, whose black borders move
    the statistics. None where no batch norm with running statistics is reached.

    Raises
    ------
    CaptureError
        The network cannot be run on such inputs.
    """
    samples = (sample, sample.cropped)
    found = [_first(trial, one, preprocessing) for one in samples if one is not None]
    known = [value for value in found if value is not None]
    return min(known) if known else None


def mean_distance(trial: Trial, sample: Sample, preprocessing: Preprocessing) -> float | None:
    """Return the mean of the distances at all batch norms that are reached; None without any.

    Raises
    ------
    CaptureError
        The network cannot be run on such inputs.
    """
    with _watched(trial.module, stop=False) as seen:
        trial.run(sample, preprocessing)
    found = [distance(layer, moments) for layer, moments in seen.items()]
    return float(np.mean(found)) if found else None


def distance(layer: _BatchNorm, seen: Moments) -> float:
    """Return how far a batch lies from the running statistics of a layer.

    The mean over channels of (m − m')² / v' + (ln v / v')², m and v being the batch's mean and
    variance and m' and v' the stored ones. Channels of next to no variance are left out.
    """
    assert layer.running_mean is not None and layer.running_var is not None
    mean, variance = layer.running_mean.double().cpu(), layer.running_var.double().cpu()
    kept = variance > _QUIET * variance.median()
    if not kept.any():
        return float("inf")
    stored, found = variance[kept] + layer.eps, seen.variance[kept] + layer.eps
    shift = (seen.mean[kept] - mean[kept]).square() / stored
    value = float((shift + (found / stored).log().square()).mean())
    return value if np.isfinite(value) else float("inf")


def _first(trial: Trial, sample: Sample, preprocessing: Preprocessing) -> float | None:
    with _watched(trial.module, stop=True) as seen:
        trial.run(sample, preprocessing)
    return next((distance(layer, moments) for layer, moments in seen.items()), None)


@contextmanager
def _watched(module: nn.Module, stop: bool) -> Iterator[dict[_BatchNorm, Moments]]:
    """Sum up what reaches the batch norms; with `stop`, batches end at the first of them."""
    seen: dict[_BatchNorm, Moments] = {}

    def look(layer: nn.Module, args: tuple[Any, ...]) -> None:
        assert isinstance(layer, _BatchNorm)
        moments = Moments.of(args[0])
        if layer in seen:
            seen[layer].add(moments)
        else:
            seen[layer] = moments
        if stop:
            raise Stopped

    layers = [m for m in module.modules() if _keeps(m)]
    handles = [m.register_forward_pre_hook(look) for m in layers]
    try:
        yield seen
    finally:
        for handle in handles:
            handle.remove()


def _keeps(module: nn.Module) -> bool:
    return isinstance(module, _BatchNorm) and module.running_var is not None
