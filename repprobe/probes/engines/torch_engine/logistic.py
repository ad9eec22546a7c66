"""Batched multinomial logistic regression: all folds of a regularization solved together."""

from __future__ import annotations

from dataclasses import dataclass, fields

import torch
from torch import Tensor

from repprobe.probes.engines.torch_engine.lbfgs import Memory

_NO_SIGNAL = 1e-10
"""Squared logits below which a model says nothing, whatever their relative error."""


@dataclass(frozen=True)
class Problems:
    """P problems min_W,b Σ_i weight_ip · CE(y_i, z_i W_p + b_p) + penalty_p/2 · ‖W_p‖².

    Attributes
    ----------
    z : (n, r) features with orthogonal columns; eigenvalues (r,) of zᵀz / n.
    y : (n,) classes 0…k−1.
    weights : (n, P), summing to 1 per problem; 0 leaves an example out.
    penalty, tolerance : (P,).
    """

    z: Tensor
    eigenvalues: Tensor
    y: Tensor
    weights: Tensor
    penalty: Tensor
    tolerance: Tensor

    def pick(self, which: Tensor) -> Problems:
        """Return only some of the problems."""
        return Problems(
            self.z,
            self.eigenvalues,
            self.y,
            self.weights[:, which],
            self.penalty[which],
            self.tolerance[which],
        )

    def double(self) -> Problems:
        """Return the same problems in float64."""
        return Problems(
            self.z.double(),
            self.eigenvalues.double(),
            self.y,
            self.weights.double(),
            self.penalty.double(),
            self.tolerance.double(),
        )


@dataclass(frozen=True)
class Solution:
    """Coefficients (P, r, k), intercepts (P, k), and the certificate of each problem (P,).

    `decrement` estimates how far the objective lies above its minimum, relative to it, and the
    squared error of the logits, relative to their size: whichever is larger.
    """

    coefficients: Tensor
    intercepts: Tensor
    objective: Tensor
    gradient_norm: Tensor
    decrement: Tensor

    @classmethod
    def zeros(cls, problems: Problems, classes: int) -> Solution:
        """Return the start of a path."""
        r, count = problems.z.shape[1], len(problems.penalty)
        shapes = ((count, r, classes), (count, classes), (count,), (count,), (count,))
        return cls(*(problems.z.new_zeros(shape) for shape in shapes))

    def pick(self, which: Tensor) -> Solution:
        """Return a copy of some of the problems."""
        return Solution(*(getattr(self, f.name)[which] for f in fields(self)))

    def put(self, which: Tensor, other: Solution) -> None:
        """Overwrite some of the problems."""
        for f in fields(self):
            getattr(self, f.name)[which] = getattr(other, f.name)

    def to(self, dtype: torch.dtype) -> Solution:
        """Return the same solution in another precision."""
        return Solution(*(getattr(self, f.name).to(dtype) for f in fields(self)))


def solve(problems: Problems, start: Solution, iterations: int = 500) -> Solution:
    """Minimize from `start` by preconditioned L-BFGS with a search along each direction.

    The preconditioner is the Hessian's diagonal in the eigenbasis, mean_i p_ik(1 − p_ik) ·
    eigenvalue_j + penalty: an upper bound's curvature (Böhning 1992) scaled to how sure the
    model is of each class by now. An iteration costs two products with z, however long the
    search; problems that have converged are taken out of the batch.
    """
    active = torch.arange(len(problems.penalty), device=problems.z.device)
    result = start.pick(active)
    state = _State(problems, start)
    for iteration in range(iterations):
        # Where even the gradient's own direction leads nowhere, rounding noise is reached.
        done = (state.decrement <= state.problems.tolerance) | (state.failures > 1)
        if iteration + 1 == iterations:
            done[:] = True
        if done.any():
            finished, left = done.nonzero()[:, 0], (~done).nonzero()[:, 0]
            result.put(active[finished], state.solution().pick(finished))
            if not len(left):
                break
            active = active[left]
            state.keep(left)
        state.step()
    return result


