"""Batched multinomial logistic regression: all folds of a regularization solved together."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

_MEMORY = 10
"""Pairs kept by L-BFGS."""


_NO_SIGNAL = 1e-10
"""Squared logits below which a model says nothing, whatever their relative error."""


@dataclass
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


@dataclass
class Solution:
    """Coefficients (r, P, k), intercepts (P, k), and the certificate of each problem (P,).

    `decrement` estimates how far the objective lies above its minimum, relative to it, and the
    squared error of the logits, relative to their size: whichever is larger.
    """

    coefficients: Tensor
    intercepts: Tensor
    objective: Tensor
    gradient_norm: Tensor
    decrement: Tensor

    def to(self, dtype: torch.dtype) -> Solution:
        """Return the same solution in another precision."""
        return Solution(
            self.coefficients.to(dtype),
            self.intercepts.to(dtype),
            self.objective.to(dtype),
            self.gradient_norm.to(dtype),
            self.decrement.to(dtype),
        )

    def pick(self, which: Tensor) -> Solution:
        """Return only some of the problems."""
        return Solution(
            self.coefficients[:, which],
            self.intercepts[which],
            self.objective[which],
            self.gradient_norm[which],
            self.decrement[which],
        )

    def put(self, which: Tensor, other: Solution) -> None:
        """Overwrite some of the problems."""
        self.coefficients[:, which] = other.coefficients
        self.intercepts[which] = other.intercepts
        self.objective[which] = other.objective
        self.gradient_norm[which] = other.gradient_norm
        self.decrement[which] = other.decrement


def zeros(problems: Problems, classes: int) -> Solution:
    """Return the start of a path: all coefficients zero."""
    r, count = problems.z.shape[1], len(problems.penalty)
    nothing = problems.z.new_zeros(count)
    return Solution(
        problems.z.new_zeros(r, count, classes),
        problems.z.new_zeros(count, classes),
        nothing,
        nothing.clone(),
        nothing.clone(),
    )


def solve(problems: Problems, start: Solution, iterations: int = 500) -> Solution:
    """Minimize from `start` by preconditioned L-BFGS with a search along each direction.

    The preconditioner is the Hessian's diagonal in the eigenbasis, mean_i p_ik(1 − p_ik) ·
    eigenvalue_j + penalty: an upper bound's curvature (Böhning 1992) scaled to how sure the
    model is of each class by now. An iteration costs two products with z, however long the
    search; problems that have converged are taken out of the batch.
    """
    result = start.pick(torch.arange(len(problems.penalty), device=problems.z.device))
    active = torch.arange(len(problems.penalty), device=problems.z.device)
    state = _State(problems, start)
    for iteration in range(iterations):
        state.differentiate()
        # Where even the gradient's own direction leads nowhere, rounding noise is reached.
        done = (state.decrement <= state.problems.tolerance) | (state.failures > 1)
        if iteration + 1 == iterations:
            done[:] = True
        if done.any():
            result.put(active[done], state.solution().pick(done.nonzero()[:, 0]))
            left = (~done).nonzero()[:, 0]
            if not len(left):
                break
            active = active[left]
            state.keep(left)
        state.step()
    return result


class _State:
    """Where the iteration stands: the iterate, its logits, the gradient and L-BFGS' memory."""

    def __init__(self, problems: Problems, start: Solution) -> None:
        self.problems = problems
        self.w, self.b = start.coefficients.clone(), start.intercepts.clone()
        self.pairs: list[_Pair] = []
        self.previous: tuple[Tensor, Tensor, Tensor, Tensor] | None = None
        self.failures = torch.zeros(len(self.b), dtype=torch.int64, device=self.b.device)
        self.logits = self._product(self.w) + self.b
        self.loss, self.p = self._evaluate(self.logits)
        self.objective = self.loss + self._penalty()

    def _product(self, direction: Tensor) -> Tensor:
        r, count, k = direction.shape
        return (self.problems.z @ direction.reshape(r, count * k)).reshape(-1, count, k)

    def _evaluate(self, logits: Tensor) -> tuple[Tensor, Tensor]:
        """Cross-entropy (P,) and class probabilities (n, P, k)."""
        logp = torch.log_softmax(logits, -1)
        index = self.problems.y[:, None, None].expand(-1, logits.shape[1], 1)
        loss = -(logp.gather(-1, index)[..., 0] * self.problems.weights).sum(0)
        return loss, logp.exp_()

    def _penalty(self) -> Tensor:
        return 0.5 * self.problems.penalty * (self.w * self.w).sum((0, 2))

    def differentiate(self) -> None:
        """Compute gradient, preconditioner and Newton decrement at the iterate."""
        weights, penalty = self.problems.weights, self.problems.penalty[:, None]
        self.curvature = (
            torch.einsum("npk,np->pk", self.p, weights)
            - torch.einsum("npk,npk,np->pk", self.p, self.p, weights)
        ).clamp_min(torch.finfo(self.p.dtype).eps)
        residual = self.p
        index = self.problems.y[:, None, None].expand(-1, residual.shape[1], 1)
        residual.scatter_add_(-1, index, torch.full_like(index, -1, dtype=residual.dtype))
        residual.mul_(weights[..., None])
        n, count, k = residual.shape
        self.gw = (self.problems.z.T @ residual.reshape(n, count * k)).reshape(-1, count, k)
        self.gw += penalty * self.w
        self.gb = residual.sum(0)
        self.dw = 1 / (self.curvature * self.problems.eigenvalues[:, None, None] + penalty)
        self.db = 1 / self.curvature
        steep = (self.gw * self.gw * self.dw).sum((0, 2)) + (self.gb * self.gb * self.db).sum(1)
        # Half of `steep`, the Newton decrement, is the height above the minimum; against the
        # length of the iterate in the same norm it is the squared error of the logits.
        height = 0.5 * steep / self.objective.clamp_min(torch.finfo(steep.dtype).tiny)
        length = (self.w * self.w / self.dw).sum((0, 2)) + (self.b * self.b / self.db).sum(1)
        self.decrement = torch.maximum(height, steep / (length + _NO_SIGNAL))

    def solution(self) -> Solution:
        """Return the iterate with its certificate."""
        largest = torch.maximum(self.gw.abs().amax((0, 2)), self.gb.abs().amax(1))
        return Solution(self.w, self.b, self.objective, largest, self.decrement)

    def keep(self, which: Tensor) -> None:
        """Go on with some of the problems."""
        self.problems = self.problems.pick(which)
        for name in ("logits", "p", "w", "gw", "dw"):
            setattr(self, name, getattr(self, name)[:, which])
        for name in ("b", "gb", "db", "loss", "objective", "failures", "decrement"):
            setattr(self, name, getattr(self, name)[which])
        self.pairs = [pair.pick(which) for pair in self.pairs]
        if self.previous is not None:
            sw, sb, gw, gb = self.previous
            self.previous = sw[:, which], sb[which], gw[:, which], gb[which]

    def step(self) -> None:
        """Move along L-BFGS' direction, to where the objective is nearly lowest."""
        if self.previous is not None:
            sw, sb, gw, gb = self.previous
            self.pairs = [*self.pairs[-_MEMORY + 1 :], _Pair(sw, sb, self.gw - gw, self.gb - gb)]
        qw, qb = self._direction()
        slope = (self.gw * qw).sum((0, 2)) + (self.gb * qb).sum(1)
        along = self._product(qw) + qb
        t = self._search(along, slope, qw)
        self.failures = torch.where(t == 0, self.failures + 1, 0)
        for pair in self.pairs:
            pair.rho = torch.where(t == 0, 0, pair.rho)
        sw, sb = t[:, None] * qw, t[:, None] * qb
        self.w, self.b = self.w + sw, self.b + sb
        self.previous = sw, sb, self.gw, self.gb

    def _direction(self) -> tuple[Tensor, Tensor]:
        """L-BFGS' two-loop recursion (Nocedal & Wright, algorithm 7.4)."""
        qw, qb = self.gw.clone(), self.gb.clone()
        shares = []
        for pair in reversed(self.pairs):
            share = pair.rho * ((pair.sw * qw).sum((0, 2)) + (pair.sb * qb).sum(1))
            qw -= share[:, None] * pair.yw
            qb -= share[:, None] * pair.yb
            shares.append(share)
        qw *= self.dw
        qb *= self.db
        for pair, share in zip(self.pairs, reversed(shares), strict=True):
            back = pair.rho * ((pair.yw * qw).sum((0, 2)) + (pair.yb * qb).sum(1))
            qw += (share - back)[:, None] * pair.sw
            qb += (share - back)[:, None] * pair.sb
        return qw.neg_(), qb.neg_()

    def _search(self, along: Tensor, slope: Tensor, qw: Tensor, trials: int = 12) -> Tensor:
        """Return step lengths (P,) that meet Wolfe's conditions, 0 where none lowers the value.

        The objective is convex along the line, so its slope brackets the minimum; new trials
        are Newton's within the bracket. Moves `logits`, `p`, `loss` and `objective` along.
        """
        penalty, weights = self.problems.penalty, self.problems.weights
        cross = penalty * (self.w * qw).sum((0, 2))
        square = penalty * (qw * qw).sum((0, 2))
        index = self.problems.y[:, None, None].expand(-1, along.shape[1], 1)
        given = (along.gather(-1, index)[..., 0] * weights).sum(0)
        slack = 4 * torch.finfo(self.objective.dtype).eps * self.objective.abs()
        base = self.objective - self.loss
        t = torch.ones_like(slope)
        low, high = torch.zeros_like(t), torch.full_like(t, torch.inf)
        for _ in range(trials):
            logits = self.logits + t[:, None] * along
            loss, p = self._evaluate(logits)
            value = loss + base + t * (cross + 0.5 * t * square)
            expected = torch.einsum("npk,npk->np", p, along)
            tangent = (expected * weights).sum(0) - given + cross + t * square
            fine = (value <= self.objective + 1e-4 * t * slope + slack) & (
                tangent.abs() <= 0.5 * slope.abs()
            )
            fine |= t == 0
            if fine.all():
                break
            second = torch.einsum("npk,npk->np", p, along * along) - expected * expected
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


class _Pair:
    """One step s of L-BFGS and the gradient's change y along it."""

    def __init__(self, sw: Tensor, sb: Tensor, yw: Tensor, yb: Tensor) -> None:
        self.sw, self.sb, self.yw, self.yb = sw, sb, yw, yb
        product = (sw * yw).sum((0, 2)) + (sb * yb).sum(1)
        tiny = torch.finfo(product.dtype).tiny
        # A pair without curvature tells nothing; rho = 0 leaves it out of the recursion.
        self.rho = torch.where(product > tiny, 1 / product.clamp_min(tiny), 0)

    def pick(self, which: Tensor) -> _Pair:
        """Return only some of the problems."""
        pair = _Pair(self.sw[:, which], self.sb[which], self.yw[:, which], self.yb[which])
        pair.rho = self.rho[which]
        return pair
