"""Seconds against examples, width, classes and layers, beside the exponents of theory.

`python -m tests.benchmarks.growth` measures the torch engine, draws figures/growth/growth.png
and .svg, and writes the figures beside them.
"""

from __future__ import annotations

import itertools
import json
import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from repprobe.probes.engines import LabelSet, get_engine
from repprobe.probes.fitting import GRIDS

from .harness import machine
from .made import made

OUT = Path(__file__).parents[2] / "figures" / "growth"
N, WIDTH, CLASSES = 4000, 512, 10
C_GRID = tuple(float(c) for c in np.logspace(-4, -1, 7))

AXES: dict[str, tuple[Sequence[int], dict[str, float]]] = {
    "examples": ((1000, 2000, 4000, 8000, 16_000), {"logistic": 1, "ridge": 1, "knn": 2}),
    "width": ((128, 256, 512, 1024, 2048), {"logistic": 1, "ridge": 3, "knn": 1}),
    "classes": ((2, 5, 10, 20, 50, 100), {"logistic": 1, "ridge": 1, "knn": 0}),
    "layers": ((1, 2, 4, 8), {"logistic": 1, "ridge": 1, "knn": 1}),
}
"""What grows, through which values, and the exponent of the step that dominates in the limit:
logistic: products with the features, n·d·k per iteration; ridge: a decomposition, d³, and the
moments, n·d²; for classes the folds' solutions, d²·k; knn: all pairs of examples, n²·d."""


def main() -> None:
    """Measure, draw and write."""
    found = [
        {"probe": probe, "axis": axis, "at": value, "seconds": seconds(probe, axis, value)}
        for axis, (values, exponents) in AXES.items()
        for probe, value in itertools.product(exponents, values)
    ]
    slopes = [
        {"probe": probe, "axis": axis, "measured": slope(found, probe, axis), "theory": theory}
        for axis, (_, exponents) in AXES.items()
        for probe, theory in exponents.items()
    ]
    OUT.mkdir(parents=True, exist_ok=True)
    table = {
        "command": "python -m tests.benchmarks.growth",
        "elsewhere": {"examples": N, "width": WIDTH, "classes": CLASSES, "layers": 1},
        "machine": machine(),
        "seconds": found,
        "exponents": slopes,
    }
    (OUT / "growth.json").write_text(json.dumps(table, indent=1) + "\n", "utf-8")
    draw(table)
    for row in slopes:
        print(f"{row['probe']:9} {row['axis']:9} {row['measured']:5.2f} ({row['theory']:g})")


def seconds(probe: str, axis: str, value: int) -> float:
    """Return the median over three runs of fitting one probe, everything else as usual."""
    size = {"examples": N, "width": WIDTH, "classes": CLASSES, "layers": 1, axis: value}
    work = job(probe, size["examples"], size["width"], size["classes"])
    taken = []
    for _ in range(3):
        start = time.perf_counter()
        for _ in range(size["layers"]):
            work()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def job(probe: str, n: int, d: int, classes: int) -> Callable[[], object]:
    """Return what fits a probe to made features, its folds included."""
    x, y, folds = made(n, d, classes)
    x = x.astype(np.float32)
    engine = get_engine("torch")
    if probe == "logistic":
        return lambda: engine.logistic(x, [LabelSet(y, classes)], C_GRID, folds, whole=True)
    if probe == "ridge":
        return lambda: engine.ridge(x, [np.eye(classes)[y]], GRIDS["ridge"], folds)
    return lambda: engine.neighbours(x, x, 100, True)


def slope(found: list[dict[str, object]], probe: str, axis: str) -> float:
    """Return the exponent between the two largest values of what grows."""
    rows = [r for r in found if r["probe"] == probe and r["axis"] == axis][-2:]
    at, taken = ([float(str(r[key])) for r in rows] for key in ("at", "seconds"))
    return float(np.log(taken[1] / taken[0]) / np.log(at[1] / at[0]))


def draw(table: dict[str, object]) -> None:
    """Draw one panel per axis, log-log, theory as dashed lines through the last point."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    import seaborn as sns

    found, slopes = table["seconds"], table["exponents"]
    assert isinstance(found, list) and isinstance(slopes, list)
    sns.set_theme(style="whitegrid", context="paper")
    colours = dict(zip(("logistic", "ridge", "knn"), sns.color_palette("deep"), strict=False))
    figure, panels = plt.subplots(1, 4, figsize=(13, 3.6), sharey=True, layout="constrained")
    for panel, axis in zip(panels, AXES, strict=True):
        for probe, colour in colours.items():
            rows = [r for r in found if r["probe"] == probe and r["axis"] == axis]
            at = np.array([r["at"] for r in rows], float)
            taken = np.array([r["seconds"] for r in rows])
            (row,) = [s for s in slopes if s["probe"] == probe and s["axis"] == axis]
            label = f"{probe}: {row['measured']:.1f} (theory {row['theory']:g})"
            panel.loglog(at, taken, "o-", color=colour, label=label)
            panel.loglog(at, taken[-1] * (at / at[-1]) ** row["theory"], "--", color=colour, lw=1)
        panel.set_xlabel(axis)
        panel.set_xticks(at, [f"{v:,.0f}" for v in at])
        panel.minorticks_off()
        panel.legend(title="exponent at the end", fontsize=7, title_fontsize=7)
    panels[0].set_ylabel("seconds")
    for suffix in ("png", "svg"):
        figure.savefig(OUT / f"growth.{suffix}", dpi=150)
    plt.close(figure)


if __name__ == "__main__":
    main()
