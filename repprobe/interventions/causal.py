"""`Causal`: what interventions on one block at a time did, as fields and in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from repprobe.probes.differences import Figure


@dataclass(frozen=True)
class Effect:
    """What an intervention on one block did to the network's own figure.

    Attributes
    ----------
    layer : the layer that the block ends at.
    value : the figure afterwards; NaN where an answer was no number.
    change : the figure afterwards minus that of the unchanged network on the same test examples,
        and its 95 % interval.
    """

    layer: str
    value: float
    change: Figure


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
        """Whether the best is above the unchanged network beyond the error."""
        return self.best is not None and self.best.change.low > 0

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
        """What the interventions say, and whether that agrees with the probes."""
        said = [self._rewound(), self._retrained(), self._agreement()]
        return " ".join(sentence for sentence in said if sentence)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for `run.json`; NaN as None."""
        names = ("model", "metric", "examples", "of", "earlier", "clean_labels")
        return {
            **{name: getattr(self, name) for name in names},
            "own": _finite(self.own),
            "rewound": _plain(self.rewound),
            "retrained": _plain(self.retrained),
            "sentence": self.sentence,
        }

    def _rewound(self) -> str:
        known, best = self.rewound.known, self.rewound.best
        if best is None:
            return ""
        most = known[0]
        some = (
            f" ({self.examples:,} of {self.of:,} test examples)" if self.examples < self.of else ""
        )
        cost = f"that of {most.layer} costs most ({self._signed(most.change)})"
        if self.rewound.gains:
            text = (
                f"Rewound alone to {self.earlier}{some}, the block of {best.layer} gains most: "
                f"{self._signed(best.change)}{_rest(self.rewound)}"
            )
            return f"{text}; {cost}." if most.change.high < 0 else f"{text}."
        text = f"Rewinding one block alone to {self.earlier} gains nothing beyond the error{some}"
        if most is best or not most.change.high < 0:
            return f"{text} (most: {best.layer}, {self._signed(best.change)})."
        return f"{text}: {cost}, that of {best.layer} least ({self._signed(best.change)})."

    def _retrained(self) -> str:
        best = self.retrained.best
        if best is None:
            return ""
        amount = self._signed(best.change)
        labels = f"{self.clean_labels:,} clean labels"
        if not self.retrained.gains:
            return (
                f"No block retrained alone on {labels} wins back anything beyond the error (most: "
                f"{best.layer}, {amount})."
            )
        return (
            f"Retrained alone on {labels}, the block of {best.layer} wins back most: {amount}"
            f"{_rest(self.retrained)}."
        )

    def _agreement(self) -> str:
        """Say whether probes and interventions point to the same block.

        Rewinding to a state that gains tells where the harm is; retraining tells only where it
        can be mended, since later blocks learn to make up for an earlier one.
        """
        decides = self.rewound.gains
        found, done = (self.rewound, "rewinding") if decides else (self.retrained, "retraining")
        best = found.best
        if not self.compared or best is None:
            return ""
        decision = "; they correlate, this decides." if decides else "."
        if self.onset is None:
            if not found.gains:
                return "That agrees with the probes, which see no damage begin."
            return f"Probes see no damage begin{decision}"
        own = found.of(self.onset)
        if own is None:
            return f"Probes see damage begin at {self.onset}, where no block with parameters ends."
        if found.gains and self.onset in (best.layer, *found.alike):
            return f"That agrees with the probes, which see damage begin at {self.onset}."
        text = (
            f"Probes see damage begin at {self.onset}, whose block changes the figure by "
            f"{self._signed(own.change)}"
        )
        if not found.gains:
            return f"{text}: no single block holds the harm."
        places = [effect.layer for effect in found.effects]
        side = "before" if places.index(best.layer) < places.index(self.onset) else "after"
        return f"{text}: what {done} mends most lies {side} it{decision}"

    def _signed(self, change: Figure) -> str:
        """Return a change with its interval: +0.2 points, −1.0 to +1.4."""
        if self.metric == "accuracy":
            value, *ends = (f"{100 * v:+.1f}" for v in change)
            unit = " points"
        else:
            value, *ends = (f"{v:+.3f}" for v in change)
            unit = " in R²"
        known = "" if math.isnan(change.low) else f", {ends[0]} to {ends[1]}"
        return f"{value}{unit}{known}".replace("-", "−")


def _plain(done: Intervention) -> dict[str, Any]:
    effects = [
        {
            "layer": effect.layer,
            "value": _finite(effect.value),
            **dict(zip(("change", "low", "high"), map(_finite, effect.change), strict=True)),
        }
        for effect in done.effects
    ]
    best = done.best
    return {
        "effects": effects,
        "best": None if best is None else best.layer,
        "alike": list(done.alike),
    }


def _rest(done: Intervention) -> str:
    """Say whether the best is told apart from the others."""
    if done.alike:
        return f" ({_listed(done.alike)} not told apart from it)"
    return ", more than any other" if len(done.effects) > 1 else ""


def _listed(layers: Sequence[str]) -> str:
    """Name up to three layers, and how many more there are."""
    named = list(layers[:3])
    if len(layers) > len(named):
        named.append(f"{len(layers) - len(named)} more")
    *first, last = named
    words = f"{', '.join(first)} and {last}" if first else last
    return f"{words} {'is' if len(layers) == 1 else 'are'}"


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
