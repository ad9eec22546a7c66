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


def verdict(d: Diagnosis) -> str:
    """Return what the network scores, where it is best, where damage begins, and the rest."""
    if d.best is None:
        return f"{d.model}: no layer could be probed."
    sentences = [_own_and_best(d, d.best), _head(d, d.best), _damage(d, d.best), _idle(d, d.best)]
    sentences += [each.sentence for each in (d.memorization, d.causal) if each is not None]
    return " ".join(sentence for sentence in sentences if sentence)


def _own_and_best(d: Diagnosis, best: Score) -> str:
    if d.own is None:
        own = "there is no output of the network to score"
    else:
        own = f"the network's own output reaches {_figure(d.own)} on the test part"
    sure = ""
    if math.isfinite(d.certainty):
        sure = (
            f" (so chosen by left-out clean examples, and again in {100 * d.certainty:.0f} % of "
            "their bootstrap samples)"
        )
    return f"{d.model}: {own}; its representation is best at {best.layer}{sure}."


def _head(d: Diagnosis, best: Score) -> str:
    """Say what a new head would gain."""
    head = (
        f"A {best.probe} probe there, fitted on {best.clean_labels:,} clean labels, reaches "
        f"{_figure(best)}"
    )
    gain = Figure(d.gain, d.low, d.high)
    if not math.isfinite(gain.value):
        return f"{head}.{_budgets(d)}"
    points = _amount(gain, best)
    if not math.isfinite(gain.low) or gain.low > 0:
        compared = f"as a new head it would gain {points}"
    elif gain.high < 0:
        compared = f"as a new head it would lose {_amount(_negative(gain), best)}"
    else:
        compared = f"as a new head it would change nothing beyond the error ({_signed(gain, best)})"
    return f"{head}: {compared}.{_budgets(d)}"


def _damage(d: Diagnosis, best: Score) -> str:
    """Say where damage begins, or that none was found."""
    records = [r for r in d.damages if math.isfinite(r.damage.value)]
    if not records:
        return ""
    below = f"the same layer of {_names(d.references)}" if d.references else best.layer
    start, own = d.damage(d.onset), d.damage(OUTPUT)
    layers = [r for r in records if r.layer != OUTPUT]
    if start is not None:
        sentence = f"Damage begins at {start.layer}, {_amount(start.damage, best)} below {below}"
        worst = max(layers, key=lambda r: r.damage.value)
        if worst.layer != start.layer:
            sentence += f", and is largest at {worst.layer}: {_amount(worst.damage, best)}"
        return sentence + "."
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


def _idle(d: Diagnosis, best: Score) -> str:
    """Say so where the best layer is worth no more than one that learned nothing."""
    record = d.damage(best.layer)
    if record is None:
        return ""
    rivals = {"the raw input": record.over_input, "random weights": record.over_random}
    no_better = [name for name, over in rivals.items() if _not_above(over)]
    if not no_better:
        return ""
    spans = ", ".join(_signed(rivals[name], best) for name in no_better)
    return f"But {best.layer} is no better than {' or '.join(no_better)} ({spans})."


def _budgets(d: Diagnosis) -> str:
    """Say how few clean labels do, where several numbers were tried."""
    if len(d.curve) < 2:
        return ""
    enough = d.enough
    if enough is None or d.own is None or enough == d.curve[-1]:
        fewest = d.curve[0]
        return f" With {fewest.clean_labels:,} clean labels it reaches {_figure(fewest)}."
    output = "the network's own output"
    sure = enough.low > d.own.high
    return f" With {enough.clean_labels:,} clean labels it already reaches {_figure(enough)}, " + (
        f"more than {output}." if sure else f"within the error no less than {output}."
    )


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
