"""Early-learning regularization: the network is held to what it believed early on.

Liu, Niles-Weed, Razavian & Fernandez-Granda, "Early-Learning Regularization Prevents
Memorization of Noisy Labels", NeurIPS 2020. Probabilities are clamped, and those that enter the
targets renormalized, as in the authors' code.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, softmax

from repprobe.training.methods.border import Batch, Epoch, Examples, Method
from repprobe.training.methods.checks import require_number

CLAMP = 1e-4
"""Probabilities stay between this and 1 − this."""


@dataclass(eq=False)
class EarlyLearningRegularization(Method):
    """Minimize CE + λ·log(1 − ⟨p, t⟩), t being a running mean of earlier p of the example.

    The paper's values are β = 0.7, λ = 3 for symmetric noise on CIFAR-10, β = 0.9, λ = 1 for
    asymmetric noise.

    Attributes
    ----------
    beta : β in [0, 1), the weight of the past in the targets.
    lam : λ ≥ 0, the weight of the regularization.
    """

    name: ClassVar[str] = "elr"
    beta: float = 0.7
    lam: float = 3.0

    def __post_init__(self) -> None:
        require_number("beta of elr", self.beta, least=0, below=1)
        require_number("lam of elr", self.lam, least=0)

    @property
    def keeps_examples(self) -> bool:
        return True

    def begin(self, examples: Examples) -> None:
        self._targets = torch.zeros(len(examples), examples.classes, device=examples.device)

    def losses(self, epoch: Epoch, turn: Batch) -> Sequence[Tensor | None]:
        logits = epoch.networks[0](turn.inputs)
        targets = moved_targets(self._targets[turn.rows], logits, self.beta)
        self._targets[turn.rows] = targets
        return [elr_loss(logits, turn.labels, targets, self.lam)]

    def state(self) -> dict[str, Tensor]:
        return {"targets": self._targets.clone()}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        self._targets.copy_(state["targets"])


def moved_targets(targets: Tensor, logits: Tensor, beta: float) -> Tensor:
    """Return t ← β·t + (1 − β)·p, equation (9), for targets and logits (b, C), without gradient."""
    p = _probabilities(logits.detach()).to(targets.dtype)
    return beta * targets + (1 - beta) * p / p.sum(1, keepdim=True)


def elr_loss(logits: Tensor, labels: Tensor, targets: Tensor, lam: float) -> Tensor:
    """Return the mean of CE + λ·log(1 − ⟨p, t⟩), equation (6), for logits and targets (b, C)."""
    agreement = (targets.to(logits.dtype) * _probabilities(logits)).sum(1)
    return cross_entropy(logits, labels) + lam * torch.log1p(-agreement).mean()


def _probabilities(logits: Tensor) -> Tensor:
    return softmax(logits, 1).clamp(CLAMP, 1 - CLAMP)
