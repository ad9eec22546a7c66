"""Mixup: learn what lies between two examples.

Zhang, Cisse, Dauphin & Lopez-Paz, "mixup: Beyond Empirical Risk Minimization", ICLR 2018,
Section 2; as in the authors' code, one weight per batch, whose examples are mixed with one
another.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from repprobe.training.methods.border import Batch, Epoch, Method
from repprobe.training.methods.checks import require_number
from repprobe.training.methods.mixing import draw_beta


@dataclass(eq=False)
class Mixup(Method):
    """Minimize λ·CE(f(x̃), y_a) + (1 − λ)·CE(f(x̃), y_b) at x̃ = λ·x_a + (1 − λ)·x_b.

    Attributes
    ----------
    alpha : λ ~ Beta(alpha, alpha); at 0 nothing is mixed.
    """

    name: ClassVar[str] = "mixup"
    mixes: ClassVar[bool] = True
    alpha: float = 1.0

    def __post_init__(self) -> None:
        require_number("alpha of mixup", self.alpha, least=0)

    def losses(self, epoch: Epoch, turn: Batch) -> Sequence[Tensor | None]:
        share = draw_beta(self.alpha, epoch.generator) if self.alpha > 0 else 1.0
        x = turn.inputs.x
        partner = torch.randperm(len(x), generator=epoch.generator).to(x.device)
        mixed = share * x + (1 - share) * x[partner]
        logits = epoch.networks[0](turn.inputs.with_x(mixed))
        return [mixup_loss(logits, turn.labels, turn.labels[partner], share)]


def mixup_loss(logits: Tensor, labels: Tensor, partners: Tensor, share: float) -> Tensor:
    """Return share·CE(labels) + (1 − share)·CE(partners), for logits (b, C) of mixed inputs."""
    return share * cross_entropy(logits, labels) + (1 - share) * cross_entropy(logits, partners)