class _State:
    """Where the iteration stands. All unknowns of a problem, W and then b, are one row (P, D)."""

    def __init__(self, problems: Problems, start: Solution) -> None:
        self.problems = problems
        self.classes = start.intercepts.shape[1]
        self.at = torch.cat([start.coefficients.flatten(1), start.intercepts], 1)
        self.memory = Memory(self.at.shape[0], self.at.shape[1], self.at)
        self.failures = torch.zeros(len(self.at), dtype=torch.int64, device=self.at.device)
        self.logits = self._product(self.at)
        self.loss, self.p = self._evaluate(self.logits)
        self.objective = self.loss + 0.5 * (self._penalized(self.at) * self.at).sum(1)
        self.differentiate()

    def _product(self, row: Tensor) -> Tensor:
        """Return the logits (n, P, k) of unknowns (P, D)."""
        r, k = self.problems.z.shape[1], self.classes
        w = row[:, :-k].view(-1, r, k).permute(1, 0, 2).reshape(r, -1)
        return (self.problems.z @ w).view(-1, len(row), k) + row[:, -k:]

    def _penalized(self, row: Tensor) -> Tensor:
        """Return penalty · row, without the intercepts."""
        result = self.problems.penalty[:, None] * row
        result[:, -self.classes :] = 0
        return result

    def _given(self, values: Tensor) -> Tensor:
        """Return the weighted mean (P,) of the values (n, P, k) at the labels."""
        index = self.problems.y[:, None, None].expand(-1, values.shape[1], 1)
        return (values.gather(-1, index)[..., 0] * self.problems.weights).sum(0)

    def _evaluate(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Return cross-entropy (P,) and class probabilities (n, P, k)."""
        logp = torch.log_softmax(logits, -1)
        return -self._given(logp), logp.exp_()

    def differentiate(self) -> None:
        """Compute gradient, preconditioner and Newton decrement at the iterate."""
        problems, p = self.problems, self.p
        n, count, k = p.shape
        residual = p * problems.weights[..., None]
        curvature = residual.sum(0) - (residual * p).sum(0)
        curvature = curvature.clamp_min(torch.finfo(p.dtype).eps)
        index = problems.y[:, None, None].expand(-1, count, 1)
        residual.scatter_add_(-1, index, -problems.weights[..., None])
        slope = (problems.z.T @ residual.view(n, -1)).view(-1, count, k).permute(1, 0, 2)
        self.gradient = torch.cat([slope.reshape(count, -1), residual.sum(0)], 1)
        self.gradient += self._penalized(self.at)
        stiffness = curvature[:, None] * problems.eigenvalues[:, None]
        stiffness = (stiffness + problems.penalty[:, None, None]).flatten(1)
        self.inverse = 1 / torch.cat([stiffness, curvature], 1)
        # Half of `steep`, the Newton decrement, is the height above the minimum; against the
        # length of the iterate in the same norm it is the squared error of the logits.
        steep = (self.gradient * self.gradient * self.inverse).sum(1)
        length = (self.at * self.at / self.inverse).sum(1)
        height = 0.5 * steep / self.objective.clamp_min(torch.finfo(steep.dtype).tiny)
        self.decrement = torch.maximum(height, steep / (length + _NO_SIGNAL))

    def solution(self) -> Solution:
        """Return the iterate with its certificate."""
        k = self.classes
        w = self.at[:, :-k].view(len(self.at), -1, k)
        largest = self.gradient.abs().amax(1)
        return Solution(w, self.at[:, -k:], self.objective, largest, self.decrement)

    def keep(self, which: Tensor) -> None:
        """Go on with some of the problems."""
        self.problems = self.problems.pick(which)
        self.memory.keep(which)
        self.logits, self.p = self.logits[:, which], self.p[:, which]
        for name in ("at", "gradient", "inverse", "loss", "objective", "failures", "decrement"):
            setattr(self, name, getattr(self, name)[which])

    def step(self) -> None:
        """Move along L-BFGS' direction, to where the objective is nearly lowest."""
        direction = self.memory.direction(self.gradient, self.inverse)
        before = self.gradient
        t = self._search(direction)
        failed = t == 0
        self.failures = torch.where(failed, self.failures + 1, 0)
        moved = t[:, None] * direction
        self.at = self.at + moved
        self.differentiate()
        self.memory.add(moved, self.gradient - before)
        if failed.any():
            self.memory.forget(failed)

    def _search(self, direction: Tensor, trials: int = 12) -> Tensor:
        """Return step lengths (P,) that meet Wolfe's conditions, 0 where none lowers the value.

        The objective is convex along the line, so its slope brackets the minimum; new trials
        are Newton's within the bracket. Moves `logits`, `p`, `loss` and `objective` along.
        """
        weights = self.problems.weights
        along = self._product(direction)
        slope = (self.gradient * direction).sum(1)
        pulled = self._penalized(direction)
        cross, square = (self.at * pulled).sum(1), (direction * pulled).sum(1)
        given = self._given(along)
        slack = 4 * torch.finfo(self.objective.dtype).eps * self.objective.abs()
        base = self.objective - self.loss
        t = torch.ones_like(slope)
        low, high = torch.zeros_like(t), torch.full_like(t, torch.inf)
        for _ in range(trials):
            logits = self.logits + t[:, None] * along
            loss, p = self._evaluate(logits)
            value = loss + base + t * (cross + 0.5 * t * square)
            weighted = p * along
            expected = weighted.sum(-1)
            tangent = (expected * weights).sum(0) - given + cross + t * square
            fine = (value <= self.objective + 1e-4 * t * slope + slack) & (
                tangent.abs() <= 0.5 * slope.abs()
            )
            if fine.all():
                break
            second = (weighted * along).sum(-1) - expected * expected
            bend = (second * weights).sum(0) + square
            low = torch.where(tangent < 0, t, low)
            high = torch.where(tangent < 0, high, t)
            newton = t - tangent / bend.clamp_min(torch.finfo(bend.dtype).tiny)
            newton = torch.minimum(newton, 4 * t)
            outside = ~((newton > low) & (newton < high))
            middle = torch.where(high.isinf(), 2 * t, 0.5 * (low + high))
            t = torch.where(fine, t, torch.where(outside, middle, newton))
        failed = value > self.objective + slack
        if failed.any():
            t = torch.where(failed, 0, t)
            logits = self.logits + t[:, None] * along
            loss, p = self._evaluate(logits)
            value = loss + base + t * (cross + 0.5 * t * square)
        self.logits, self.p, self.loss, self.objective = logits, p, loss, value
        return t
