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
    rewound, retrained : the effects, in the order of execution.
    alike : layers whose blocks, retrained, are not told apart from the one that wins back most:
        the paired 95 % interval of the difference holds 0.
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
    rewound: tuple[Effect, ...]
    retrained: tuple[Effect, ...]
    alike: tuple[str, ...] = ()
    onset: str | None = None
    compared: bool = False

    def beside(self, onset: str | None) -> Causal:
        """Return the same beside what probes say: the layer where damage begins, or None."""
        return replace(self, onset=onset, compared=True)

    @property
    def best(self) -> Effect | None:
        """The retrained block that wins back most; None where no figure is a number."""
        return max(_known(self.retrained), key=lambda e: e.change.value, default=None)

    @property
    def sentence(self) -> str:
        """What the interventions say, and whether that agrees with the probes."""
        said = [self._rewound(), self._retrained(), self._agreement()]
        return " ".join(sentence for sentence in said if sentence)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for `run.json`; NaN as None."""

        def plain(effect: Effect) -> dict[str, Any]:
            change, low, high = (_finite(v) for v in effect.change)
            return {
                "layer": effect.layer,
                "value": _finite(effect.value),
                "change": change,
                "low": low,
                "high": high,
            }

        return {
            "own": _finite(self.own),
            "metric": self.metric,
            "examples": self.examples,
            "of": self.of,
            "earlier": self.earlier,
            "clean_labels": self.clean_labels,
            "rewound": [plain(effect) for effect in self.rewound],
            "retrained": [plain(effect) for effect in self.retrained],
            "alike": list(self.alike),
            "sentence": self.sentence,
        }

    def _rewound(self) -> str:
        known = sorted(_known(self.rewound), key=lambda e: e.change.value)
        if not known:
            return ""
        most, least = known[0], known[-1]
        text = f"Rewinding the block of {most.layer} alone to {self.earlier} "
        some = (
            f" on {self.examples:,} of {self.of:,} test examples" if self.examples < self.of else ""
        )
        if len(known) == 1:
            return f"{text}changes the network's own figure{some} by {self._signed(most.change)}."
        if most.change.value >= 0:
            return (
                f"Rewinding one block alone to {self.earlier} costs nothing{some} (least gained: "
                f"{most.layer}, {self._signed(most.change)}; most: {least.layer}, "
                f"{self._signed(least.change)})."
            )
        if least.change.low > 0:
            other = f"that of {least.layer} gains {self._signed(least.change)}"
        else:
            other = f"that of {least.layer} least ({self._signed(least.change)})"
        return f"{text}costs most{some} ({self._signed(most.change)}), {other}."

    def _retrained(self) -> str:
        best = self.best
        if best is None:
            return ""
        amount = self._signed(best.change)
        labels = f"{self.clean_labels:,} clean labels"
        if not best.change.low > 0:
            return (
                f"No block retrained alone on {labels} wins back anything beyond the error (most: "
                f"{best.layer}, {amount})."
            )
        if not self.alike:
            rest = ", more than any other"
        else:
            rest = f"; {_listed(self.alike)} not told apart from it"
        block = f"the block of {best.layer}"
        return f"Retrained alone on {labels}, {block} wins back most: {amount}{rest}."

    def _agreement(self) -> str:
        """Say whether probes and interventions point to the same block."""
        best = self.best
        if not self.compared or best is None:
            return ""
        gains = best.change.low > 0
        if self.onset is None:
            if not gains:
                return "That agrees with the probes, which see no damage begin."
            return "The probes see no damage begin; they correlate, this decides."
        places = [effect.layer for effect in self.retrained]
        if self.onset not in places:
            return (
                f"Probes see damage begin at {self.onset}, where no block with parameters ends "
                "that could be retrained."
            )
        if gains and self.onset in (best.layer, *self.alike):
            return f"That agrees with the probes, which see damage begin at {self.onset}."
        own = self.retrained[places.index(self.onset)]
        text = (
            f"Probes see damage begin at {self.onset}, whose block retrained alone changes the "
            f"figure by {self._signed(own.change)}"
        )
        if not gains:
            return f"{text}: no single block holds the harm. Probes correlate, this decides."
        side = "before" if places.index(best.layer) < places.index(self.onset) else "after"
        return f"{text}: what mends most lies {side} it. Probes correlate, this decides."

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


def _known(effects: Sequence[Effect]) -> list[Effect]:
    return [effect for effect in effects if math.isfinite(effect.change.value)]


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
