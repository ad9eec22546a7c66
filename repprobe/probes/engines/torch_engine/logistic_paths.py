"""Regularization paths of logistic regression: which penalty is best, and the fit under it.

Whatever the precision on the way, a fit to all examples ends, and is certified, in float64.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import zip_longest

import numpy as np
import torch
from torch import Tensor

from repprobe.probes.engines.border import Integers, Judge, Path
from repprobe.probes.engines.held_out import HeldOut
from repprobe.probes.engines.torch_engine.arrays import array
from repprobe.probes.engines.torch_engine.decomposition import Decomposition
from repprobe.probes.engines.torch_engine.logistic import solve
from repprobe.probes.engines.torch_engine.problems import Problems, Solution

TOLERANCE = {torch.float32: 1e-8, torch.float64: 1e-10}
"""Relative height above the minimum at which a fit to all examples has converged, by the
precision of the features. It is an estimate, from a Hessian that is not quite the true one: near
separable classes it has been 250 times too low."""

FOLD_TOLERANCE = 1e-4
"""The same for the folds, whose fits only rank the regularizations."""

LOGITS = 32_000_000
"""Logits (examples × classes), and pairs of L-BFGS, of the problems that are solved together."""


class LogisticPaths:
    """The paths of several label sets with the same number of classes, on one layer's features.

    Each is cross-validated from strong to weak penalties, every fit starting where those before
    it lead. Problems of all label sets and folds go in one batch.
    """

    def __init__(
        self,
        parts: Decomposition,
        labels: Sequence[Integers],
        classes: int,
        folds: Integers | None,
        judges: Sequence[Judge] = (),
    ) -> None:
        self.parts, self.classes, self.folds = parts, classes, folds
        self.labels = labels
        self.judges = judges
        self.device = parts.z.device
        self._y = [torch.from_numpy(y).to(self.device) for y in labels]
        self._tolerance = TOLERANCE[parts.z.dtype]
        self._everyone = torch.ones(1, len(parts.z), device=self.device)

    def run(self, grid: Sequence[float], whole: bool) -> list[Path]:
        """Return a path per label set, `grid` holding growing values of C."""
        if self.folds is None:
            fits = self._fit_path(grid)
            return [self._path(list(grid), None, 0, fits[i]) for i in range(len(self.labels))]
        judges = [HeldOut(y, own) for y, own in zip_longest(self.labels, self.judges)]
        starts = self._judge(grid, judges, whole)
        if whole:
            fits = self._fit_path(grid)
        else:
            fits = [
                [(grid[judge.best], self._fit_one(i, grid[judge.best], starts[i]))]
                for i, judge in enumerate(judges)
            ]
        return [
            self._path(list(grid[: len(judge.losses)]), judge, judge.best if whole else 0, fits[i])
            for i, judge in enumerate(judges)
        ]

    def _judge(self, grid: Sequence[float], judges: list[HeldOut], whole: bool) -> list[Tensor]:
        """Let the judges see the folds' paths; return the folds' mean at the best point (D,)."""
        assert self.folds is not None
        fold = torch.from_numpy(self.folds).to(self.device)
        count = int(fold.max()) + 1
        members = (fold != torch.arange(count, device=self.device)[:, None]).float()
        problems = Problems.of(self.parts, members, self._y, self.classes)
        batch = _Batch(problems, members.sum(1).repeat(len(judges)), FOLD_TOLERANCE)
        starts: list[Tensor] = [problems.given[0]] * len(judges)
        alive = list(range(len(judges)))
        for strength in grid:
            which = torch.tensor([i * count + f for i in alive for f in range(count)])
            batch.solve(strength, which.to(self.device))
            for i in tuple(alive):
                logits = batch.solution.logits[i * count : (i + 1) * count]
                left_out = logits[fold, :, torch.arange(len(fold), device=self.device)]
                falls = judges[i].add(left_out.cpu().numpy())
                if judges[i].best == len(judges[i].losses) - 1:
                    starts[i] = batch.solution.unknowns[i * count : (i + 1) * count].mean(0)
                if not (falls or whole):
                    alive.remove(i)
            if not alive:
                break
        return starts

    def _fit_one(self, label_set: int, strength: float, start: Tensor) -> Solution:
        """Fit one label set to all examples under one penalty."""
        problem = Problems.of(self.parts, self._everyone, [self._y[label_set]], self.classes)
        penalty = start.new_full((1,), 1 / (strength * len(self.parts.z)))
        solution = solve(problem, Solution.start(problem, start[None]), penalty, self._tolerance)
        exact = problem.double()
        return solve(exact, solution.double(exact), penalty.double(), self._tolerance)

    def _fit_path(self, grid: Sequence[float]) -> list[list[tuple[float, Solution]]]:
        """Fit every label set to all examples at every point of the path."""
        problems = Problems.of(self.parts, self._everyone, self._y, self.classes)
        exact = problems.double()
        everyone = torch.arange(len(self._y), device=self.device)
        counts = torch.full((len(self._y),), float(len(self.parts.z)), device=self.device)
        batch = _Batch(problems, counts, self._tolerance)
        fits: list[list[tuple[float, Solution]]] = [[] for _ in self._y]
        for strength in grid:
            batch.solve(strength, everyone)
            for i, fit in enumerate(fits):
                one = torch.tensor([i], device=self.device)
                problem = exact.pick(one)
                solution = batch.solution.pick(one).double(problem)
                fit.append((strength, solve(problem, solution, solution.penalty, self._tolerance)))
        return fits

    def _path(
        self,
        tried: list[float],
        judge: HeldOut | None,
        best: int,
        fits: list[tuple[float, Solution]],
    ) -> Path:
        k = self.classes
        solutions = [solution for _, solution in fits]
        basis = self.parts.basis
        weights = [basis.to(s.unknowns) @ s.unknowns[0, :-k].view(k, -1).T for s in solutions]
        return Path(
            tried=np.array(tried, np.float64),
            held_out_loss=np.array(judge.losses if judge else [np.nan] * len(tried)),
            regularization=np.array([strength for strength, _ in fits], np.float64),
            coefficients=array(torch.stack(weights)),
            intercepts=array(torch.cat([s.unknowns[:, -k:] for s in solutions])),
            objective=array(torch.cat([s.objective for s in solutions])).astype(np.float64),
            gradient_norm=array(torch.cat([s.gradient_norm for s in solutions])).astype(float),
            converged=array(torch.cat([s.decrement for s in solutions]) <= self._tolerance),
            best=best,
            held_out_scores=judge.scores if judge else None,
            held_out=judge.judged if judge else None,
        )


class _Batch:
    """Problems that go along a path together, in groups that fit into memory."""

    def __init__(self, problems: Problems, counts: Tensor, tolerance: float) -> None:
        self._problems, self._counts, self._tolerance = problems, counts, tolerance
        self.solution = Solution.start(problems)
        self._before: Tensor | None = None
        self._strengths: list[float] = []

    def solve(self, strength: float, which: Tensor) -> None:
        """Solve the problems of these indices at the next value of C."""
        penalty = (1 / (strength * self._counts)).to(self._problems.z)
        here = self.solution.unknowns.clone()
        largest = self._problems.classes * max(
            len(self._problems.z), 10 * self._problems.z.shape[1]
        )
        for group in torch.split(which, max(1, LOGITS // largest)):
            problems, start = self._problems.pick(group), self.solution.pick(group)
            if self._before is not None:
                start.ahead(self._before[group], problems, self._factor(strength))
            self.solution.put(group, solve(problems, start, penalty[group], self._tolerance))
        if self._strengths:
            self._before = here
        self._strengths.append(strength)

    def _factor(self, strength: float) -> float:
        """Return the next step in log C, in units of the last one."""
        last, before = self._strengths[-1], self._strengths[-2]
        return float(np.log(strength / last) / np.log(last / before))
