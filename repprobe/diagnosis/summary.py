"""`Diagnosis`: what the scores of one network say, as fields, as rows and in words."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from repprobe.diagnosis.damage import LayerDamage
from repprobe.diagnosis.onset import MARGIN
from repprobe.diagnosis.verdict import verdict
from repprobe.probes.scores import Score, Scores


class Finding(Protocol):
    """What is attached to a diagnosis: a sentence of the verdict, and plain values."""

    @property
    def sentence(self) -> str:
        """One sentence, or several."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for `run.json`."""
        ...


@dataclass(frozen=True)
class Diagnosis:
    """What the scores of one network say.

    Attributes
    ----------
    model : its label.
    best : test figure of the layer that does best inside the clean labels (by left-out
        examples, so that the test part has no say in the choice); None where no layer has one.
    own : test figure of the network's own output; None where it has none.
    raw : test figure of the raw input; None where it was not probed.
    gain, low, high : best minus own on the same test examples, and its 95 % interval; NaN where
        it cannot be had.
    curve : test figures of the best layer, one per number of clean labels, increasing; `best` is
        the last.
    certainty : share of bootstrap samples of the left-out clean examples in which the best layer
        is chosen again; NaN where they are not at hand.
    references : labels of the networks that damage is measured against; none where it is the
        best layer of the network itself.
    margin : the damage that is not called so.
    damages : a record per layer that has a figure and for the output, in order.
    onset : the first layer whose damage is larger than the margin beyond chance, in all layers
        together at the 5 % level; None where there is none.
    memorization, causal : what others found, for the verdict.
    """

    model: str
    best: Score | None
    own: Score | None
    raw: Score | None = None
    gain: float = math.nan
    low: float = math.nan
    high: float = math.nan
    curve: tuple[Score, ...] = ()
    certainty: float = math.nan
    references: tuple[str, ...] = ()
    margin: float = MARGIN
    damages: tuple[LayerDamage, ...] = ()
    onset: str | None = None
    memorization: Finding | None = None
    causal: Finding | None = None

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
        """A few sentences for people."""
        return verdict(self)

    def damage(self, layer: str | None) -> LayerDamage | None:
        """Return the record of a layer, None where it has none."""
        return next((record for record in self.damages if record.layer == layer), None)

    def rows(self) -> Scores:
        """Return the rows "damage", "over_input" and "over_random" of the score table."""
        return Scores(row for record in self.damages for row in record.rows())

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for `run.json`; NaN as None."""

        def figure(score: Score | None) -> dict[str, Any] | None:
            return None if score is None else asdict(score)

        found = {
            "model": self.model,
            "verdict": self.verdict,
            "best": figure(self.best),
            "own": figure(self.own),
            "raw": figure(self.raw),
            "gain": {k: getattr(self, k) for k in ("gain", "low", "high")},
            "curve": [figure(score) for score in self.curve],
            "certainty": self.certainty,
            "references": list(self.references),
            "margin": self.margin,
            "onset": self.onset,
            "damages": [record.to_dict() for record in self.damages],
            "memorization": self.memorization and self.memorization.to_dict(),
            "causal": self.causal and self.causal.to_dict(),
        }
        return {key: _plain(value) for key, value in found.items()}


def _plain(value: Any) -> Any:
    """Return the value with None for every number that is not finite."""
    if isinstance(value, dict):
        return {key: _plain(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(each) for each in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
