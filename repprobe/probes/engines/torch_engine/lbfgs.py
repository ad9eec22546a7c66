"""L-BFGS' memory for many problems at once: the last steps, and the direction they suggest."""

from __future__ import annotations

import torch
from torch import Tensor


class Memory:
    """The last `size` pairs of step and change of gradient, for P problems of D unknowns.

    Pairs are scaled to a product of 1, which L-BFGS does not notice; a pair without curvature
    is kept as zeros, which it does not notice either.
    """

    def __init__(self, problems: int, unknowns: int, like: Tensor, size: int = 10) -> None:
        self._steps = like.new_zeros(problems, size, unknowns)
        self._changes = torch.zeros_like(self._steps)
        self._count = 0

    def add(self, step: Tensor, change: Tensor) -> None:
        """Take a pair (P, D) in, in place of the oldest."""
        product = (step * change).sum(1, keepdim=True)
        tiny = torch.finfo(product.dtype).tiny
        scale = torch.where(product > tiny, product.clamp_min(tiny).rsqrt(), 0)
        slot = self._count % self._steps.shape[1]
        self._steps[:, slot] = step * scale
        self._changes[:, slot] = change * scale
        self._count += 1

    def forget(self, which: Tensor) -> None:
        """Drop all pairs of the problems (P,) that are marked."""
        self._steps[which] = 0
        self._changes[which] = 0

    def keep(self, which: Tensor) -> None:
        """Go on with the problems of these indices."""
        self._steps, self._changes = self._steps[which], self._changes[which]

    def direction(self, gradient: Tensor, inverse: Tensor) -> Tensor:
        """Return the descent direction (P, D).

        `inverse` (P, D) is the diagonal of the first guess of the inverse Hessian. It is the
        two-loop recursion (Nocedal & Wright, algorithm 7.4), each loop written as the
        triangular system that it solves.
        """
        if self._count == 0:
            return -inverse * gradient
        size = self._steps.shape[1]
        used = min(self._count, size)
        first = self._count - used
        order = torch.tensor([(first + i) % size for i in range(used)], device=gradient.device)
        s, y = self._steps, self._changes
        hy = y * inverse[:, None]
        column = gradient[..., None]
        sg, yhg = (torch.bmm(m, column)[:, order] for m in (s, hy))
        sy, yhy = (torch.bmm(m, y.mT)[:, order][:, :, order] for m in (s, hy))
        upper = torch.triu(sy, diagonal=1) + torch.eye(used, dtype=sy.dtype, device=sy.device)
        back = torch.linalg.solve_triangular(upper, sg, upper=True)
        forth = torch.linalg.solve_triangular(upper.mT, back - yhg + yhy @ back, upper=False)
        shares = torch.zeros(len(s), size, 2, dtype=s.dtype, device=s.device)
        shares[:, order] = torch.cat([back, forth], -1)
        rest = gradient - torch.bmm(y.mT, shares[..., :1])[..., 0]
        return -(inverse * rest + torch.bmm(s.mT, shares[..., 1:])[..., 0])
