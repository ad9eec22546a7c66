"""The verdict: what a diagnosis says, in a few plain sentences with numbers and intervals."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from repprobe.probes.differences import Figure
from repprobe.probes.scores import OUTPUT, Score

if TYPE_CHECKING:
    from repprobe.diagnosis.damage import LayerDamage
    from repprobe.diagnosis.summary import Diagnosis


_HEADS = {"knn": "a kNN probe"}


def verdict(d: Diagnosis) -> str:
    """Return what the network and a new head score, where damage begins, and what others found."""
    if d.best is None:
        return f"{d.model}: no layer could be probed."
    sentences = [_heads(d, d.best), _damage(d, d.best)]
    sentences += [each.sentence for each in (d.memorization, d.causal) if each is not None]
    return " ".join(sentence for sentence in sentences if sentence)


def _heads(d: Diagnosis, best: Score) -> str:
    """Compare the network's own head with a new one on the best layer."""
    if d.own is None:
        own = "there is no output of the network to score"
    else:
        own = f"the network's own output reaches {_figure(d.own)}"
    head = _HEADS.get(best.probe, f"a {best.probe} head")
    labels = f"{best.clean_labels:,} clean labels"
    if math.isfinite(d.certainty):
        again = f"again in {100 * d.certainty:.0f} % of bootstrap samples"
        chosen = f"chosen inside {labels} ({again})"
    else:
        chosen = f"fitted on {labels}"
    return (
        f"{d.model}: {own}; {head} on {best.layer}, {chosen}, reaches {_figure(best)}"
        f"{_gain(d, best)}{_idle(d, best)}{_budgets(d)}."
    )


def _gain(d: Diagnosis, best: Score) -> str:
    gain = Figure(d.gain, d.low, d.high)
    if not math.isfinite(gain.value):
        return ""
    unsure = not math.isfinite(gain.low)
    if gain.low > 0 or (unsure and gain.value > 0):
        return f", a gain of {_amount(gain, best)}"
    if gain.high < 0 or (unsure and gain.value < 0):
        return f", a loss of {_amount(_negative(gain), best)}"
    return f", no gain beyond the error ({_signed(gain, best)})"


def _idle(d: Diagnosis, best: Score) -> str:
    """Say so where the best layer is worth no more than one that learned nothing."""
    record = d.damage(best.layer)
    if record is None:
        return ""
    rivals = {"the raw input": record.over_input, "random weights": record.over_random}
    for name, over in rivals.items():
        if _not_above(over):
            less = "less" if over.high < 0 else "no more"
            return f", but {less} than {name} ({_signed(over, best)})"
    return ""


def _budgets(d: Diagnosis) -> str:
    """Say how few clean labels do, where several numbers were tried."""
    if len(d.curve) < 2:
        return ""
    enough = d.enough
    if enough is None or d.own is None or enough == d.curve[-1]:
        fewest = d.curve[0]
        return f"; with {fewest.clean_labels:,} clean labels it is {_figure(fewest)}"
    done = "beat" if enough.low > d.own.high else "match"
    labels = f"{enough.clean_labels:,} clean labels"
    return f"; {labels} are enough to {done} that output: {_figure(enough)}"


def _damage(d: Diagnosis, best: Score) -> str:
    """Say where damage begins, or that none was found."""
    records = [r for r in d.damages if math.isfinite(r.damage.value)]
    if not records:
        return ""
    below = f"the same layer of {_names(d.references)}" if d.references else best.layer
    start, own = d.damage(d.onset), d.damage(OUTPUT)
    layers = [r for r in records if r.layer != OUTPUT]
    if start is not None:
        return f"Damage begins at {start.layer}, {_amount(start.damage, best)} below {below}."
    tested = [r for r in layers if math.isfinite(r.p_value)]
    margin = _plain_amount(d.margin, best)
    if not tested:
        if not layers:
            return ""
        most = max(layers, key=lambda r: r.damage.value)
        return (
            f"Largest damage: {_amount(most.damage, best)} at {most.layer}, against {below}; "
            "without the answers to each example nothing tells whether it is an accident."
        )
    most = max(tested, key=lambda r: r.damage.value)
    later = "layer" if d.references else "later layer"
    sentence = (
        f"No {later} is shown to be damaged by more than {margin} against {below} (most at "
        f"{most.layer}: {_signed(most.damage, best)})"
    )
    if d.references and own is not None and _real(own):
        sentence += f"; only the network's own output is, by {_amount(own.damage, best)}"
    return sentence + "."


def _real(record: LayerDamage) -> bool:
    from repprobe.diagnosis.onset import LEVEL

    return record.p_value <= LEVEL


def _not_above(over: Figure) -> bool:
    """Whether a comparison was made and leaves no excess, or none beyond its error."""
    least = over.value if math.isnan(over.low) else over.low
    return least <= 0


def _names(references: Sequence[str]) -> str:
    if len(references) == 1:
        return references[0]
    return f"{len(references)} references ({', '.join(references)})"


def _negative(figure: Figure) -> Figure:
    return Figure(-figure.value, -figure.high, -figure.low)


def _figure(score: Score) -> str:
    """Return a test figure with its interval: 80.0 % (77.4 to 82.4)."""
    if score.metric == "accuracy":
        return f"{100 * score.value:.1f} % ({100 * score.low:.1f} to {100 * score.high:.1f})"
    worse = ", worse than always answering the mean" if score.high < 0 else ""
    return f"R² {_number(score.value)} ({_number(score.low)} to {_number(score.high)}){worse}"


def _amount(figure: Figure, like: Score) -> str:
    """Return a positive difference: 10.0 points (8.0 to 12.0)."""
    ends = "" if math.isnan(figure.low) else f" ({_span(figure, like)})"
    return f"{_plain_amount(figure.value, like)}{ends}"


def _plain_amount(value: float, like: Score) -> str:
    if like.metric == "accuracy":
        return f"{100 * value:.1f} points".replace("-", "−")
    return f"{_number(value)} in R²"


def _span(figure: Figure, like: Score) -> str:
    if like.metric == "accuracy":
        return f"{100 * figure.low:.1f} to {100 * figure.high:.1f}".replace("-", "−")
    return f"{_number(figure.low)} to {_number(figure.high)}"


def _signed(figure: Figure, like: Score) -> str:
    """Return a difference of either sign: +0.2 points, −1.0 to +1.4."""
    if like.metric == "accuracy":
        value, *ends = (f"{100 * v:+.1f}" for v in figure)
        unit = " points"
    else:
        value, *ends = (f"+{_number(v)}" if v >= 0 else _number(v) for v in figure)
        unit = " in R²"
    known = "" if math.isnan(figure.low) else f", {ends[0]} to {ends[1]}"
    return f"{value}{unit}{known}".replace("-", "−")


def _number(value: float) -> str:
    text = f"{value:.3f}" if abs(value) < 100 else f"{value:.3g}"
    return text.replace("-", "−")
