"""Solves many logistic regressions on the same features together."""

from __future__ import annotations

import torch
from torch import Tensor

from repprobe.probes.engines.torch_engine.problems import Problems, Solution, logits_of

_NO_SIGNAL = 1e-10
"""Squared logits below which a model says nothing, whatever their relative error."""

_NO_LOSS = 1e-9
"""Objective below which nothing is left to win. It has no minimum where one class occurs."""


def solve(
    problems: Problems,
    start: Solution,
    penalty: Tensor,
    tolerance: float,
    iterations: int = 500,
) -> Solution:
    """Minimize from `start` by preconditioned L-BFGS with a search along each direction.

    The preconditioner is the Hessian's diagonal in the eigenbasis, mean_i p_ik(1 − p_ik) ·
    eigenvalue_j + penalty: an upper bound's curvature (Böhning 1992) scaled to how sure the
    model is of each class by now. An iteration costs two products with z, however long the
    search; problems that have converged are taken out of the batch.
    """
    everyone = torch.arange(len(penalty), device=problems.z.device)
    result, active = start.pick(everyone), everyone
    state = _State(problems, start, penalty)
    for iteration in range(iterations):
        # Where even the gradient's own direction leads nowhere, rounding noise is reached.
        done = (state.decrement <= tolerance) | (state.failures > 1)
        if iteration + 1 == iterations:
            done[:] = True
        if done.any():
            finished, left = done.nonzero()[:, 0], (~done).nonzero()[:, 0]
            result.put(active[finished], state.solution(finished))
            if not len(left):
                break
            active = active[left]
            state.keep(left)
        state.step()
    return result


