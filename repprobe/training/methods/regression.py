"""Squared and absolute error: every target is taken at its word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn.functional import l1_loss, mse_loss

from repprobe.data.dataset import Task
from repprobe.training.methods.border import Batch, Epoch, Method


@dataclass(eq=False)
class SquaredError(Method):
    """Minimize the mean of (f(x) − y)² over the batch and the targets."""

    name: ClassVar[str] = "mse"
    task: ClassVar[Task] = "regression"

    def losses(self, epoch: Epoch, turn: Batch) -> Sequence[Tensor | None]:
        predictions = epoch.networks[0](turn.inputs)
        return [mse_loss(predictions, turn.labels.view_as(predictions))]


@dataclass(eq=False)
class AbsoluteError(Method):
    """Minimize the mean of |f(x) − y| over the batch and the targets."""

    name: ClassVar[str] = "mae"
    task: ClassVar[Task] = "regression"

    def losses(self, epoch: Epoch, turn: Batch) -> Sequence[Tensor | None]:
        predictions = epoch.networks[0](turn.inputs)
        return [l1_loss(predictions, turn.labels.view_as(predictions))]
