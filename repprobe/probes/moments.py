"""Sufficient statistics of least squares: sums over examples that add up across any split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

PENDING = 256
"""Rows that are gathered before their products are taken: few enough to stay small in memory."""

PANEL = 256
"""Rows of a panel of the matrix of products, of which only the upper triangle is kept."""


@dataclass(frozen=True)
class Moments:
    """Count, sums and products of features x (d,) and targets y (k,) of n examples, in float64.

    Features are in some coordinates x ↦ (x − origin) / scale that a user of the moments agrees
    on; moments in the same coordinates add up.

    Attributes
    ----------
    count : n.
    x, y : (d,) and (k,) sums.
    xx : (d, d) sum of products x xᵀ.
    xy : (d, k) sum of products x yᵀ.
    yy : (k,) sum of squares.
    """

    count: int
    x: Tensor
    y: Tensor
    xx: Tensor
    xy: Tensor
    yy: Tensor

    def __add__(self, other: Moments) -> Moments:
        return Moments(
            self.count + other.count,
            self.x + other.x,
            self.y + other.y,
            self.xx + other.xx,
            self.xy + other.xy,
            self.yy + other.yy,
        )

    def seen_from(self, origin: Tensor, scale: Tensor) -> Moments:
        """Return the moments of (x − origin) / scale, both (d,)."""
        n, x = self.count, self.x
        sums = x - n * origin
        xx = self.xx - torch.outer(x, origin) - torch.outer(origin, sums)
        return Moments(
            n,
            sums / scale,
            self.y,
            xx / torch.outer(scale, scale),
            (self.xy - torch.outer(origin, self.y)) / scale[:, None],
            self.yy,
        )

    def centred(self) -> Moments:
        """Return the moments about the examples' own means, of features and targets alike."""
        n = max(self.count, 1)
        return Moments(
            self.count,
            torch.zeros_like(self.x),
            torch.zeros_like(self.y),
            self.xx - torch.outer(self.x, self.x) / n,
            self.xy - torch.outer(self.x, self.y) / n,
            self.yy - self.y**2 / n,
        )


class MomentSums:
    """Gathers moments of features batch by batch; memory does not depend on their number.

    Products are taken and summed in float64, of features less `origin` (d,): a vector near
    their mean, so that a mean far above the spread costs no digits. Sums with other origins,
    of other processes or machines, can be merged.
    """

    def __init__(self, origin: Tensor, targets: int) -> None:
        self.origin = origin.double()
        d = len(origin)
        self._count = 0
        self._x, self._xy = self.origin.new_zeros(d), self.origin.new_zeros(d, targets)
        self._y, self._yy = self.origin.new_zeros(targets), self.origin.new_zeros(targets)
        self._panels: list[Tensor] | None = None
        self._rows: list[Tensor] = []
        self._goals: list[Tensor] = []
        self._pending = 0

    @staticmethod
    def nbytes(width: int, targets: int) -> int:
        """Return the bytes that sums of float32 features and targets so wide take at most."""
        panels = sum((width - i) * min(PANEL, width - i) for i in range(0, width, PANEL))
        sums = panels + (targets + 2) * width + 2 * targets
        return 8 * sums + PENDING * (4 * width + 8 * targets)

    def add(self, rows: Tensor, targets: Tensor) -> None:
        """Add features (b, d) and their targets (b, k)."""
        goals = targets.to(self._y)
        self._count += len(rows)
        for start in range(0, len(rows), PENDING):
            part = rows[start : start + PENDING]
            if self._pending + len(part) > PENDING:
                self._flush()
            if len(part) < len(rows):
                part = part.clone()  # a slice would keep all of its batch in memory
            self._rows.append(part)
            self._goals.append(goals[start : start + len(part)].clone())
            self._pending += len(part)

    def merge(self, other: MomentSums) -> None:
        """Add what another has gathered."""
        theirs = other.moments()
        moved = theirs.seen_from(self.origin - other.origin, torch.ones_like(self.origin))
        self._count += moved.count
        self._x += moved.x
        self._y += moved.y
        self._xy += moved.xy
        self._yy += moved.yy
        for panel, start in zip(self._made(), range(0, len(self.origin), PANEL), strict=True):
            panel += moved.xx[start : start + PANEL, start:]

    def moments(self) -> Moments:
        """Return the moments of the features less `origin`."""
        self._flush()
        d = len(self.origin)
        xx = self.origin.new_zeros(d, d)
        for start, panel in zip(range(0, d, PANEL), self._made(), strict=True):
            xx[start : start + PANEL, start:] = panel
            xx[start:, start : start + PANEL] = panel.T
        sums = (self._x.clone(), self._y.clone(), xx, self._xy.clone(), self._yy.clone())
        return Moments(self._count, *sums)

    def _made(self) -> list[Tensor]:
        if self._panels is None:
            d = len(self.origin)
            self._panels = [
                self.origin.new_zeros(min(PANEL, d - start), d - start)
                for start in range(0, d, PANEL)
            ]
        return self._panels

    def _flush(self) -> None:
        if not self._rows:
            return
        rows = torch.cat(self._rows).double() - self.origin
        goals = torch.cat(self._goals)
        self._x += rows.sum(0)
        self._xy += rows.T @ goals
        self._y += goals.sum(0)
        self._yy += (goals * goals).sum(0)
        for start, panel in zip(range(0, len(self.origin), PANEL), self._made(), strict=True):
            panel.addmm_(rows[:, start : start + PANEL].T, rows[:, start:])
        self._rows, self._goals, self._pending = [], [], 0


def total(moments: Sequence[Moments]) -> Moments:
    """Return the sum of moments in the same coordinates."""
    result = moments[0]
    for other in moments[1:]:
        result = result + other
    return result
