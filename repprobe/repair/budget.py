"""`budget`: what a fix would be worth with so many clean labels per class."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from repprobe.clock import Clock
from repprobe.data import Data, Draw
from repprobe.errors import UsageError
from repprobe.probes.differences import paired
from repprobe.probes.probing import Labels, blank_score, own_answer
from repprobe.probes.scores import Score, Scores
from repprobe.probes.scoring import Scorer, regression_over_draws
from repprobe.repair import fitting
from repprobe.repair.answers import own_scores
from repprobe.repair.drawing import clean_draws
from repprobe.repair.features import Candidates
from repprobe.repair.gain import in_points, span
from repprobe.repair.info import describe, notes_on
from repprobe.repair.job import Job, Progress
from repprobe.repair.own_labels import NONE
from repprobe.repair.settings import FixSettings
from repprobe.runs import Run, run_folder

if TYPE_CHECKING:
    from torch import nn

    from repprobe.checkpoints import Model

FIXED = "fixed"
"""The layer of rows of the fixed network, whose cut may differ between draws."""

SEEDS = 3
"""Draws of clean labels, where the user names no number."""


@dataclass(frozen=True)
class BudgetGain:
    """What a fix with so many clean labels is worth on the test part.

    Attributes
    ----------
    per_class : clean labels per class; None for "all", and for regression.
    clean_labels : in all.
    cuts : layer that was chosen in each draw.
    gain, low, high : fixed minus own on the same test examples, over the draws, and its 95 %
        interval.
    """

    per_class: int | None
    clean_labels: int
    cuts: tuple[str, ...]
    gain: float
    low: float
    high: float


def budget(
    model: str | os.PathLike[str] | Model | nn.Module | Sequence[Model],
    data: str | os.PathLike[str] | Data,
    budgets: Sequence[int | str],
    *,
    seeds: int = SEEDS,
    out: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    command: Sequence[str] = (),
    **settings: Any,
) -> Run:
    """Measure the fixed network on the test part for several numbers of clean labels.

    In each draw of each budget the cut is chosen as `fix` does. Draws are nested: a smaller
    budget lies within a larger one. No checkpoint is written.

    Parameters
    ----------
    model, data, progress, command : as for `fix`.
    budgets : clean labels per class, or in all for regression; "all" is the training part.
    seeds : draws of clean labels.
    out : folder for `scores.csv`, `run.json` and the picture; None writes nothing.
    **settings : the fields of `FixSettings` but for `clean`, `own_labels`, `then`, `force`.

    Returns
    -------
    Run
        Rows of the layer "fixed", or of the cut where the settings name a single one, and of
        "output"; `info["budgets"]` has the fields of `BudgetGain`.

    Raises
    ------
    RepprobeError
        As for `fix`.
    """
    chosen = FixSettings.of(settings)
    _check(budgets, seeds, chosen)
    clock = Clock()
    with run_folder(out) if out is not None else nullcontext() as folder:
        with clock.timed("load"):
            job = Job.of(model, data, chosen, progress)
            totals = _totals(job, budgets)
            first = chosen.seed
            drawn, notes = clean_draws(job, list(totals), range(first, first + seeds))
        with ExitStack() as keep:
            with clock.timed("capture"):
                networks, layers = job.capture(drawn, NONE, keep)
            with clock.timed("probe"):
                scores, gains = _measured(job, networks, layers, drawn, totals)
            notes += [note for network in networks for note in network.notes]
        clean = np.unique(np.concatenate([draw.rows for draw in drawn]))
        info = {
            **describe(job, command, clock),
            "verdict": verdict(job, gains),
            "seeds": [draw.seed for draw in drawn],
            "budgets": [vars(gain) | {"cuts": list(gain.cuts)} for gain in gains],
            "notes": [*notes_on(job, clean), *notes],
        }
        run = Run(scores, info)
        if folder is not None and out is not None:
            from repprobe.report import save_budget

            with clock.timed("figures"):
                save_budget(scores, folder, classes=job.classes, verdict=info["verdict"])
            run.write(folder)
            run = Run(scores, info, Path(out))
    return run


def verdict(job: Job, gains: Sequence[BudgetGain]) -> str:
    """Say how many labels are the fewest that help."""
    name = job.models[0].name
    enough = next((gain for gain in gains if gain.low > 0), None)
    if enough is None:
        most = gains[-1]
        return (
            f"{name}: with none of these numbers of clean labels a fix is better beyond its 95 % "
            f"interval; {most.clean_labels:,} give {_told(job, most)}."
        )
    text = f"{name}: {_labels(enough)} make the network better, by {_told(job, enough)}"
    last = gains[-1]
    return f"{text}." if last is enough else f"{text}; {_labels(last)}, by {_told(job, last)}."


def _told(job: Job, gain: BudgetGain) -> str:
    interval = span(gain.low, gain.high, job.classes)
    return f"{in_points(gain.gain, job.classes)} (95 % interval {interval})"


def _labels(gain: BudgetGain) -> str:
    if gain.per_class is None:
        return f"{gain.clean_labels:,} clean labels"
    return f"{gain.per_class:,} clean labels per class ({gain.clean_labels:,} in all)"


def _check(budgets: Sequence[int | str], seeds: int, settings: FixSettings) -> None:
    if not budgets:
        raise UsageError("--budget names no number of clean labels per class.")
    for number in budgets:
        whole = isinstance(number, int) and not isinstance(number, bool) and number > 0
        if number != "all" and not whole:
            raise UsageError(
                f"--budget takes whole numbers of at least 1 or 'all', not {number!r}."
            )
    if isinstance(seeds, bool) or not isinstance(seeds, int) or seeds < 1:
        raise UsageError(f"--seeds must be a whole number of at least 1, not {seeds!r}.")
    for name in ("clean", "own_labels", "then", "force"):
        if getattr(settings, name):
            option = "--" + name.replace("_", "-")
            raise UsageError(f"{option} is not for --budget, which writes no network.")


def _totals(job: Job, budgets: Sequence[int | str]) -> dict[int, int | None]:
    """Return the numbers of clean labels, increasing → those per class."""
    available, classes = len(job.data.train), job.classes
    totals: dict[int, int | None] = {}
    for number in budgets:
        if not isinstance(number, int):
            totals[available] = None
            continue
        total = number * max(classes, 1)
        if total > available:
            what = f"{number:,} labels"
            what += f" for each of {classes} classes are {total:,}" if classes else ""
            raise UsageError(
                f"--budget {number}: {what}, but the training part has {available:,} examples."
            )
        totals[total] = number if classes else None
    return dict(sorted(totals.items()))


def _measured(
    job: Job,
    networks: Sequence[Candidates],
    layers: Sequence[str],
    drawn: Sequence[Draw],
    totals: dict[int, int | None],
) -> tuple[Scores, list[BudgetGain]]:
    """Fix the network in every draw of every budget, and score it on the test part."""
    model = job.models[0].name
    labels = Labels(job.data.train.labels, job.data.test.labels, job.data.classes, ()).as_columns()
    scorer = Scorer(labels.test, labels.classes)
    own = own_scores([network.own_test for network in networks], job.classes)
    before = job.own_outcomes(networks)
    scores, gains = Scores(), []
    layer = layers[0] if len(layers) == 1 and job.settings.cut is not None else FIXED
    done, steps = 0, sum(len(draw.budgets) for draw in drawn)
    for place, (count, per_class) in enumerate(totals.items()):
        found: list[list[Score]] = []
        cuts, after = [], []
        for draw in (draw for draw in drawn if place < len(draw.budgets)):
            size = draw.budgets[place]
            rows, folds = draw.rows[:size], draw.folds[:size]
            cut = job.choose(networks, layers, rows, folds)
            heads = job.fit(networks, cut, rows)
            answers = scorer.answers(job.head_scores(networks, cut, heads))
            blank = replace(
                blank_score(model, layer, 1, heads[0].weight.shape[1], job.kind),
                regularization=fitting.regularization(job.kind, cut.point),
                clean_labels=count,
                seed=draw.seed,
            )
            found.append(scorer.rows(blank, answers))
            after.append(scorer.outcomes(answers))
            scores.outcomes[model, layer, count, draw.seed] = after[-1]
            cuts.append(cut.layer)
            done += 1
            job.progress("budget", done, steps)
        scores.rows += [row for rows_of_draw in found for row in rows_of_draw]
        scores.rows += _over_draws(scorer, found, after)
        gain, low, high = paired(np.stack(after).astype(np.float64) - before).interval()
        if job.classes:
            low, high = max(low, -1.0), min(high, 1.0)
        gains.append(BudgetGain(per_class, count, tuple(cuts), gain, low, high))
    return scores + own_answer(own, labels, model, 2), gains


def _over_draws(
    scorer: Scorer, found: Sequence[list[Score]], outcomes: Sequence[np.ndarray]
) -> list[Score]:
    if len(found) < 2:
        return []
    if scorer.classes:
        base = replace(found[0][0], regularization=None)
        return scorer.over_draws(base, outcomes)
    return regression_over_draws([replace(r, regularization=None) for rows in found for r in rows])
