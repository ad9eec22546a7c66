"""`diagnose`: from a table of scores to a diagnosis of every network in it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from repprobe.diagnosis.best import best_layer, layer_choice
from repprobe.diagnosis.damage import Comparisons, layer_damages
from repprobe.diagnosis.onset import MARGIN, onset
from repprobe.diagnosis.summary import Diagnosis
from repprobe.errors import UnknownNameError
from repprobe.probes.differences import UNKNOWN
from repprobe.probes.scores import INPUT, OUTPUT, Scores


def diagnose(
    scores: Scores,
    *,
    references: Sequence[str] = (),
    random: str | None = None,
    margin: float = MARGIN,
) -> list[Diagnosis]:
    """Return a diagnosis per network of the table, in order, at its largest budget.

    Parameters
    ----------
    scores : of the networks, and of those that they are compared with.
    references : labels of clean-trained networks; with several, their spread enters the error.
        Without one the layers after the best are compared with it.
    random : label of the same architecture with random weights, a network per seed.
    margin : damage, as a share of the test examples or of R², that is not yet called damage.

    Raises
    ------
    UnknownNameError
        A reference is not in the table.
    """
    for name in (*references, *([random] if random else ())):
        if name not in scores.models:
            hint = f"The table has {', '.join(scores.models) or 'no networks'}."
            raise UnknownNameError.near("reference", name, scores.models, hint)
    comparisons = Comparisons(scores)
    return [
        _diagnose(scores, comparisons, model, tuple(references), random, margin)
        for model in scores.models
        if model not in references and model != random
    ]


def _diagnose(
    scores: Scores,
    comparisons: Comparisons,
    model: str,
    references: tuple[str, ...],
    random: str | None,
    margin: float,
) -> Diagnosis:
    figures = comparisons.figures(model)
    choice = layer_choice(scores, model)
    layer = best_layer(scores, model) if choice is None else choice.name
    layers = [name for name in figures if name not in (INPUT, OUTPUT)]
    gains = comparisons.minus([((model, name), (model, OUTPUT)) for name in layers])
    gain = dict(zip(layers, gains, strict=True)).get(layer or "", UNKNOWN).interval()
    probed = scores.where(model=model, layer=layer)
    curve = [f for b in probed.budgets for f in probed.summary(b) if math.isfinite(f.value)]
    damages = layer_damages(comparisons, model, layer, references, random, margin)
    within = [record for record in damages if record.layer != OUTPUT]
    return Diagnosis(
        model,
        None if layer is None else figures[layer],
        figures.get(OUTPUT),
        figures.get(INPUT),
        *gain,
        tuple(curve),
        certainty=math.nan if choice is None else choice.probability,
        references=references,
        margin=margin,
        damages=damages,
        onset=onset([r.layer for r in within], [r.p_value for r in within]),
    )
