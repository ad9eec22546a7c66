"""`Causal`: what interventions on one block at a time did, as fields."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from repprobe.diagnosis.onset import LEVEL, holm
from repprobe.interventions.words import details, sentence
from repprobe.probes.differences import Difference, Figure


@dataclass(frozen=True)
class Effect:
    """What an intervention on one block did to the network's own figure.

    Attributes
    ----------
    layer : the layer that the block ends at.
    value : the figure afterwards; NaN where an answer was no number.
    change : the figure afterwards minus that of the unchanged network on the same test examples,
        and its 95 % interval.
    p_value : one-sided, that the change is no gain, corrected for the number of blocks; NaN where
        it cannot be had.
    """

    layer: str
    value: float
    change: Figure
    p_value: float = math.nan


@dataclass(frozen=True)
class Intervention:
    """The same intervention on one block after the other.

    Attributes
    ----------
    effects : in the order of execution.
    alike : layers whose blocks are not told apart from `best`: the paired 95 % interval of the
        difference between the two figures holds 0.
    """

    effects: tuple[Effect, ...]
    alike: tuple[str, ...] = ()

    @classmethod
    def of_changes(
        cls, layers: Sequence[str], values: Sequence[float], changes: Sequence[Difference]
    ) -> Intervention:
        """Return what was done to each layer's block, the p values corrected (Holm 1979)."""
        p_values = holm([change.p_above(0.0) for change in changes])
        effects = [
            Effect(layer, value, change.interval(), p_value)
            for layer, value, change, p_value in zip(layers, values, changes, p_values, strict=True)
        ]
        return cls(tuple(effects))

    @property
    def known(self) -> list[Effect]:
        """The effects that are numbers, the most harmful first."""
        finite = (effect for effect in self.effects if math.isfinite(effect.change.value))
        return sorted(finite, key=lambda effect: effect.change.value)

    @property
    def best(self) -> Effect | None:
        """The effect with the highest figure, the earliest of equals; None without any."""
        known = (effect for effect in self.effects if math.isfinite(effect.change.value))
        return max(known, key=lambda effect: effect.change.value, default=None)

    @property
    def gains(self) -> bool:
        """Whether the best is above the unchanged network by a test corrected for all blocks."""
        return self.best is not None and self.best.p_value <= LEVEL

    def of(self, layer: str | None) -> Effect | None:
        """Return the effect on the block that ends at a layer; None where there is no such."""
        return next((effect for effect in self.effects if effect.layer == layer), None)


@dataclass(frozen=True)
class Causal:
    """What rewinding and retraining one block at a time did.

    Attributes
    ----------
    model : label of the network.
    metric : "accuracy" or "r2".
    own : figure of the unchanged network.
    examples, of : test examples that all figures are of, and how many there are.
    earlier : what blocks were rewound to, e.g. "its initial weights".
    clean_labels : that blocks were retrained on.
    rewound, retrained : what that did.
    onset : where probes see damage begin; None if nowhere.
    compared : whether `onset` is known.
    """

    model: str
    metric: str
    own: float
    examples: int
    of: int
    earlier: str
    clean_labels: int
    rewound: Intervention
    retrained: Intervention
    onset: str | None = None
    compared: bool = False

    def beside(self, onset: str | None) -> Causal:
        """Return the same beside what probes say: the layer where damage begins, or None."""
        return replace(self, onset=onset, compared=True)

    @property
    def sentence(self) -> str:
        """What decides, and whether that agrees with the probes, in one sentence."""
        return sentence(self)

    @property
    def details(self) -> str:
        """All that the interventions say, and whether that agrees with the probes."""
        return details(self)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for `run.json`; NaN as None."""
        names = ("model", "metric", "examples", "of", "earlier", "clean_labels")
        return {
            **{name: getattr(self, name) for name in names},
            "own": _finite(self.own),
            "rewound": _plain(self.rewound),
            "retrained": _plain(self.retrained),
            "sentence": self.sentence,
            "details": self.details,
        }


def _plain(done: Intervention) -> dict[str, Any]:
    effects = [
        {
            "layer": effect.layer,
            "value": _finite(effect.value),
            **dict(zip(("change", "low", "high"), map(_finite, effect.change), strict=True)),
            "p_value": _finite(effect.p_value),
        }
        for effect in done.effects
    ]
    best = done.best
    return {
        "effects": effects,
        "best": None if best is None else best.layer,
        "alike": list(done.alike),
    }


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
