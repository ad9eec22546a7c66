"""L-BFGS' memory for many problems at once: the last steps, and the direction they suggest."""

from __future__ import annotations

import torch
from torch import Tensor


class Memory:
    """The last `size` pairs of step and change of gradient, for P problems of D unknowns.

    Pairs are scaled to a product of 1, which L-BFGS does not notice; a pair without curvature
    is kept as zeros, which it does not notice either. The pairs of a problem stand from the
    oldest, at `_oldest`, on and around.
    """

    def __init__(self, steps: Tensor, changes: Tensor, oldest: int = 0) -> None:
        self._steps, self._changes, self._oldest = steps, changes, oldest

    @classmethod
    def empty(cls, problems: int, unknowns: int, size: int, like: Tensor) -> Memory:
        """Return a memory of no pairs."""
        steps = like.new_zeros(problems, size, unknowns)
        return cls(steps, torch.zeros_like(steps))

    def add(self, step: Tensor, change: Tensor) -> None:
        """Take a pair (P, D) in, in place of the oldest."""
        scale = _scale((step * change).sum(1, keepdim=True))
        self._steps[:, self._oldest] = step * scale
        self._changes[:, self._oldest] = change * scale
        self._oldest = (self._oldest + 1) % self._steps.shape[1]

    def forget(self, which: Tensor) -> None:
        """Drop all pairs of the problems (P,) that are marked."""
        self._steps[which] = 0
        self._changes[which] = 0

    def pick(self, which: Tensor) -> Memory:
        """Return a copy of the pairs of the problems of these indices."""
        return Memory(self._steps[which], self._changes[which], self._oldest)

    def put(self, which: Tensor, other: Memory) -> None:
        """Overwrite the pairs of the problems of these indices."""
        turn = self._oldest - other._oldest
        self._steps[which] = other._steps.roll(turn, 1)
        self._changes[which] = other._changes.roll(turn, 1)

    def double(self) -> Memory:
        """Return the same pairs in float64."""
        return Memory(self._steps.double(), self._changes.double(), self._oldest)

    def stiffen(self, added: Tensor) -> None:
        """Account for a diagonal (P, D) that was added to the Hessian: the pairs stay exact."""
        self._changes += added[:, None] * self._steps
        scale = _scale((self._steps * self._changes).sum(2, keepdim=True))
        self._steps *= scale
        self._changes *= scale

    def direction(self, gradient: Tensor, inverse: Tensor) -> Tensor:
        """Return the descent direction (P, D).

        `inverse` (P, D) is the diagonal of the first guess of the inverse Hessian. It is the
        two-loop recursion (Nocedal & Wright, algorithm 7.4), each loop written as the
        triangular system that it solves.
        """
        s, y = self._steps, self._changes
        size = s.shape[1]
        column = gradient[..., None]
        hy = y * inverse[:, None]
        sg, yhg, sy, yhy = (
            self._in_order(torch.bmm(a, b), square)
            for a, b, square in (
                (s, column, False),
                (hy, column, False),
                (s, y.mT, True),
                (hy, y.mT, True),
            )
        )
        upper = torch.triu(sy, diagonal=1) + torch.eye(size, dtype=sy.dtype, device=sy.device)
        back = torch.linalg.solve_triangular(upper, sg, upper=True)
        forth = torch.linalg.solve_triangular(upper.mT, back - yhg + yhy @ back, upper=False)
        back, forth = back.roll(self._oldest, 1), forth.roll(self._oldest, 1)
        rest = gradient - torch.bmm(y.mT, back)[..., 0]
        return -(inverse * rest + torch.bmm(s.mT, forth)[..., 0])

    def _in_order(self, products: Tensor, square: bool) -> Tensor:
        """Turn products of pairs (P, size, …) so that the oldest pair comes first."""
        if not self._oldest:
            return products
        return products.roll((-self._oldest,) * (2 if square else 1), (1, 2) if square else 1)


def _scale(product: Tensor) -> Tensor:
    tiny = torch.finfo(product.dtype).tiny
    return torch.where(product > tiny, product.clamp_min(tiny).rsqrt(), 0)
