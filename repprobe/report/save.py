"""The picture files of a run, of a fix and of a training run."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from repprobe.data.dataset import Task
from repprobe.errors import OutputError
from repprobe.probes.scores import Scores
from repprobe.report import style
from repprobe.report.budgets import BudgetCurve
from repprobe.report.curves import TrainingCurves
from repprobe.report.damage import DamageHeatmap, DamageProfile
from repprobe.report.heatmap import LayerHeatmap
from repprobe.report.memorization import MemorizationProfile
from repprobe.report.profile import DepthProfile
from repprobe.report.similarity import SimilarityProfile

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from repprobe.diagnosis import Diagnosis


def save_figures(
    scores: Scores,
    folder: Path,
    *,
    verdict: str = "",
    diagnoses: Sequence[Diagnosis] = (),
    epochs: Mapping[str, int] | None = None,
) -> list[Path]:
    """Write the pictures that there are rows for into the folder, as PNG and SVG files.

    Always `heatmap` and `profile`; for several budgets `budgets`; and `damage`, `memorization`
    and `similarity` where the table has such rows. All but `budgets` show the largest budget.
    The same scores give the same bytes. Text in the SVG files stays text.

    Parameters
    ----------
    scores : of one model or of several.
    folder : made if it is not there.
    verdict : a sentence to stand below the titles.
    diagnoses : of the models; those without one are references and stand apart. They say where
        damage begins, against what, and how often chance would give the noisy label.
    epochs : label to the epoch after which a network was kept, where they are snapshots of one
        training run; they stand in the order of epochs then.

    Returns
    -------
    The paths of the files.

    Raises
    ------
    DataError : there is no figure to draw.
    OutputError : the folder cannot be written.
    """
    diagnosed = {d.model: d for d in diagnoses}
    references = [m for m in scores.models if diagnosed and m not in diagnosed]
    heatmap = LayerHeatmap.from_scores(scores, references=references, epochs=epochs)
    pictures = {
        "heatmap": heatmap.draw(note=verdict),
        "profile": DepthProfile.from_scores(scores).draw(note=verdict),
    }
    if len(scores.budgets) > 1:
        pictures["budgets"] = BudgetCurve.from_scores(scores).draw(note=verdict)
    damaged = {r.model for r in scores if r.metric == "damage"}
    onsets = {d.model: d.onset for d in diagnoses if d.onset is not None}
    if len(damaged) > 1:
        damages = DamageHeatmap.from_scores(
            scores,
            onsets=onsets,
            epochs=epochs,
            references={d.model: d.references for d in diagnoses},
        )
        pictures["damage"] = damages.draw(note=verdict)
    for model in damaged if len(damaged) == 1 else ():
        compared = diagnosed[model].references if model in diagnosed else ()
        damage = DamageProfile.from_scores(scores, references=compared, onset=onsets.get(model))
        pictures["damage"] = damage.draw(note=verdict)
    if any(r.split == "corrupted" and r.metric == "given" for r in scores):
        memorized = MemorizationProfile.from_scores(
            scores, epochs=epochs, chances=_chances(diagnoses)
        )
        pictures["memorization"] = memorized.draw(note=verdict)
    if any(r.metric in ("cka", "effective_rank") for r in scores):
        alike = SimilarityProfile.from_scores(scores, references=references, epochs=epochs)
        pictures["similarity"] = alike.draw(note=verdict)
    return _write(folder, pictures)


def _chances(diagnoses: Sequence[Diagnosis]) -> dict[str, dict[str, float]]:
    """Return model → layer → the chance that its memorization is compared with."""
    from repprobe.diagnosis.memorization import Memorization

    return {
        d.model: {layer.layer: layer.chance for layer in d.memorization.layers}
        for d in diagnoses
        if isinstance(d.memorization, Memorization)
    }


def save_budget(
    scores: Scores, folder: Path, *, classes: int = 0, title: str | None = None, verdict: str = ""
) -> list[Path]:
    """Write `budgets`, the figures of a fixed network against clean labels, as PNG and SVG.

    Parameters
    ----------
    scores : rows of the fixed network at each budget (layer "fixed", or the cut), and of what it
        answered before (layer "output").
    folder : made if it is not there.
    classes : number of classes, so that the axis counts labels per class; 0 for regression.
    title : by default the model's name.
    verdict : a sentence to stand below the title.

    Returns
    -------
    The paths of the files; none if there is a single budget, which makes no curve.

    Raises
    ------
    OutputError : the folder cannot be written.
    """
    if len(scores.budgets) < 2:
        return []
    curve = BudgetCurve.from_scores(scores)
    curve = replace(
        curve,
        budgets=[budget / max(classes, 1) for budget in curve.budgets],
        layers=["fixed network" if la == "fixed" else f"fixed at {la}" for la in curve.layers],
        unit="Clean labels per class" if classes else "Clean labels",
        own_name="network as it was",
    )
    return _write(folder, {"budgets": curve.draw(title=title, note=verdict)})


def save_curves(
    history: Sequence[Mapping[str, Any]],
    path: Path,
    *,
    task: Task = "classification",
    title: str = "",
    note: str = "",
) -> list[Path]:
    """Write the curves of a training run as `path` with the suffixes .png and .svg.

    Parameters
    ----------
    history : one record per epoch, as `repprobe.train` keeps it.
    path : of the checkpoint; its suffix is replaced.
    task : of the data.
    title, note : a name, and a sentence to stand below it.

    Returns
    -------
    The paths of the files.

    Raises
    ------
    DataError : no epoch was trained.
    OutputError : the folder cannot be written.
    """
    axes = TrainingCurves.from_history(history, task).draw(title=title, note=note)
    return _write(path.parent, {path.stem: axes})


def _write(folder: Path, pictures: Mapping[str, Axes]) -> list[Path]:
    files = {
        folder / f"{name}.{kind}": render(axes, kind)
        for name, axes in pictures.items()
        for kind in ("png", "svg")
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, content in files.items():
            path.write_bytes(content)
    except OSError as error:
        raise OutputError(
            f"the pictures cannot be written to '{folder}': {error.strerror or error}; "
            "choose another folder or make room there."
        ) from None
    return list(files)


def render(axes: Axes, kind: str) -> bytes:
    """Return the axes' figure as a PNG ("png") or SVG ("svg") file, the same bytes every time."""
    figure = cast("Figure", axes.figure)
    width, height = figure.get_size_inches()
    metadata = {"Software": None} if kind == "png" else {"Date": None}
    buffer = io.BytesIO()
    with style.look():
        dpi = style.resolution(width, height) if kind == "png" else "figure"
        figure.savefig(buffer, format=kind, dpi=dpi, metadata=metadata)
    return buffer.getvalue()
