"""Ridge and least squares from sufficient statistics: one decomposition per layer."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from repprobe.probes.engines.border import Examples, Path
from repprobe.probes.engines.held_out import lowest
from repprobe.probes.engines.torch_engine.arrays import array
from repprobe.probes.engines.torch_engine.decomposition import CUTOFF
from repprobe.probes.moments import Moments, total

_PLENTY = 2
"""Examples per feature from which the folds resemble the whole closely enough for the whole's
decomposition to precondition them; with fewer, each fold is decomposed by itself."""

_NARROW = 256
"""Features up to which decomposing every fold costs next to nothing."""

_RESIDUAL = 1e-4
"""Relative residual at which conjugate gradients stop: the folds only rank the penalties."""

_ROUNDS = 40

_NUMBERS = 8_000_000
"""Predictions (examples × targets × penalties) that are held at a time."""

_LOST = 1e-3
"""Share of the whole's variance in a direction below which a fit is taken to lack it."""


class MomentRidge:
    """The ridge path of several sets of targets, cross-validated, from the moments of the folds.

    Parameters
    ----------
    folds : moments of standardized features, those that each fit leaves out.
    examples : that the moments were taken of; None where they are gone.
    """

    def __init__(self, folds: Sequence[Moments], examples: Examples | None = None) -> None:
        self.folds = {number: fold for number, fold in enumerate(folds) if fold.count}
        self.examples = examples
        self.whole = total(list(self.folds.values()))
        self.centred = self.whole.centred()
        values, vectors = torch.linalg.eigh(self.centred.xx)
        values, vectors = values.flip(0), vectors.flip(1)
        rank = max(1, int((values > CUTOFF * values[0]).sum()))
        self.values = values[:rank].clamp_min(torch.finfo(values.dtype).tiny)
        self.vectors = vectors[:, :rank]
        # In float64: in float32 the small eigenvalues would drown in the rounding of the large.
        self.white = self.vectors / self.values.sqrt()
        self.given = self.white.T @ self.centred.xy

    def paths(self, targets: Sequence[int], grid: Sequence[float]) -> list[Path]:
        """Return a path per set of targets, these being the sets' numbers of columns."""
        sets = [slice(*ends) for ends in itertools.pairwise(np.cumsum([0, *targets]).tolist())]
        losses, judged = self._held_out(grid, sets)
        found = []
        for place, some in enumerate(sets):
            loss = array(losses[:, some].sum(1))
            path = self._path(grid, loss, grid[lowest(loss)], some)
            found.append(replace(path, held_out=judged[place]) if judged else path)
        return found

    def _path(self, grid: Sequence[float], loss: np.ndarray, alpha: float, columns: slice) -> Path:
        """Fit the columns under one penalty."""
        c, n = self.centred, self.whole.count
        xy = c.xy[:, columns]
        w = self.vectors @ ((self.vectors.T @ xy) / (self.values + alpha)[:, None])
        product = c.xx @ w
        square = c.yy[columns].sum() - 2 * (w * xy).sum() + (w * product).sum()
        objective = (square.clamp_min(0) + alpha * (w * w).sum()) / n
        gradient = 2 * (product + alpha * w - xy).abs().max() / n
        b = (self.whole.y[columns] - self.whole.x @ w) / n
        return Path(
            tried=np.array(grid, np.float64),
            held_out_loss=loss,
            regularization=np.array([alpha]),
            coefficients=array(w[None]),
            intercepts=array(b[None]),
            objective=array(objective[None]),
            gradient_norm=array(gradient[None]),
            converged=np.array([bool(torch.isfinite(objective))]),
            best=0,
            held_out_scores=None,
        )

    def _held_out(
        self, grid: Sequence[float], sets: Sequence[slice]
    ) -> tuple[Tensor, list[NDArray[np.float32]]]:
        """Return what examples say of the fits that leave them out.

        These are (T, k) mean squared errors and, where there are examples, what the judge of
        each set of targets says of them (T, n).
        """
        alphas = torch.tensor(list(grid), dtype=torch.float64, device=self.values.device)
        if len(self.folds) < 2:
            return alphas.new_full((len(grid), len(self.whole.y)), torch.nan), []
        judged: list[NDArray[np.float32]] = []
        if self.examples:
            shape = (len(grid), len(self.examples.x))
            judged = [np.empty(shape, np.float32) for _ in self.examples.judges]
        width = len(self.whole.x)
        iterates = width > _NARROW and self.whole.count >= _PLENTY * width
        error = alphas.new_zeros(len(grid), len(self.whole.y))
        for number, fold in self.folds.items():
            part = _Fold.of(fold, self)
            w = part.iterate(alphas) if iterates else None
            w = part.decompose(alphas) if w is None else w
            error += part.errors(w)
            if self.examples:
                self._judge(self.examples, number, part, w, sets, judged)
        return error / self.whole.count, judged

    def _judge(
        self,
        examples: Examples,
        number: int,
        part: _Fold,
        w: Tensor,
        sets: Sequence[slice],
        judged: list[NDArray[np.float32]],
    ) -> None:
        """Enter what the judges say of a fold's examples, by the fits (r, T, k) without it."""
        r, count, k = w.shape
        flat = w.reshape(r, -1).double()
        centre = self.whole.x / self.whole.count
        slope = self.white @ flat
        level = (self.whole.y / self.whole.count + part.mean_y).repeat(count)
        level = level - part.mean_x @ flat - centre @ slope
        slope = slope.to(examples.x)
        rows = np.flatnonzero(examples.folds == number)
        for some in np.split(rows, range(0, len(rows), max(1, _NUMBERS // len(level)))[1:]):
            x = examples.x[torch.from_numpy(some).to(examples.x.device)]
            scores = array((x @ slope).double() + level).reshape(-1, count, k)
            for judge, said, columns in zip(examples.judges, judged, sets, strict=True):
                for point in range(count):
                    said[point, some] = judge(scores[:, point, columns], some)


@dataclass(frozen=True)
class _Fold:
    """A fit without one fold, and that fold, in coordinates where the whole's moments are 1.

    Attributes
    ----------
    eigenvalues : (r,) of the whole's centred moments.
    missing : (r, r) what the fit's centred moments lack of the identity.
    given : (r, k) products with the targets in the fit, both centred.
    xx, xy, yy : moments (r, r), (r, k), (k,) of the fold about the fit's means.
    mean_x, mean_y : (r,) and (k,) the fit's means, from those of the whole.
    """

    eigenvalues: Tensor
    missing: Tensor
    given: Tensor
    xx: Tensor
    xy: Tensor
    yy: Tensor
    mean_x: Tensor
    mean_y: Tensor

    @classmethod
    def of(cls, fold: Moments, path: MomentRidge) -> _Fold:
        """Whiten the moments of a fold by the decomposition of the whole."""
        whole, white = path.whole, path.white
        centre, mean_y = whole.x / whole.count, whole.y / whole.count
        here = fold.seen_from(centre, torch.ones_like(centre))
        second = white.T @ (here.xx @ white)
        x, y = white.T @ here.x, here.y - here.count * mean_y
        xy = white.T @ here.xy - torch.outer(x, mean_y)
        yy = here.yy - 2 * mean_y * here.y + here.count * mean_y**2
        n, rest = here.count, whole.count - here.count
        # The sums of the fit are those of the fold, turned round: about the centre all is zero.
        mx, my = -x / rest, -y / rest
        return cls(
            path.values,
            second + rest * torch.outer(mx, mx),
            path.given - xy - rest * torch.outer(mx, my),
            second - torch.outer(x, mx) - torch.outer(mx, x) + n * torch.outer(mx, mx),
            xy - torch.outer(x, my) - torch.outer(mx, y) + n * torch.outer(mx, my),
            yy - 2 * my * y + n * my**2,
            mx,
            my,
        )

    def iterate(self, alphas: Tensor) -> Tensor | None:
        """Return the fits (r, T, k) by conjugate gradients in float32, None if they stall.

        The whole's decomposition preconditions all penalties; those that have converged are
        taken out. Least squares that lack a direction of the whole are not even begun: the norm
        would be least in the coordinates of the whole, and not of the features.
        """
        if not bool(alphas.all()) and self._lacks_directions():
            return None
        damping = (self.eigenvalues[:, None] / (self.eigenvalues[:, None] + alphas)).sqrt().float()
        missing, given = self.missing.float(), self.given.float()
        r, k = given.shape
        damping = damping[:, :, None].expand(-1, -1, k).reshape(r, -1)
        residual = damping * given.repeat(1, len(alphas))
        enough = _RESIDUAL**2 * (residual * residual).sum(0)
        result = torch.zeros_like(residual)
        active = torch.arange(residual.shape[1], device=residual.device)
        found, direction, factor = torch.zeros_like(residual), residual, damping
        length = (residual * residual).sum(0)
        for _ in range(_ROUNDS):
            image = direction - factor * (missing @ (factor * direction))
            step = length / (direction * image).sum(0).clamp_min(torch.finfo(torch.float32).tiny)
            found = found + step * direction
            residual = residual - step * image
            longer = (residual * residual).sum(0)
            done = longer <= enough
            if done.any():
                result[:, active[done]] = (factor * found)[:, done]
                keep = ~done
                if not keep.any():
                    return result.view(r, -1, k)
                active, enough, length, longer = (v[keep] for v in (active, enough, length, longer))
                found, residual, direction, factor = (
                    m[:, keep] for m in (found, residual, direction, factor)
                )
            direction = residual + (longer / length) * direction
            length = longer
        return None

    def _lacks_directions(self) -> bool:
        # Large eigenvalues last: a direction of features weighs most there, and noise least.
        kept = (torch.eye(len(self.missing)).to(self.missing) - self.missing).flip(0, 1)
        factor, failed = torch.linalg.cholesky_ex(kept)
        return bool(failed) or bool(factor.diagonal().min() ** 2 < _LOST)

    def decompose(self, alphas: Tensor) -> Tensor:
        """Return the fits (r, T, k) by a decomposition of the fit's own moments, in float64."""
        root = self.eigenvalues.sqrt()
        own = torch.diag(self.eigenvalues) - root[:, None] * self.missing * root
        values, vectors = torch.linalg.eigh(own)
        counts = values > CUTOFF * values[-1]
        shrunk = torch.where(counts[:, None], 1 / (values[:, None] + alphas).clamp_min(1e-300), 0)
        inner = vectors.T @ (root[:, None] * self.given)
        w = torch.einsum("rs,st,sk->rtk", vectors, shrunk, inner)
        return root[:, None, None] * w

    def errors(self, w: Tensor) -> Tensor:
        """Return (T, k) sums of squared errors on the fold for fits (r, T, k)."""
        r, count, k = w.shape
        flat = w.reshape(r, -1)
        product = self.xx.to(w) @ flat
        square = (flat * product).sum(0, dtype=torch.float64).view(count, k)
        cross = (w * self.xy.to(w)[:, None]).sum(0, dtype=torch.float64)
        return (self.yy - 2 * cross + square).clamp_min(0)
