"""Probing every layer: features and clean labels in, scores and fitted probes out."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from repprobe.data.splits import Draw
from repprobe.errors import ProbeError
from repprobe.probes.engines import Distance, Engine
from repprobe.probes.fitting import Kind, fit_probe
from repprobe.probes.probe import Probe
from repprobe.probes.scores import ALL, OUTPUT, Score, Scores
from repprobe.probes.scoring import Scorer, fit_rows, regression_over_draws

Progress = Callable[[str, int, int], None]
"""Called with (stage, done, total)."""

Probes = dict[tuple[str, int, int], Probe]
"""(layer, clean labels, seed) → the probe fitted there."""


class LayerFeatures(Protocol):
    """What probing needs of `capture`'s Features."""

    @property
    def layers(self) -> Sequence[str]:
        """Layer names in the order of execution; "input" first."""
        ...

    @property
    def train_count(self) -> int:
        """Rows that belong to the clean training part; they come first."""
        ...

    @property
    def non_finite(self) -> Mapping[str, int]:
        """Layer → examples in which it has NaN or infinity."""
        ...

    def __getitem__(self, layer: str) -> NDArray[np.floating]:
        """Features (n, width) of a layer."""
        ...


class Fit(NamedTuple):
    """What one probe is fitted on: positions among the training rows, and their folds."""

    seed: int
    rows: NDArray[np.int64]
    folds: NDArray[np.int64]


class Fitted(NamedTuple):
    """A fitted probe and its answers to the test examples; see `Scorer.answers`."""

    fit: Fit
    probe: Probe
    answers: NDArray[np.generic]


@dataclass(frozen=True)
class Labels:
    """The labels that go with features.

    Attributes
    ----------
    train, test : classes (n,), or targets (n, t), of the training and the test rows.
    classes : class names; empty for regression.
    draws : of clean labels; their `rows` are positions among the training rows.
    """

    train: NDArray[np.int64] | NDArray[np.float64]
    test: NDArray[np.int64] | NDArray[np.float64]
    classes: tuple[str, ...]
    draws: Sequence[Draw]

    def fits(self) -> Iterator[Fit]:
        """Yield what each probe of a layer is fitted on: a draw after the other, growing."""
        for draw in self.draws:
            for budget in draw.budgets:
                yield Fit(draw.seed, draw.rows[:budget], draw.folds[:budget])

    def as_columns(self) -> Labels:
        """Give regression targets (n,) their second axis."""
        if self.classes or self.train.ndim == 2:
            return self
        return replace(self, train=self.train[:, None], test=self.test[:, None])


def probe_layers(
    features: LayerFeatures,
    labels: Labels,
    *,
    model: str,
    kind: Kind,
    engine: Engine,
    distance: Distance = "euclidean",
    progress: Progress | None = None,
) -> tuple[Scores, Probes]:
    """Probe every layer on features that were kept.

    Parameters
    ----------
    features : of one network; layers in the order of execution.
    labels : of the same rows, with the draws of clean labels to fit on.
    model : label of the network in the table.
    kind, engine, distance : the probe, what fits it, and what is near (knn).
    progress : called after each layer.

    Returns
    -------
    The score table, and the fitted probes. A layer with NaN or infinity has a row without a
    figure and a row that says which share of the examples is affected.
    """
    labels = labels.as_columns()
    scorer = Scorer(labels.test, labels.classes)
    scores, probes = Scores(), Probes()
    for order, layer in enumerate(features.layers):
        x = features[layer]
        blank = blank_score(model, layer, order, x.shape[1], kind)
        affected = features.non_finite[layer]
        if affected:
            scores.rows += marked(blank, scorer, affected / len(x))
        else:
            fitted = []
            test = np.asarray(x[features.train_count :])
            for fit in labels.fits():
                rows = np.asarray(x[fit.rows])
                clean = labels.train[fit.rows]
                try:
                    probe = fit_probe(
                        kind, rows, clean, len(labels.classes), engine, fit.folds, distance
                    )
                except ProbeError as error:
                    raise ProbeError(f"layer '{layer}': {error}") from None
                fitted.append(Fitted(fit, probe, scorer.answers(probe.scores(test))))
            scores += layer_scores(blank, labels, scorer, fitted)
            probes.update({(layer, len(f.fit.rows), f.fit.seed): f.probe for f in fitted})
        if progress:
            progress("probe", order + 1, len(features.layers))
    return scores, probes


def own_answer(answer: NDArray[np.floating], labels: Labels, model: str, order: int) -> Scores:
    """Score what the network itself answers (n, C) to the test examples, without a probe."""
    labels = labels.as_columns()
    scorer = Scorer(labels.test, labels.classes)
    base = blank_score(model, OUTPUT, order, answer.shape[1], "none")
    affected = int((~np.isfinite(answer).all(axis=1)).sum())
    if affected:
        return Scores(marked(base, scorer, affected / len(answer)))
    answers = scorer.answers(answer)
    return Scores(scorer.rows(base, answers), {(model, OUTPUT, 0, ""): scorer.outcomes(answers)})


def blank_score(model: str, layer: str, order: int, width: int, kind: str) -> Score:
    """Return a test row of a layer that has all but its figure."""
    return Score(model, layer, order, width, kind, None, 0, "", "test", ALL, "", math.nan)


def marked(base: Score, scorer: Scorer, share: float) -> list[Score]:
    """Return the rows of a layer that cannot be scored: its share of examples with NaN."""
    return [scorer.unknown(base), replace(base, metric="non_finite", value=share)]


def layer_scores(blank: Score, labels: Labels, scorer: Scorer, fitted: Sequence[Fitted]) -> Scores:
    """Return the rows of a layer: of each probe, and over the draws of each budget."""
    found = Scores()
    figures: dict[int, list[list[Score]]] = {}
    for fit, probe, answers in fitted:
        count = len(fit.rows)
        base = replace(
            blank, regularization=probe.regularization, clean_labels=count, seed=fit.seed
        )
        rows = scorer.rows(base, answers)
        figures.setdefault(count, []).append(rows)
        found.rows += [*rows, *fit_rows(base, probe, labels.train[fit.rows])]
        place = (blank.model, blank.layer, count, fit.seed)
        found.outcomes[place] = scorer.outcomes(answers)
        if probe.held_out:
            found.held_out[place] = probe.held_out._replace(rows=fit.rows)
    for count, draws in figures.items():
        if len(draws) == 1:
            continue
        base = replace(draws[0][0], regularization=None)
        outcomes = [some for place, some in found.outcomes.items() if place[2] == count]
        rows = [replace(r, regularization=None) for several in draws for r in several]
        found.rows += (
            scorer.over_draws(base, outcomes) if labels.classes else regression_over_draws(rows)
        )
    return found
