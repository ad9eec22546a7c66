"""Batched problems of multinomial logistic regression, and where their solutions stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from repprobe.probes.engines.torch_engine.decomposition import Decomposition
from repprobe.probes.engines.torch_engine.lbfgs import Memory

PAIRS = 16
"""Pairs of step and change of gradient that L-BFGS remembers."""


@dataclass(frozen=True)
class Problems:
    """P problems min_W,b Σ_i weight_pi · CE(y_pi, W_p z_i + b_p) + penalty_p/2 · ‖W_p‖².

    The labels enter through the logits they pick, whose mean is linear in W and b: a product
    with `given`.

    Attributes
    ----------
    z : (n, r) features with orthogonal columns; `eigenvalues` (r,) of zᵀz / n.
    turned : (r, n) zᵀ, laid out row by row: products with it are twice as fast on a CPU.
    weights : (P, n), summing to 1 per problem; 0 leaves an example out.
    given : (P, D) Σ_i weight_pi · (onehot(y_pi) ⊗ z_i, onehot(y_pi)).
    classes : k; the unknowns of a problem, W (k, r) and then b (k,), are a row of D = k·r + k.
    """

    z: Tensor
    turned: Tensor
    eigenvalues: Tensor
    weights: Tensor
    given: Tensor
    classes: int

    @classmethod
    def of(
        cls, parts: Decomposition, members: Tensor, labels: Sequence[Tensor], classes: int
    ) -> Problems:
        """Set up a problem per labelling (n,) and membership (F, n), the labellings outermost."""
        turned = parts.z.T.contiguous() if parts.z.device.type == "cpu" else parts.z.T
        weights = members.to(parts.z) / members.sum(1, keepdim=True)
        given = []
        for y in labels:
            chosen = torch.nn.functional.one_hot(y, classes).to(parts.z)
            for weight in weights:
                picked = chosen * weight[:, None]
                given.append(torch.cat([(turned @ picked).T.flatten(), picked.sum(0)]))
        return cls(
            parts.z,
            turned,
            parts.eigenvalues,
            weights.repeat(len(labels), 1),
            torch.stack(given),
            classes,
        )

    def pick(self, which: Tensor) -> Problems:
        """Return only some of the problems."""
        return replace(self, weights=self.weights[which], given=self.given[which])

    def double(self) -> Problems:
        """Return the same problems in float64."""
        z = self.z.double()
        return Problems(
            z,
            z.T,
            self.eigenvalues.double(),
            self.weights.double(),
            self.given.double(),
            self.classes,
        )


@dataclass
class Solution:
    """Where P problems stand, and the certificate of each.

    Attributes
    ----------
    unknowns : (P, D).
    logits : (P, k, n) of all examples, those left out included.
    penalty : (P,) under which it was found.
    objective, gradient_norm : (P,), the norm being the largest absolute entry.
    decrement : (P,) estimates how far the objective lies above its minimum, relative to it, and
        the squared error of the logits, relative to their size: whichever is larger.
    memory : of the iteration; it makes the next solution along a path cheaper.
    """

    unknowns: Tensor
    logits: Tensor
    penalty: Tensor
    objective: Tensor
    gradient_norm: Tensor
    decrement: Tensor
    memory: Memory

    @classmethod
    def start(cls, problems: Problems, unknowns: Tensor | None = None) -> Solution:
        """Return the start of an iteration: zeros, or these unknowns (P, D)."""
        count, size = problems.given.shape
        at = torch.zeros_like(problems.given) if unknowns is None else unknowns
        blank = at.new_zeros(count, dtype=torch.float64)
        memory = Memory.empty(count, size, PAIRS, at)
        return cls(
            at,
            logits_of(problems, at),
            at.new_zeros(count),
            blank,
            blank.clone(),
            blank.clone(),
            memory,
        )

    def pick(self, which: Tensor) -> Solution:
        """Return a copy of some of the problems."""
        tensors = {name: getattr(self, name)[which] for name in _TENSORS}
        return Solution(**tensors, memory=self.memory.pick(which))

    def put(self, which: Tensor, other: Solution) -> None:
        """Overwrite some of the problems."""
        for name in _TENSORS:
            getattr(self, name)[which] = getattr(other, name)
        self.memory.put(which, other.memory)

    def double(self, problems: Problems) -> Solution:
        """Return the same place in float64, for the same problems in float64."""
        solution = Solution.start(problems, self.unknowns.double())
        solution.memory = self.memory.double()
        solution.penalty = self.penalty.double()
        return solution

    def ahead(self, before: Tensor, problems: Problems, factor: float) -> None:
        """Go on in a straight line from the unknowns `before` through the present ones."""
        moved = factor * (self.unknowns - before)
        self.unknowns = self.unknowns + moved
        self.logits = self.logits + logits_of(problems, moved)


_TENSORS = ("unknowns", "logits", "penalty", "objective", "gradient_norm", "decrement")


def logits_of(problems: Problems, row: Tensor) -> Tensor:
    """Return the logits (P, k, n) of unknowns (P, D)."""
    k = problems.classes
    w = row[:, :-k].reshape(len(row) * k, -1)
    logits = (problems.z @ w.T.contiguous()).T.contiguous().view(len(row), k, -1)
    return logits + row[:, -k:, None]
