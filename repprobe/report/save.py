"""The picture files: heatmap, profile and budget curve of a run, and the curves of training."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from repprobe.data.dataset import Task
from repprobe.errors import OutputError
from repprobe.probes.scores import Scores
from repprobe.report import style
from repprobe.report.budgets import BudgetCurve
from repprobe.report.curves import TrainingCurves
from repprobe.report.heatmap import LayerHeatmap
from repprobe.report.profile import DepthProfile

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def save_figures(scores: Scores, folder: Path, *, verdict: str = "") -> list[Path]:
    """Write `heatmap`, `profile` and, for several budgets, `budgets` into the folder.

    Each is a PNG and an SVG file. Heatmap and profile show the largest budget. The same scores
    give the same bytes. Text in the SVG files stays text.

    Parameters
    ----------
    scores : of one model or of several.
    folder : made if it is not there.
    verdict : a sentence to stand below the titles.

    Returns
    -------
    The paths of the files.

    Raises
    ------
    DataError : there is no figure to draw.
    OutputError : the folder cannot be written.
    """
    pictures = {
        "heatmap": LayerHeatmap.from_scores(scores).draw(note=verdict),
        "profile": DepthProfile.from_scores(scores).draw(note=verdict),
    }
    if len(scores.budgets) > 1:
        pictures["budgets"] = BudgetCurve.from_scores(scores).draw(note=verdict)
    return _write(folder, pictures)


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
