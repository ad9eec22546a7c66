"""Symmetric cross-entropy: cross-entropy and its reverse, which tolerates noise.

Wang, Ma, Chen, Luo, Yi & Bailey, "Symmetric Cross Entropy for Robust Learning with Noisy
Labels", ICCV 2019, Section 4. Where the paper writes log 0 = A with A = −4, the authors' code
clips the one-hot labels at 1e-4, that is A = log 1e-4 ≈ −9.2; so does this.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import log_softmax

from repprobe.training.methods.border import Batch, Epoch, Method
from repprobe.training.methods.checks import require_number

A = math.log(1e-4)
"""What stands for log 0."""


@dataclass(eq=False)
class SymmetricCrossEntropy(Method):
    """Minimize α·CE + β·RCE.

    Attributes
    ----------
    alpha : weight of cross-entropy, which fits, and overfits.
    beta : weight of reverse cross-entropy, which tolerates noise.
    """

    name: ClassVar[str] = "sce"
    alpha: float = 0.1
    beta: float = 1.0

    def __post_init__(self) -> None:
        require_number("alpha of sce", self.alpha, least=0)
        require_number("beta of sce", self.beta, least=0)

    def losses(self, epoch: Epoch, turn: Batch) -> Sequence[Tensor | None]:
        logits = epoch.networks[0](turn.inputs)
        return [symmetric_cross_entropy(logits, turn.labels, self.alpha, self.beta)]


def symmetric_cross_entropy(logits: Tensor, labels: Tensor, alpha: float, beta: float) -> Tensor:
    """Return the mean of α·H(q, p) + β·H(p, q), q being the one-hot labels.

    H(p, q) = −Σ_k p_k log q_k: log q_y is 0 and every other log q_k is A, which leaves
    −A·(1 − p_y). `logits` are (b, C), `labels` (b,).
    """
    log_p = log_softmax(logits, 1).gather(1, labels[:, None])
    ce = -log_p
    rce = A * torch.expm1(log_p)
    return (alpha * ce + beta * rce).mean()
