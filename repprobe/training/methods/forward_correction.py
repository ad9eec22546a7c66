"""Forward correction: what the network believes is put through the noise before it is judged.

Patrini, Rozza, Menon, Nock & Qu, "Making Deep Neural Networks Robust to Label Noise: a Loss
Correction Approach", CVPR 2017: Theorem 2 and the estimator of Section 4, equations (12) and
(13). The paper trains one network to estimate T and a fresh one with it; here the network that
was warmed up goes on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, log_softmax, softmax

from repprobe.errors import UsageError
from repprobe.noise.transition import read_transition
from repprobe.training.methods.border import Batch, Epoch, Examples, Method
from repprobe.training.methods.checks import require_longer, require_number, require_whole

ESTIMATED = "estimated"


@dataclass(eq=False)
class ForwardCorrection(Method):
    """Minimize −log (Tᵀp)_y, T_ij being the probability that class i is labelled j.

    Attributes
    ----------
    transition : "estimated", or a file (.npy, .npz, .csv) that holds T (C, C).
    warmup : epochs of cross-entropy before T is estimated, None for a tenth of the run: later the
        network has learned the wrong labels by heart. Without meaning where T is given.
    percentile : how far up the examples' probabilities of a class the one lies that T's row is
        read from; 100 is the highest, equation (12). The paper takes the 97th on data of few
        classes, as the very highest are outliers, and the highest on CIFAR-100; None does so,
        the border being 33 classes, where 3 % of the examples are as many as a class has.
    """

    name: ClassVar[str] = "forward"
    transition: str = ESTIMATED
    warmup: int | None = None
    percentile: float | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.transition, str):
            raise UsageError(
                f"transition of forward is {self.transition!r}; it has to be '{ESTIMATED}' or a "
                "file, .npy, .npz or .csv."
            )
        if self.warmup is not None:
            require_whole("warmup of forward", self.warmup, 1)
        if self.percentile is not None:
            require_number("percentile of forward", self.percentile, above=0, most=100)

    @property
    def keeps_examples(self) -> bool:
        return self.transition == ESTIMATED

    def check_epochs(self, epochs: int) -> None:
        if self.transition == ESTIMATED:
            require_longer("forward", self._warmup(epochs), epochs)

    def begin(self, examples: Examples) -> None:
        self._matrix: Tensor | None = None
        if self.transition != ESTIMATED:
            names = [str(c) for c in range(examples.classes)]
            matrix = torch.from_numpy(read_transition(Path(self.transition), names))
            _check_possible(matrix, examples.labels, self.transition)
            self._matrix = matrix

    def turns(self, epoch: Epoch) -> Iterator[Batch]:
        if self._matrix is None and epoch.number >= self._warmup(epoch.epochs):
            answers = epoch.answers(epoch.networks[0]).cpu()
            percentile = self.percentile or (97 if answers.shape[1] <= 33 else 100)
            self._matrix = estimated_transition(answers, percentile)
        yield from epoch.examples.batches()

    def losses(self, epoch: Epoch, turn: Batch) -> Sequence[Tensor | None]:
        logits = epoch.networks[0](turn.inputs)
        if self._matrix is None:
            return [cross_entropy(logits, turn.labels)]
        return [forward_corrected(logits, turn.labels, self._matrix)]

    def state(self) -> dict[str, Tensor]:
        return {} if self._matrix is None else {"transition": self._matrix}

    def restore(self, state: Mapping[str, Tensor]) -> None:
        if "transition" in state:
            self._matrix = state["transition"].cpu()

    def _warmup(self, epochs: int) -> int:
        return self.warmup or max(1, epochs // 10)


def _check_possible(matrix: Tensor, labels: Tensor, file: str) -> None:
    """Raise UsageError if a label occurs that no class can have become."""
    never = matrix.sum(0)[labels.cpu()] == 0
    if never.any():
        raise UsageError(
            f"the matrix in '{file}' gives label {labels[int(never.int().argmax())]} no "
            "probability, but it occurs; rows are true classes, columns are labels."
        )


def forward_corrected(logits: Tensor, labels: Tensor, transition: Tensor) -> Tensor:
    """Return the mean of −log (Tᵀp)_y (Theorem 2), for logits (b, C), labels (b,) and T (C, C)."""
    # log Σ_i T_iy p_i from the logarithms of both, so that no p_i underflows
    log_column = transition.to(logits).log().t()[labels]
    return -torch.logsumexp(log_softmax(logits, 1) + log_column, 1).mean()


def estimated_transition(logits: Tensor, percentile: float) -> Tensor:
    """Estimate T (C, C), float64, from the logits (n, C) of a network that fits the noisy labels.

    x̄_i = argmax_x p(i | x) is taken as an example that surely is of class i, equation (12), and
    T_ij = p(j | x̄_i), equation (13). Below a percentile of 100, x̄_i is the likeliest of the
    examples under that percentile of p(i | x).
    """
    p = softmax(logits.double(), 1)
    order = torch.argsort(p, dim=0, stable=True)
    last = len(p) - 1
    # as numpy.percentile(…, method="higher") has it, and the example just below
    place = last if percentile == 100 else max(0, math.ceil(percentile / 100 * last) - 1)
    return p[order[place]]
