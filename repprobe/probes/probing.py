"""Probing every layer: features and clean labels in, scores and fitted probes out."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from repprobe.errors import ProbeError
from repprobe.probes.engines import Engine
from repprobe.probes.fitting import Kind, fit_probe
from repprobe.probes.probe import Probe
from repprobe.probes.scores import ALL, OUTPUT, Score, Scores
from repprobe.probes.scoring import Scorer, fit_rows, regression_over_draws

Progress = Callable[[str, int, int], None]
"""Called with (stage, done, total)."""


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


@dataclass(frozen=True)
class Labels:
    """The labels that go with features.

    Attributes
    ----------
    train, test : classes (n,), or targets (n, t), of the training and the test rows.
    classes : class names; empty for regression.
    draws : seed → positions among the training rows of the clean labels drawn with it.
    """

    train: NDArray[np.int64] | NDArray[np.float64]
    test: NDArray[np.int64] | NDArray[np.float64]
    classes: tuple[str, ...]
    draws: Mapping[int, NDArray[np.int64]]


def probe_layers(
    features: LayerFeatures,
    labels: Labels,
    *,
    model: str,
    kind: Kind,
    engine: Engine,
    answer: NDArray[np.floating] | None = None,
    progress: Progress | None = None,
) -> tuple[Scores, dict[tuple[str, int], Probe]]:
    """Probe every layer, and score the network's own answer beside it.

    Parameters
    ----------
    features : of one network; layers in the order of execution.
    labels : of the same rows, with the draws of clean labels to fit on.
    model : label of the network in the table.
    kind, engine : the probe, and what fits it.
    answer : (n, C) the network's own output for all rows, or None where it has none.
    progress : called after each layer.

    Returns
    -------
    The score table, and the fitted probe of each (layer, seed). A layer with NaN or infinity
    has a row without a figure and a row that says which share of the examples is affected.
    """
    labels = _as_columns(labels)
    scorer = Scorer(labels.test, labels.classes)
    scores = Scores()
    probes: dict[tuple[str, int], Probe] = {}
    for order, layer in enumerate(features.layers):
        x = features[layer]
        blank = Score(model, layer, order, x.shape[1], kind, None, 0, "", "test", ALL, "", math.nan)
        affected = features.non_finite[layer]
        if affected:
            scores.rows += _marked(blank, scorer, affected / len(x))
        else:
            found, fitted = _probe_layer(
                x, features.train_count, labels, blank, kind, scorer, engine
            )
            scores += found
            probes.update({(layer, seed): probe for seed, probe in fitted.items()})
        if progress:
            progress("probe", order + 1, len(features.layers))
    if answer is not None:
        own = np.asarray(answer[features.train_count :])
        scores += _own_answer(own, labels, scorer, model, len(features.layers))
    return scores, probes


def _as_columns(labels: Labels) -> Labels:
    """Give regression targets (n,) their second axis."""
    if labels.classes or labels.train.ndim == 2:
        return labels
    return replace(labels, train=labels.train[:, None], test=labels.test[:, None])


def _own_answer(
    own: NDArray[np.floating], labels: Labels, scorer: Scorer, model: str, order: int
) -> Scores:
    """Score what the network itself puts out, without a probe."""
    base = Score(model, OUTPUT, order, own.shape[1], "none", None, 0, "", "test", ALL, "", math.nan)
    affected = int((~np.isfinite(own).all(axis=1)).sum())
    if affected:
        return Scores(_marked(base, scorer, affected / len(own)))
    if not labels.classes:
        return Scores(scorer.rows(base, own))
    return Scores(scorer.rows(base, own), {(model, OUTPUT, ""): scorer.hits(own)})


def _marked(base: Score, scorer: Scorer, share: float) -> list[Score]:
    """Return the rows of a layer that cannot be scored: its share of examples with NaN."""
    return [scorer.unknown(base), replace(base, metric="non_finite", value=share)]


def _probe_layer(
    x: NDArray[np.floating],
    train_count: int,
    labels: Labels,
    blank: Score,
    kind: Kind,
    scorer: Scorer,
    engine: Engine,
) -> tuple[Scores, dict[int, Probe]]:
    found = Scores()
    probes: dict[int, Probe] = {}
    test = np.asarray(x[train_count:])
    draws: list[Score] = []
    for seed, rows in labels.draws.items():
        clean = labels.train[rows]
        try:
            probe = fit_probe(kind, np.asarray(x[rows]), clean, len(labels.classes), engine, seed)
        except ProbeError as error:
            raise ProbeError(f"layer '{blank.layer}': {error}") from None
        base = replace(
            blank, regularization=probe.regularization, clean_labels=len(rows), seed=seed
        )
        predicted = probe.scores(test)
        figures = scorer.rows(base, predicted)
        draws += figures
        found.rows += [*figures, *fit_rows(base, probe, clean)]
        if labels.classes:
            found.outcomes[blank.model, blank.layer, seed] = scorer.hits(predicted)
        probes[seed] = probe
    if len(probes) > 1:
        base = replace(draws[0], regularization=None)
        found.rows += (
            scorer.over_draws(base, list(found.outcomes.values()))
            if labels.classes
            else regression_over_draws([replace(r, regularization=None) for r in draws])
        )
    return found, probes
