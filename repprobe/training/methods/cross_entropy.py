"""Cross-entropy: every label is taken at its word."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn.functional import cross_entropy

from repprobe.training.methods.border import Batch, Epoch, Method


@dataclass(eq=False)
class CrossEntropy(Method):
    """Minimize −log p_y, the mean over the batch."""

    name: ClassVar[str] = "ce"

    def losses(self, epoch: Epoch, turn: Batch) -> Sequence[Tensor | None]:
        return [cross_entropy(epoch.networks[0](turn.inputs), turn.labels)]
