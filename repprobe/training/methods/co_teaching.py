"""Co-teaching: two networks, each learns from what the other finds easy.

Han, Yao, Yu, Niu, Xu, Hu, Tsang & Sugiyama, "Co-teaching: Robust Training of Deep Neural
Networks with Extremely Noisy Labels", NeurIPS 2018, Algorithm 1. The loss is the mean over the
examples kept; the authors' code divides that mean by their number once more. They also lower
Adam's β₁ to 0.1 where the rate begins to fall, after epoch 80; here it stays 0.9.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from repprobe.errors import UsageError
from repprobe.training.methods.border import Batch, Epoch, Examples, Method
from repprobe.training.methods.checks import require_number, require_whole


@dataclass(eq=False)
class CoTeaching(Method):
    """Of every batch, teach the other network the R(t)·b examples of smallest loss.

    Attributes
    ----------
    rate : τ in [0, 1), the share of wrong labels; it has to be known before training begins.
    ramp : T_k, the epochs in which the share that is dropped grows from 0 to τ.
    """

    name: ClassVar[str] = "co-teaching"
    networks: ClassVar[int] = 2
    rate: float | None = None
    ramp: int = 10

    def __post_init__(self) -> None:
        if self.rate is not None:
            require_number("rate of co-teaching", self.rate, least=0, below=1)
        require_whole("ramp of co-teaching", self.ramp, 1)

    @property
    def lacks_rate(self) -> bool:
        return self.rate is None

    def begin(self, examples: Examples) -> None:
        if self.rate is None:
            raise UsageError(
                "co-teaching has to know the share of wrong labels; give it as rate, e.g. rate=0.4."
            )

    def losses(self, epoch: Epoch, turn: Batch) -> Sequence[Tensor | None]:
        first, second = (network(turn.inputs) for network in epoch.networks)
        return co_teaching_losses(first, second, turn.labels, self.kept_share(epoch.number))

    def kept_share(self, epoch: int) -> float:
        """Return R(t) = 1 − min(t·τ/T_k, τ), t = 0, 1, … (Algorithm 1, line 8)."""
        assert self.rate is not None
        return 1 - min(epoch / self.ramp * self.rate, self.rate)


def co_teaching_losses(
    first: Tensor, second: Tensor, labels: Tensor, kept_share: float
) -> tuple[Tensor, Tensor]:
    """Return the losses of two networks with logits (b, C), each on the other's easy examples.

    Those are the ⌈kept_share·b⌉ examples of smallest cross-entropy, at least one (Algorithm 1,
    lines 4 and 5).
    """
    by_first = cross_entropy(first, labels, reduction="none")
    by_second = cross_entropy(second, labels, reduction="none")
    count = max(1, math.ceil(round(kept_share * len(labels), 6)))
    easy_to_first = torch.argsort(by_first.detach(), stable=True)[:count]
    easy_to_second = torch.argsort(by_second.detach(), stable=True)[:count]
    return by_first[easy_to_second].mean(), by_second[easy_to_first].mean()
