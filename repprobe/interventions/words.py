"""What interventions on one block at a time say, in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from repprobe.interventions.causal import Causal, Intervention
    from repprobe.probes.differences import Figure


def sentence(c: Causal) -> str:
    """Return what decides, and whether that agrees with the probes, in one sentence.

    Rewinding decides where it gains, since then it tells where the harm is; else retraining,
    which tells where it can be mended.
    """
    for done, how in (
        (c.rewound, f"Rewound alone to {c.earlier}, the block of {{}} gains most"),
        (c.retrained, "Retrained alone, the block of {} wins back most"),
    ):
        best = done.best
        if best is not None and done.gains:
            return f"{how.format(best.layer)} ({_signed(c, best.change)}){_beside(c, done)}."
    if c.rewound.best is None and c.retrained.best is None:
        return ""
    agreed = ", as probes see no damage begin" if c.compared and c.onset is None else ""
    return (
        f"No block that is rewound or retrained alone wins back anything beyond the error{agreed}."
    )


def details(c: Causal) -> str:
    """Return all that the interventions say, and whether that agrees with the probes."""
    said = [_rewound(c), _retrained(c), _agreement(c)]
    return " ".join(sentence for sentence in said if sentence)


def _beside(c: Causal, done: Intervention) -> str:
    """Compare an intervention that gains with where probes see damage begin."""
    best = done.best
    if not c.compared or best is None:
        return ""
    if c.onset is None:
        return ", though probes see no damage begin"
    if c.onset == best.layer:
        return ", where probes see damage begin, too"
    if c.onset in done.alike:
        return f", not told apart from that of {c.onset}, where probes see damage begin"
    decides = ": they correlate, this decides" if done is c.rewound else ""
    if done.of(c.onset) is None:
        return f", while probes see damage begin at {c.onset}"
    return f", not that of {c.onset}, where probes see damage begin{decides}"


def _rewound(c: Causal) -> str:
    known, best = c.rewound.known, c.rewound.best
    if best is None:
        return ""
    most = known[0]
    some = f" ({c.examples:,} of {c.of:,} test examples)" if c.examples < c.of else ""
    cost = f"that of {most.layer} costs most ({_signed(c, most.change)})"
    if c.rewound.gains:
        text = (
            f"Rewound alone to {c.earlier}{some}, the block of {best.layer} gains most: "
            f"{_signed(c, best.change)}{_rest(c.rewound)}"
        )
        return f"{text}; {cost}." if most.change.high < 0 else f"{text}."
    text = f"Rewinding one block alone to {c.earlier} gains nothing beyond the error{some}"
    if most is best or not most.change.high < 0:
        return f"{text} (most: {best.layer}, {_signed(c, best.change)})."
    return f"{text}: {cost}, that of {best.layer} least ({_signed(c, best.change)})."


def _retrained(c: Causal) -> str:
    best = c.retrained.best
    if best is None:
        return ""
    amount = _signed(c, best.change)
    labels = f"{c.clean_labels:,} clean labels"
    if not c.retrained.gains:
        return (
            f"No block retrained alone on {labels} wins back anything beyond the error (most: "
            f"{best.layer}, {amount})."
        )
    return (
        f"Retrained alone on {labels}, the block of {best.layer} wins back most: {amount}"
        f"{_rest(c.retrained)}."
    )


def _agreement(c: Causal) -> str:
    """Say whether probes and interventions point to the same block.

    Rewinding to a state that gains tells where the harm is; retraining tells only where it
    can be mended, since later blocks learn to make up for an earlier one.
    """
    decides = c.rewound.gains
    found, done = (c.rewound, "rewinding") if decides else (c.retrained, "retraining")
    best = found.best
    if not c.compared or best is None:
        return ""
    decision = "; they correlate, this decides." if decides else "."
    if c.onset is None:
        if not found.gains:
            return "That agrees with the probes, which see no damage begin."
        return f"Probes see no damage begin{decision}"
    own = found.of(c.onset)
    if own is None:
        return f"Probes see damage begin at {c.onset}, where no block with parameters ends."
    if found.gains and c.onset in (best.layer, *found.alike):
        return f"That agrees with the probes, which see damage begin at {c.onset}."
    text = (
        f"Probes see damage begin at {c.onset}, whose block changes the figure by "
        f"{_signed(c, own.change)}"
    )
    if not found.gains:
        return f"{text}: no single block holds the harm."
    places = [effect.layer for effect in found.effects]
    side = "before" if places.index(best.layer) < places.index(c.onset) else "after"
    return f"{text}: what {done} mends most lies {side} it{decision}"


def _signed(c: Causal, change: Figure) -> str:
    """Return a change with its interval: +0.2 points, −1.0 to +1.4."""
    if c.metric == "accuracy":
        value, *ends = (f"{100 * v:+.1f}" for v in change)
        unit = " points"
    else:
        value, *ends = (f"{v:+.3f}" for v in change)
        unit = " in R²"
    known = "" if math.isnan(change.low) else f", {ends[0]} to {ends[1]}"
    return f"{value}{unit}{known}".replace("-", "−")


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
