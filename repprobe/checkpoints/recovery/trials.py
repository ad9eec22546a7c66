"""Tries hypotheses on labelled examples: how well does each answer, and do the norms agree?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from repprobe.checkpoints.preprocessing import Preprocessing
from repprobe.checkpoints.recovery.hypothesis import Hypothesis
from repprobe.checkpoints.recovery.running import Outcome, Runner

SHARPNESS = torch.linspace(-2, 2, 17).exp()
"""Factors on the logits among which the best one is taken for `Trial.search_loss`."""

BATCH = 256
"""Examples that are run at once; batches of fewer would blur the moments at the norms."""

MISMATCH_WEIGHT = 0.3
"""Nats that a mismatch of 1 at the batch norms costs, while hypotheses are searched."""

UNCOMMON = 0.01
"""Share of its loss by which a hypothesis has to be better for each unit of surprise."""

LEAST_LOSS = 0.3
"""What smaller losses count as here: networks that know their examples by heart lose little by
what matters elsewhere."""


@dataclass(frozen=True)
class Candidate:
    """A hypothesis with a preprocessing, one of those that are tried, by its place."""

    hypothesis: Hypothesis
    preprocessing: int


@dataclass(frozen=True, eq=False)
class Trial:
    """What came out for a candidate on a number of examples.

    Attributes
    ----------
    candidate : what was tried.
    losses : (n,) float64, cross-entropy of each example, in nats.
    rescaled : (n,) float64, the same with the best factor on the logits.
    right : (n,) bool, whether its likeliest class is the true one.
    mismatch : mean over the batch norms; see `Outcome`. 0 where there are none.
    search_loss : the mean cross-entropy with the best factor on the logits, and what the norms
        say; the factor keeps an unusual scale of the inputs from deciding while little is known.
    output : (n, C).
    """

    candidate: Candidate
    losses: NDArray[np.float64]
    rescaled: NDArray[np.float64]
    right: NDArray[np.bool_]
    mismatch: float
    search_loss: float
    output: Tensor

    @property
    def cost(self) -> float:
        """The search loss, raised where the hypothesis is uncommon."""
        surprise = self.candidate.hypothesis.surprise
        return self.search_loss + UNCOMMON * surprise * max(self.search_loss, LEAST_LOSS)

    @property
    def loss(self) -> float:
        return float(self.losses.mean())

    @property
    def accuracy(self) -> float:
        return float(self.right.mean())


class Bench:
    """Examples and preprocessings to try hypotheses with.

    Parameters
    ----------
    runner : of the network.
    raw : (n, …) raw inputs, float32, in random order.
    labels : (n,) int64.
    unit : the raw value that stands for 1.0.
    preprocessings : that are tried.
    """

    def __init__(
        self,
        runner: Runner,
        raw: Tensor,
        labels: NDArray[np.int64],
        unit: float,
        preprocessings: Sequence[Preprocessing],
    ) -> None:
        self.runner, self.unit = runner, unit
        self.raw, self.labels = raw, torch.from_numpy(labels)
        self.preprocessings = tuple(preprocessings)
        self.tried: set[Candidate] = set()

    def __len__(self) -> int:
        return len(self.labels)

    def run(self, candidates: Iterable[Candidate], count: int) -> list[Trial]:
        """Try candidates on the first `count` examples, the best by their cost first.

        Those that cannot be run, or put out NaN, are left out.
        """
        wanted = list(dict.fromkeys(candidates))
        self.tried.update(wanted)
        labels = self.labels[:count]
        found = []
        for place, preprocessing in enumerate(self.preprocessings):
            mine = [c for c in wanted if c.preprocessing == place]
            if not mine:
                continue
            x = preprocessing.scale(self.raw[:count].clone(), self.unit)
            steps = [c.hypothesis.ops(self.runner.chain) for c in mine]
            parts: dict[int, list[Outcome]] = {}
            for start in range(0, count, BATCH):
                for i, outcome in self.runner.run(x[start : start + BATCH], steps):
                    parts.setdefault(i, []).append(outcome)
            for i, outcomes in parts.items():
                trial = _judge(mine[i], outcomes, labels)
                if trial is not None:
                    found.append(trial)
        return sorted(found, key=lambda trial: trial.cost)


def _judge(candidate: Candidate, outcomes: Sequence[Outcome], labels: Tensor) -> Trial | None:
    """Judge what came out, batch by batch; None where nothing did, or what is no answer."""
    outputs = [outcome.output for outcome in outcomes if outcome.output is not None]
    if len(outputs) < len(outcomes):
        return None
    output = torch.cat(outputs)
    if output.ndim != 2 or not output.isfinite().all():
        return None
    if output.shape[1] <= int(labels.max()):
        return None
    losses = F.cross_entropy(output, labels, reduction="none")
    factors = SHARPNESS[:, None, None] * output
    sharpened = F.cross_entropy(
        factors.flatten(0, 1), labels.repeat(len(SHARPNESS)), reduction="none"
    )
    sharpened = sharpened.view(len(SHARPNESS), -1)
    rescaled = sharpened[int(sharpened.mean(1).argmin())]
    told = [outcome.mismatch for outcome in outcomes if outcome.mismatch]
    mismatch = float(np.mean(told)) if told else 0.0
    return Trial(
        candidate,
        losses.double().numpy(),
        rescaled.double().numpy(),
        (output.argmax(1) == labels).numpy(),
        mismatch,
        float(rescaled.mean()) + MISMATCH_WEIGHT * min(mismatch, 5.0),
        output,
    )
