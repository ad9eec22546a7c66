"""Tables for the terminal: one row per layer, names in full, a small bar for the eye."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Sequence

from repprobe.probes.scores import ALL, OUTPUT, Score, Scores

from .findings import COMPARED, ONSET, WIDTH, Column

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_STRENGTH = {"logistic": "C", "ridge": "alpha", "knn": "k"}


BAR, SHORTEST = 16, 8
"""Most and fewest characters of a bar."""


def bar(value: float, width: int = BAR) -> str:
    """Return a bar of at most `width` characters for a value in 0…1."""
    if not math.isfinite(value):
        return ""
    eighths = round(max(0.0, min(1.0, value)) * width * 8)
    return "█" * (eighths // 8) + _EIGHTHS[eighths % 8].strip()


def layer_table(
    scores: Scores,
    best: str | None,
    onset: str | None = None,
    further: Sequence[Column] = COMPARED,
) -> list[list[str]]:
    """Return the cells of one model's table, the header first.

    Of the further columns those are there that have something to show; the bar is left out where
    it makes lines too long. `onset` is the layer where damage begins.
    """
    figures = scores.summary()
    percent = figures.metric == "accuracy"
    compared = {c.header: cells for c in further if (cells := c.cells(scores))}
    header = ["layer", "accuracy" if percent else "R²", "95 % interval"]
    rows = [[*header, *compared, "width", "chosen", ""]]
    marks = []
    for figure in figures:
        rows.append(
            [
                figure.layer,
                _value(figure.value, percent),
                _interval(figure, percent),
                *(cells.get(figure.layer, "") for cells in compared.values()),
                f"{figure.width:,}",
                _chosen(scores, figure),
                "",
            ]
        )
        marks.append(_mark(figure, best) + (f" {ONSET}" if figure.layer == onset else ""))
    left = WIDTH - max(map(len, render(rows).splitlines())) - 2 - max(map(len, marks), default=0)
    for row, figure, mark in zip(rows[1:], figures, marks, strict=True):
        row[-1] = bar(figure.value, min(left, BAR)) + mark if left >= SHORTEST else mark.strip()
    return rows


def budget_table(scores: Scores, best: str | None) -> list[list[str]]:
    """Return the cells of one model's table with a column per number of clean labels.

    The network's own answer, which needs none, stands in every column. What was chosen is that
    of the most labels.
    """
    columns = [{f.layer: f for f in scores.summary(budget)} for budget in scores.budgets]
    percent = scores.metric == "accuracy"
    rows = [["layer", *(f"{budget:,}" for budget in scores.budgets), "chosen", ""]]
    for figure in scores.summary():
        found = [column.get(figure.layer) for column in columns]
        cells = [_with_reach(f, percent) if f else "" for f in found]
        chosen = _chosen(scores, figure)
        rows.append([figure.layer, *cells, chosen, _mark(figure, best).strip()])
    return rows


def render(rows: Sequence[Sequence[str]]) -> str:
    """Return lines of aligned columns: the first and the last to the left, others right."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    last = len(widths) - 1
    lines = [
        "  ".join(
            cell.ljust(w) if i in (0, last) else cell.rjust(w)
            for i, (cell, w) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
    lines.insert(1, "─" * min(max(map(len, lines)), 100))
    return "\n".join(lines)


def say(line: str = "") -> None:
    """Print to stdout, replacing signs that its encoding lacks."""
    encoding = sys.stdout.encoding or "utf-8"
    try:
        print(line.encode(encoding, "replace").decode(encoding), flush=True)
    except BrokenPipeError:
        # Whoever read our output has gone; Python must not complain about it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)


def _value(value: float, percent: bool) -> str:
    if not math.isfinite(value):
        return "NaN"
    return f"{100 * value:.1f} %" if percent else f"{value:.3f}"


def _interval(figure: Score, percent: bool) -> str:
    if not math.isfinite(figure.low):
        return ""
    if percent:
        return f"{100 * figure.low:.1f} – {100 * figure.high:.1f}"
    return f"{figure.low:.3f} – {figure.high:.3f}"


def _with_reach(figure: Score, percent: bool) -> str:
    """Return the figure and half the length of its interval."""
    if not math.isfinite(figure.value):
        return "NaN"
    scale, digits = (100, 1) if percent else (1, 3)
    reach = (figure.high - figure.low) / 2
    text = f"{scale * figure.value:.{digits}f}"
    return f"{text} ±{scale * reach:.{digits}f}" if math.isfinite(reach) else text


def _mark(figure: Score, best: str | None) -> str:
    return " ◀" if figure.layer == best else ""


def _chosen(scores: Scores, figure: Score) -> str:
    """Return the chosen regularization, or its range over the draws of clean labels."""
    if figure.layer == OUTPUT:
        return "no probe"
    if not math.isfinite(figure.value):
        return "NaN or infinity"
    if figure.probe not in _STRENGTH:
        return ""
    fits = scores.where(layer=figure.layer, clean_labels=figure.clean_labels)
    strengths = {
        r.regularization
        for r in fits.where(split="test", group=ALL, metric=figure.metric)
        if r.seed != ALL and r.regularization is not None
    }
    name, ends = _STRENGTH[figure.probe], sorted({min(strengths), max(strengths)})
    text = f"{name}=" + "…".join(f"{s:.2g}" for s in ends)
    failed = fits.where(metric="converged", value=0.0)
    return f"{text} (not converged)" if len(failed) else text
