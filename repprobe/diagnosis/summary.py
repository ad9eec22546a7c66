"""From scores to an answer: where the representation is best, against the network's own output."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from repprobe.probes.intervals import over_draws
from repprobe.probes.scores import ALL, INPUT, OUTPUT, Score, Scores


@dataclass(frozen=True)
class Diagnosis:
    """What the scores of one network say.

    Attributes
    ----------
    model : its label.
    best : test figure of the layer that does best inside the clean labels (by validation
        scores, so that the test part has no say in the choice); None where no layer has one.
    own : test figure of the network's own output; None where it has none.
    raw : test figure of the raw input; None where it was not probed.
    highest : highest test figure of any layer.
    gain, low, high : best minus own on the same test examples, and its 95 % interval; NaN where
        it cannot be had.
    curve : test figures of the best layer, one per number of clean labels, increasing; `best` is
        the last.
    """

    model: str
    best: Score | None
    own: Score | None
    raw: Score | None = None
    highest: float = math.nan
    gain: float = math.nan
    low: float = math.nan
    high: float = math.nan
    curve: tuple[Score, ...] = ()

    @property
    def enough(self) -> Score | None:
        """Figure of the fewest clean labels with which the best layer is no worse than `own`.

        Neither is its value lower, nor the lower end of its interval: a figure that few draws
        leave uncertain is not enough. None where there is none.
        """
        if self.own is None:
            return None
        own = self.own
        return next((f for f in self.curve if f.value >= own.value and not f.low < own.low), None)

    @property
    def verdict(self) -> str:
        """A sentence or two for people."""
        return _sentence(self)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for `run.json`; NaN as None."""

        def figure(score: Score | None) -> dict[str, Any] | None:
            if score is None:
                return None
            return {k: _plain(v) for k, v in asdict(score).items()}

        return {
            "model": self.model,
            "verdict": self.verdict,
            "best": figure(self.best),
            "own": figure(self.own),
            "raw": figure(self.raw),
            "gain": {k: _plain(getattr(self, k)) for k in ("gain", "low", "high")},
            "curve": [figure(score) for score in self.curve],
        }


def diagnose(scores: Scores) -> list[Diagnosis]:
    """Return a diagnosis per model of the table, in order, at its largest budget."""
    return [_diagnose(scores, model) for model in scores.models]


def best_layer(scores: Scores, model: str) -> str | None:
    """Return the layer that does best inside the clean labels, the earliest of equals.

    Takes the probes on as many clean labels as there are. Their validation scores decide, by
    the leading metric or else by the mean squared error, so that the test part has no say in
    the choice; only where a layer has none do the test figures. The raw input and the network's
    output are not candidates. None if no layer has a figure.
    """
    scores = scores.where(model=model).at()
    figures = {
        f.layer: f.value
        for f in scores.summary()
        if f.layer not in (INPUT, OUTPUT) and math.isfinite(f.value)
    }
    for ranking in (_validation(scores, scores.metric, 1), _validation(scores, "mse", -1), figures):
        if figures.keys() <= ranking.keys():
            return max(figures, key=lambda layer: ranking[layer], default=None)
    return None


def _diagnose(scores: Scores, model: str) -> Diagnosis:
    figures = {f.layer: f for f in scores.summary().where(model=model) if math.isfinite(f.value)}
    layer = best_layer(scores, model)
    best = None if layer is None else figures[layer]
    raw, own = figures.get(INPUT), figures.get(OUTPUT)
    highest = max(
        (f.value for la, f in figures.items() if la not in (INPUT, OUTPUT)), default=math.nan
    )
    gain = (math.nan,) * 3 if best is None or own is None else _gain(scores, best, own)
    probed = scores.where(model=model, layer=layer)
    curve = [f for b in probed.budgets for f in probed.summary(b) if math.isfinite(f.value)]
    return Diagnosis(model, best, own, raw, highest, *gain, tuple(curve))


def _validation(scores: Scores, metric: str, sign: int) -> dict[str, float]:
    """Return per layer the mean validation figure times `sign`."""
    values: dict[str, list[float]] = {}
    for row in scores.where(split="validation", group=ALL, metric=metric):
        values.setdefault(row.layer, []).append(sign * row.value)
    return {layer: sum(v) / len(v) for layer, v in values.items()}


def _gain(scores: Scores, best: Score, own: Score) -> tuple[float, float, float]:
    """Return best minus own with a paired interval, without one where outcomes are not held."""
    import numpy as np

    theirs = scores.outcomes.get((own.model, own.layer, own.clean_labels, own.seed))
    place = (best.model, best.layer, best.clean_labels)
    ours = [hits for at, hits in scores.outcomes.items() if at[:3] == place]
    if theirs is None or not ours:
        return best.value - own.value, math.nan, math.nan
    return over_draws(np.stack(ours).astype(float) - theirs.astype(float))


def _sentence(d: Diagnosis) -> str:
    if d.best is None:
        return f"{d.model}: no layer could be probed."
    sentence = (
        f"{d.model}: judged inside the clean labels, the representation is best at {d.best.layer}, "
        f"where a {d.best.probe} probe on {d.best.clean_labels:,} clean labels reaches "
        f"{_figure(d.best)} on the test part; {_comparison(d)}."
    )
    if d.raw is not None and d.raw.value >= d.highest:
        sentence += f" No layer probed does better than the raw input ({_figure(d.raw)})."
    return sentence + _budgets(d)


def _budgets(d: Diagnosis) -> str:
    """Say how few clean labels do, where several numbers were tried."""
    if len(d.curve) < 2:
        return ""
    enough = d.enough
    if enough is None or d.own is None or enough == d.curve[-1]:
        fewest = d.curve[0]
        return (
            f" With {fewest.clean_labels:,} clean labels a probe there reaches {_figure(fewest)}."
        )
    output = "the network's own output"
    sure = enough.low > d.own.high
    return (
        f" With {enough.clean_labels:,} clean labels a probe there already reaches "
        f"{_figure(enough)}, "
        + (f"more than {output}." if sure else f"within the error no less than {output}.")
    )


def _comparison(d: Diagnosis) -> str:
    if d.own is None:
        return "there is no output of the network to compare it with"
    own = f"the network's own output reaches {_figure(d.own)}"
    if not math.isfinite(d.low):
        return own
    if d.low <= 0 <= d.high:
        span = f"{100 * d.low:+.1f} to {100 * d.high:+.1f} points"
        return f"{own}, no different within the error (a probe gains {span})"
    side = "less" if d.gain > 0 else "more"
    return f"{own}, {100 * abs(d.gain):.1f} points (95 % interval {_span(d)}) {side}"


def _span(d: Diagnosis) -> str:
    low, high = sorted((abs(d.low), abs(d.high)))
    return f"{100 * low:.1f} to {100 * high:.1f}"


def _figure(score: Score) -> str:
    if score.metric != "accuracy":
        return f"R² {score.value:.3f} ({score.low:.3f} to {score.high:.3f})"
    return f"{100 * score.value:.1f} % ({100 * score.low:.1f} to {100 * score.high:.1f})"


def _plain(value: object) -> object:
    return None if isinstance(value, float) and not math.isfinite(value) else value
