"""Generalized cross-entropy, between cross-entropy and mean absolute error.

Zhang & Sabuncu, "Generalized Cross Entropy Loss for Training Deep Neural Networks with Noisy
Labels", NeurIPS 2018; the loss without truncation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import log_softmax

from repprobe.training.methods.border import Batch, Epoch, Method
from repprobe.training.methods.checks import require_number


@dataclass(eq=False)
class GeneralizedCrossEntropy(Method):
    """Minimize (1 − p_y^q)/q.

    Attributes
    ----------
    q : in (0, 1]; near 0 it is cross-entropy, at 1 it is 1 − p_y, half the absolute error
        between p and the one-hot label.
    """

    name: ClassVar[str] = "gce"
    q: float = 0.7

    def __post_init__(self) -> None:
        require_number("q of gce", self.q, above=0, most=1)

    def losses(self, epoch: Epoch, turn: Batch) -> Sequence[Tensor | None]:
        logits = epoch.networks[0](turn.inputs)
        return [generalized_cross_entropy(logits, turn.labels, self.q)]


def generalized_cross_entropy(logits: Tensor, labels: Tensor, q: float) -> Tensor:
    """Return the mean of L_q = (1 − p_y^q)/q, equation (6), for logits (b, C) and labels (b,)."""
    log_p = log_softmax(logits, 1).gather(1, labels[:, None])
    # p^q = exp(q log p), and 1 − exp(…) keeps its digits where q or the loss is small
    return (-torch.expm1(q * log_p) / q).mean()