class _State:
    """Where the iteration stands."""

    def __init__(self, problems: Problems, start: Solution, penalty: Tensor) -> None:
        everyone = torch.arange(len(penalty), device=penalty.device)
        self.problems = problems
        self.penalty = penalty
        self.at, self.logits = start.unknowns, start.logits
        self.memory = start.memory.pick(everyone)
        # Pairs of another penalty's problem say what this one's would, but for the penalty.
        self.memory.stiffen(
            self._penalized(torch.ones_like(self.at), penalty.to(self.at) - start.penalty)
        )
        self.failures = torch.zeros(len(self.at), dtype=torch.int64, device=self.at.device)
        self.loss, self.p = self._evaluate(self.logits, self._given(self.at))
        self.objective = self.loss + 0.5 * self._dot(self._penalized(self.at), self.at)
        self.differentiate()
        self.aim()

    def _penalized(self, row: Tensor, penalty: Tensor | None = None) -> Tensor:
        """Return penalty · row, without the intercepts."""
        result = (self.penalty if penalty is None else penalty)[:, None] * row
        result[:, -self.problems.classes :] = 0
        return result

    def _dot(self, a: Tensor, b: Tensor) -> Tensor:
        return (a * b).sum(1, dtype=torch.float64)

    def _given(self, row: Tensor) -> Tensor:
        """Return the mean (P,) of the logits that the labels pick."""
        return self._dot(self.problems.given, row)

    def _mean(self, values: Tensor) -> Tensor:
        """Return the weighted mean (P,) of values (P, n)."""
        return self._dot(self.problems.weights, values)

    def _evaluate(self, logits: Tensor, given: Tensor) -> tuple[Tensor, Tensor]:
        """Return cross-entropy (P,) in float64, and class probabilities (P, k, n)."""
        highest = logits.amax(1, keepdim=True)
        p = (logits - highest).exp_()
        total = p.sum(1, keepdim=True)
        p /= total
        return self._mean((highest + total.log())[:, 0]) - given, p

    def differentiate(self) -> None:
        """Compute gradient and preconditioner at the iterate."""
        problems, p = self.problems, self.p
        count, _, n = p.shape
        weighted = p * problems.weights[:, None]
        mean = weighted.sum(2)
        curvature = (mean - torch.linalg.vecdot(weighted, p)).clamp_min(torch.finfo(p.dtype).eps)
        slope = (problems.turned @ weighted.view(-1, n).T.contiguous()).T.reshape(count, -1)
        self.gradient = torch.cat([slope, mean], 1) - problems.given + self._penalized(self.at)
        stiffness = curvature[..., None] * problems.eigenvalues + self.penalty[:, None, None]
        self.inverse = 1 / torch.cat([stiffness.flatten(1), curvature], 1)

    def aim(self) -> None:
        """Compute the next direction and how much is left to go."""
        self.direction = self.memory.direction(self.gradient, self.inverse)
        # Half of `steep`, the Newton decrement, is the height above the minimum; against the
        # length of the iterate in the same norm it is the squared error of the logits. Of the
        # two Hessians at hand the one that sees more left is believed.
        steep = torch.maximum(
            self._dot(self.gradient * self.gradient, self.inverse),
            -self._dot(self.gradient, self.direction),
        )
        length = self._dot(self.at * self.at, 1 / self.inverse)
        height = 0.5 * steep / self.objective.clamp_min(torch.finfo(steep.dtype).tiny)
        left = torch.maximum(height, steep / (length + _NO_SIGNAL))
        self.decrement = torch.where(self.objective <= _NO_LOSS, 0, left)

    def solution(self, which: Tensor) -> Solution:
        """Return the iterates of some problems, with their certificates."""
        return Solution(
            self.at[which],
            self.logits[which],
            self.penalty[which],
            self.objective[which],
            self.gradient[which].abs().amax(1).double(),
            self.decrement[which],
            self.memory.pick(which),
        )

    def keep(self, which: Tensor) -> None:
        """Go on with some of the problems."""
        self.problems = self.problems.pick(which)
        self.memory = self.memory.pick(which)
        for name in ("penalty", "logits", "p", "at", "gradient", "inverse", "loss", "objective"):
            setattr(self, name, getattr(self, name)[which])
        self.direction = self.direction[which]
        self.failures, self.decrement = self.failures[which], self.decrement[which]

    def step(self) -> None:
        """Move along L-BFGS' direction, to where the objective is nearly lowest."""
        before, direction = self.gradient, self.direction
        t = self._search(direction)
        failed = t == 0
        self.failures = torch.where(failed, self.failures + 1, 0)
        moved = t[:, None] * direction
        self.at = self.at + moved
        self.differentiate()
        self.memory.add(moved, self.gradient - before)
        if failed.any():
            self.memory.forget(failed)
        self.aim()

    def _search(self, direction: Tensor, trials: int = 12) -> Tensor:
        """Return step lengths (P,) that meet Wolfe's conditions, 0 where none lowers the value.

        The objective is convex along the line, so its slope brackets the minimum; new trials
        are Newton's within the bracket. Moves `logits`, `p`, `loss` and `objective` along.
        """
        along = logits_of(self.problems, direction)
        slope = self._dot(self.gradient, direction)
        pulled = self._penalized(direction)
        cross, square = self._dot(self.at, pulled), self._dot(direction, pulled)
        start, rise = self._given(self.at), self._given(direction)
        slack = 4 * torch.finfo(self.at.dtype).eps * self.objective.abs()
        base = self.objective - self.loss
        t = torch.ones_like(slope)
        low, high = torch.zeros_like(t), torch.full_like(t, torch.inf)
        for _ in range(trials):
            logits, loss, p = self._moved(along, t, start + t * rise)
            value = loss + base + t * (cross + 0.5 * t * square)
            expected = torch.linalg.vecdot(p, along, dim=1)
            tangent = self._mean(expected) - rise + cross + t * square
            fine = (value <= self.objective + 1e-4 * t * slope + slack) & (
                tangent.abs() <= 0.5 * slope.abs()
            )
            if fine.all():
                break
            second = torch.linalg.vecdot(p * along, along, dim=1) - expected * expected
            bend = self._mean(second) + square
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
            logits, loss, p = self._moved(along, t, start + t * rise)
            value = loss + base + t * (cross + 0.5 * t * square)
        self.logits, self.p, self.loss, self.objective = logits, p, loss, value
        return t.to(direction)

    def _moved(self, along: Tensor, t: Tensor, given: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return logits, cross-entropy and probabilities after steps of length t (P,)."""
        logits = torch.addcmul(self.logits, t.to(along)[:, None, None], along)
        return logits, *self._evaluate(logits, given)
