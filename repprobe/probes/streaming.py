"""Ridge and least squares while the network runs: sums instead of stored features."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from repprobe.probes.engines.border import Examples, Streaming
from repprobe.probes.fitting import GRIDS, Kind, one_hot, ridge_probe
from repprobe.probes.moments import PENDING, Moments, MomentSums, total
from repprobe.probes.outcomes import Outcomes
from repprobe.probes.probe import LinearProbe
from repprobe.probes.probing import (
    Fit,
    Fitted,
    Labels,
    Probes,
    Progress,
    blank_score,
    layer_scores,
    marked,
)
from repprobe.probes.scores import Scores
from repprobe.probes.scoring import Scorer
from repprobe.probes.standardize import Standardization


class SumsTooLargeError(Exception):
    """The sums of all layers do not fit into the memory that was allowed."""


_ROUNDING = 1e-12
"""Variance, relative to the square about the origin, that rounding leaves of a constant."""


class RidgeStream:
    """A sink of `capture`: fits probes to the training rows, then scores the test rows.

    Per layer it holds the moments of each fold of each step between two budgets of each draw of
    clean labels; the budgets of a draw are sums of its steps. When the last training row has
    come, a layer's probes are fitted, its sums are dropped, and only answers to the test
    examples are gathered from then on.

    Where the memory that is left beside the sums has room for the training rows of all layers
    that are under way, these are remembered until then, and the probes come with held-out
    outcomes.

    Parameters
    ----------
    labels : of the rows that will come.
    model : label of the network in the table.
    kind : "ridge" or "least-squares".
    engine : what solves.
    memory_bytes : bound on the sums and the rows of all layers; None sets none on the sums and
        remembers no rows.
    one_by_one : whether a layer has all its rows before the next begins, as `capture.replay`
        gives them: only the widest then counts, and sums beyond the bound are not refused.
    progress : called with ("probe", layers done, layers).

    Attributes
    ----------
    seconds : time spent here.
    probes : the fitted probes, complete when the test rows begin.
    """

    def __init__(
        self,
        labels: Labels,
        *,
        model: str,
        kind: Kind,
        engine: Streaming,
        memory_bytes: int | None = None,
        one_by_one: bool = False,
        progress: Progress | None = None,
    ) -> None:
        self.seconds = 0.0
        self.probes = Probes()
        self._labels = labels.as_columns()
        self._model, self._kind, self._engine = model, kind, engine
        self._memory, self._one_by_one = memory_bytes, one_by_one
        self._remembers = False
        self._progress = progress
        self._scorer = Scorer(self._labels.test, self._labels.classes)
        self._plan = _Plan.of(self._labels)
        self._targets = torch.from_numpy(one_hot(self._labels.train, len(self._labels.classes)))
        self._layers: dict[str, _Layer] = {}
        self._widths: dict[str, int] = {}

    def begin(self, widths: Mapping[str, int]) -> None:
        """See `capture.Sink`; raises SumsTooLargeError."""
        targets = self._targets.shape[1]
        at_once = [max(widths.values(), default=0)] if self._one_by_one else list(widths.values())
        needed = self._plan.cells * sum(MomentSums.nbytes(width, targets) for width in at_once)
        if self._memory is not None:
            if needed > self._memory and not self._one_by_one:
                raise SumsTooLargeError(f"{needed} bytes of sums for {len(widths)} layers")
            rows = 4 * sum(at_once) * len(self._labels.train)
            self._remembers = needed + rows <= self._memory
        self._widths = dict(widths)
        self._layers = {name: _Layer() for name in widths}

    def add(self, name: str, rows: Tensor) -> None:
        """See `capture.Sink`."""
        began = time.perf_counter()
        layer, train_count = self._layers[name], len(self._labels.train)
        if layer.seen < train_count:
            self._learn(layer, rows)
            if layer.seen == train_count:
                self._fit(name, layer)
        else:
            self._answer(layer, rows)
        self.seconds += time.perf_counter() - began

    def drop(self, name: str) -> None:
        """See `capture.Sink`."""
        self._layers.pop(name, None)

    def scores(self, non_finite: Mapping[str, int]) -> Scores:
        """Return the table; layers that hold NaN or infinity in that many examples are marked."""
        scores = Scores()
        count = len(self._labels.train) + len(self._labels.test)
        for order, (name, layer) in enumerate(self._layers.items()):
            blank = blank_score(self._model, name, order, self._widths[name], self._kind)
            affected = non_finite.get(name, 0)
            if affected:
                scores.rows += marked(blank, self._scorer, affected / count)
            else:
                scores += layer_scores(blank, self._labels, self._scorer, layer.fitted)
        return scores

    def _learn(self, layer: _Layer, rows: Tensor) -> None:
        start = layer.seen
        layer.seen += len(rows)
        if not layer.sums:
            # The median of a feature that is mostly 0 is 0, and sums of zeros are exact.
            origin = rows.median(0).values.double().nan_to_num(0, 0, 0)
            layer.sums = [
                MomentSums(origin, self._targets.shape[1]) for _ in range(self._plan.cells)
            ]
        if self._remembers:
            if not len(layer.rows):
                layer.rows = rows.new_empty(len(self._labels.train), rows.shape[1])
            layer.rows[start : layer.seen] = rows
        for cells in self._plan.of_rows[:, start : layer.seen]:
            for cell in np.unique(cells[cells >= 0]):
                some = torch.from_numpy(np.flatnonzero(cells == cell))
                layer.sums[cell].add(rows[some.to(rows.device)], self._targets[start + some])

    def _fit(self, name: str, layer: _Layer) -> None:
        origin = layer.sums[0].origin
        fits = self._labels.fits()
        probes = []
        for draw in self._plan.draws:
            folds: list[Moments] | None = None
            for step in draw:
                added = [layer.sums[cell].moments() for cell in step]
                folds = (
                    added if folds is None else [a + b for a, b in zip(folds, added, strict=True)]
                )
                fit = next(fits)
                probe = self._probe(fit, folds, origin, layer.rows)
                answers = self._scorer.empty_answers(probe.coefficients.shape[1])
                probes.append(probe)
                layer.fitted.append(Fitted(fit, probe, answers))
                self.probes[name, len(fit.rows), fit.seed] = probe
        layer.sums, layer.rows = [], torch.empty(0)
        layer.prepare(probes, origin.device)
        if self._progress:
            done = sum(bool(other.fitted) for other in self._layers.values())
            self._progress("probe", done, len(self._layers))

    def _probe(self, fit: Fit, folds: list[Moments], origin: Tensor, rows: Tensor) -> LinearProbe:
        whole = total(folds)
        if not bool(torch.isfinite(whole.x).all()):
            return _nothing(len(origin), len(whole.y))
        centred = whole.centred()
        mean = whole.x / whole.count
        squares = centred.xx.diagonal()
        squares = torch.where(squares > _ROUNDING * whole.xx.diagonal(), squares, 0)
        spread = (squares / whole.count).sqrt().cpu().numpy()
        standardization = Standardization.of((origin + mean).cpu().numpy(), spread)
        scale = torch.from_numpy(standardization.scale).to(origin)
        standardized = [fold.seen_from(mean, scale) for fold in folds]
        examples = None
        if self._remembers:
            outcomes = Outcomes(self._labels.train[fit.rows], len(self._labels.classes))
            x = _standardized(rows, fit.rows, origin + mean, scale)
            examples = Examples(x, fit.folds, [outcomes.judge])
        (path,) = self._engine.ridge_from_moments(
            standardized, [len(whole.y)], GRIDS[self._kind], examples
        )
        return ridge_probe(self._kind, path, standardization, fit.folds)

    def _answer(self, layer: _Layer, rows: Tensor) -> None:
        start = layer.seen - len(self._labels.train)
        layer.seen += len(rows)
        scores = (rows.double() @ layer.coefficients + layer.intercepts).cpu().numpy()
        width = scores.shape[1] // len(layer.fitted)
        for i, fitted in enumerate(layer.fitted):
            some = scores[:, i * width : (i + 1) * width]
            fitted.answers[start : start + len(rows)] = self._scorer.answers(some)


class _Layer:
    """What is known of a layer so far."""

    def __init__(self) -> None:
        self.seen = 0
        self.sums: list[MomentSums] = []
        self.rows = torch.empty(0)
        self.fitted: list[Fitted] = []
        self.coefficients = torch.empty(0)
        self.intercepts = torch.empty(0)

    def prepare(self, probes: Sequence[LinearProbe], device: torch.device) -> None:
        """Put the probes side by side, so that one product answers for all."""
        coefficients = np.concatenate([p.coefficients for p in probes], axis=1)
        intercepts = np.concatenate([p.intercepts for p in probes])
        self.coefficients = torch.from_numpy(coefficients).to(device)
        self.intercepts = torch.from_numpy(intercepts).to(device)


@dataclass(frozen=True)
class _Plan:
    """Which sums each training row belongs to.

    Attributes
    ----------
    draws : per draw and budget, the cells of the folds of what that budget adds.
    of_rows : (draws, n) cell of each training row, −1 where it is not in a draw.
    """

    draws: list[list[list[int]]]
    of_rows: NDArray[np.int64]

    @property
    def cells(self) -> int:
        """Number of sums per layer."""
        return sum(len(folds) for draw in self.draws for folds in draw)

    @classmethod
    def of(cls, labels: Labels) -> _Plan:
        draws: list[list[list[int]]] = []
        of_rows = np.full((len(labels.draws), len(labels.train)), -1, np.int64)
        used = 0
        for draw, cells in zip(labels.draws, of_rows, strict=True):
            count = int(draw.folds.max()) + 1
            step = np.searchsorted(draw.budgets, np.arange(len(draw.rows)), side="right")
            cells[draw.rows] = used + step * count + draw.folds
            draws.append(
                [
                    [used + place * count + fold for fold in range(count)]
                    for place in range(len(draw.budgets))
                ]
            )
            used += len(draw.budgets) * count
        return cls(draws, of_rows)


def _standardized(rows: Tensor, wanted: NDArray[np.int64], mean: Tensor, scale: Tensor) -> Tensor:
    """Return the standardized features (m, d) of the wanted rows, as wide as they were."""
    which = torch.from_numpy(wanted).to(rows.device)
    result = rows.new_empty(len(wanted), rows.shape[1])
    for some in torch.split(torch.arange(len(wanted), device=rows.device), PENDING):
        result[some] = ((rows[which[some]].double() - mean) / scale).to(rows)
    return result


def _nothing(width: int, targets: int) -> LinearProbe:
    """Return the probe of a layer whose training rows are not finite; its rows are marked."""
    return LinearProbe(
        np.zeros((width, targets)), np.zeros(targets), None, None, False, float("nan")
    )
