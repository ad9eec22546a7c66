"""Do the 95 % intervals cover the truth, and how often is an onset reported that is none?

    python analyses/intervals.py [REPEATS] [JOBS]

Made data whose truth is known (`made_layers`), probed, compared and chosen from by the code that
a diagnosis and a fix run. Each repeat has new examples, clean labels and networks. The truth of
several draws, the expected accuracy, is the mean over all repeats' probes. Goes on where it was
broken off (`runs/intervals`). Writes `coverage.csv` and `coverage.png` into `figures/intervals`,
and the table of the README there.
"""

from __future__ import annotations

import math
import sys
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from unittest.mock import patch

import numpy as np
from cells import Row, kept, markdown, run_cells, write_table
from made_layers import World, engine, independent_draws, probed

FIGURES = Path("figures/intervals")
RUNS = Path("runs/intervals")
TABLE = "<!-- table -->", "<!-- end of the table -->"
"""What stands before and after the table of the README."""

CELL = 20
"""Repeats that one process makes at a time."""

EVERY = 6
"""Of the regularizations that a diagnosis tries, one in so many is tried here, to save time."""

REFERENCE, MODEL = "reference", "model"


@dataclass(frozen=True)
class Setting:
    """Networks that are compared on `test` examples, by probes on `clean` labels, `draws` times."""

    world: World
    damaged: tuple[float, ...]
    clean: int
    draws: int
    test: int
    kind: str = "ridge"


@dataclass(frozen=True)
class Repair:
    """A head on `clean` labels, its layer chosen too, against a fixed rule of some angle."""

    world: World
    angle: float
    clean: int
    kind: str = "ridge"


FOUR = (0.8,) * 4
LATER = (0.8,) * 2 + (1.3,) * 2
SETTINGS = {
    "ridge, 60 labels, 4 layers, 3 draws, no damage": Setting(
        World(10, 1.2, FOUR), FOUR, 60, 3, 300
    ),
    "ridge, 60 labels, 4 layers, 5 draws, damage": Setting(World(10, 1.2, FOUR), LATER, 60, 5, 300),
    "logistic, 40 labels, 3 draws": Setting(World(10, 1.5, (0.5,)), (1.0,), 40, 3, 200, "logistic"),
}
UNEVEN = tuple(np.linspace(0.3, 1.5, 6))
REPAIRS = {
    "ridge, 40 labels, 6 layers, a network nearly as good": Repair(World(10, 1.0, UNEVEN), 0.6, 40),
    "ridge, 100 labels, 6 layers, a bad network": Repair(World(10, 1.0, UNEVEN), 1.2, 100),
    "ridge, 400 labels, 6 layers, a better network": Repair(World(10, 0.5, UNEVEN), 0.5, 400),
    "logistic, 60 labels, 2 layers": Repair(World(10, 1.2, UNEVEN[::3]), 0.9, 60, "logistic"),
}


def cell(kind: str, name: str, first: int, count: int) -> list[Row]:
    """Make some repeats of a setting; a row per interval or test."""
    from repprobe.probes.fitting import GRIDS

    rows = []
    with patch.dict(GRIDS, {probe: grid[::EVERY] for probe, grid in GRIDS.items()}):
        for repeat in range(first, first + count):
            make = compare if kind == "compare" else repair
            rows += [{"setting": name, "repeat": repeat, **row} for row in make(name, repeat)]
    return rows


def kept_cell(kind: str, name: str, first: int, count: int) -> list[Row]:
    """Return the rows of a cell, from an earlier run if there are any."""
    path = RUNS / f"{kind} {name}, {first} to {first + count - 1}.json"
    return kept(path, partial(cell, kind, name, first, count))


def compare(name: str, repeat: int) -> Iterable[Row]:
    """Probe a reference and a damaged network on the same examples, and compare every layer."""
    from repprobe.diagnosis.damage import Comparisons
    from repprobe.probes.scores import Scores

    s = SETTINGS[name]
    random = np.random.default_rng([repeat, list(SETTINGS).index(name)])
    y, latent = s.world.latent(s.clean * s.draws + s.test, random)
    drawn = independent_draws(y, s.clean, s.draws)
    scores, truth = Scores(), defaultdict(dict)
    for model, world in (
        (REFERENCE, s.world),
        (MODEL, World(s.world.width, s.world.signal, s.damaged)),
    ):
        found, probes = probed(world, latent, y, s.test, drawn, s.kind, model, random)
        scores += found
        for (layer, _, seed), probe in probes.items():
            truth[model, layer][seed] = world.accuracy(
                int(layer), probe.coefficients.T, probe.intercepts
            )
    one = Scores(
        [r for r in scores if r.seed == 0],
        {place: o for place, o in scores.outcomes.items() if place[3] == 0},
    )
    layers = [str(place) for place in range(len(s.damaged))]
    damages = {
        what: Comparisons(table).damages(MODEL, layers, [REFERENCE])
        for what, table in (("damage, one draw", one), ("damage, several draws", scores))
    }
    for place, layer in enumerate(layers):
        true = {m: np.array(list(truth[m, layer].values())) for m in (REFERENCE, MODEL)}
        lost = true[REFERENCE] - true[MODEL]
        for what, table, value, seed in (
            ("accuracy, one draw", one, true[MODEL][0], 0),
            ("accuracy, several draws", scores, true[MODEL].mean(), "all"),
        ):
            (row,) = table.where(
                model=MODEL, layer=layer, split="test", group="all", metric="accuracy", seed=seed
            )
            yield _row(what, layer, value, row.low, row.high)
        for (what, found), value in zip(damages.items(), (lost[0], lost.mean()), strict=True):
            _, low, high = found[place].interval()
            yield _row(what, layer, value, low, high) | {"difference": found[place]}


def repair(name: str, repeat: int) -> Iterable[Row]:
    """Choose a layer, fit its head on all clean labels, and compare it with the network's own."""
    from repprobe.data import draws
    from repprobe.probes.choice import choose
    from repprobe.probes.intervals import gain_interval
    from repprobe.repair import fitting

    s = REPAIRS[name]
    random = np.random.default_rng([repeat, 100 + list(REPAIRS).index(name)])
    y, latent = s.world.latent(s.clean, random)
    (draw,) = draws(y, [s.clean], [0], "classification")
    y, latent, fitter = y[draw.rows], latent[draw.rows], engine(s.kind)
    layers = s.world.layers(latent, random)
    tables = {
        layer: fitting.held_out(s.kind, [x], y, 2, fitter, draw.folds)
        for layer, x in layers.items()
    }
    choice = choose(tables, draw.folds, seed=repeat)
    head = fitting.fit(s.kind, layers[choice.name], y, 2, fitter, choice.point)
    rule = np.zeros(s.world.width)
    rule[:2] = math.cos(s.angle), math.sin(s.angle)
    own = (latent @ rule > 0) == (y == 1)
    truth = s.world.accuracy(int(choice.name), head.weight, head.bias)
    truth -= World(s.world.width, s.world.signal, (0.0,)).accuracy(
        0, np.stack([0 * rule, rule @ s.world.turn(0)]), np.zeros(2)
    )
    _, low, high = gain_interval(choice.outcomes, own, choice.spread)
    yield _row("gain of the fix", choice.name, truth, low, high)


def _row(what: str, layer: str, truth: float, low: float, high: float) -> Row:
    return {
        "what": what, "layer": layer, "truth": float(truth), "low": float(low), "high": float(high)
    }  # fmt: skip


def summarize(rows: list[Row]) -> list[Row]:
    """Return the share of intervals that cover the truth, and of false onsets, per setting."""
    groups: dict[tuple[str, str], list[Row]] = defaultdict(list)
    for row in rows:
        groups[row["setting"], row["what"]].append(row)
    found = []
    for (setting, what), some in groups.items():
        if "several" in what:
            _expect(some, SETTINGS[setting])
        covered = [r["low"] <= r["truth"] <= r["high"] for r in some]
        repeats = len({r["repeat"] for r in some})
        found.append(_share(setting, what, "coverage", np.mean(covered), repeats))
        if what.startswith("damage"):
            for margin in ("0", "0.01", "largest true damage"):
                alarms = list(_false_onsets(some, margin))
                if alarms:
                    found.append(
                        _share(setting, what, f"false onsets, margin {margin}", np.mean(alarms),
                               repeats)
                    )  # fmt: skip
    return found


def _share(setting: str, what: str, figure: str, value: float, repeats: int) -> Row:
    return {
        "setting": setting, "what": what, "figure": figure, "value": round(float(value), 5),
        "repeats": repeats,
    }  # fmt: skip


def _expect(rows: list[Row], setting: Setting) -> None:
    """Replace the truth of one repeat's draws by that of all repeats' draws, layer by layer.

    Networks that differ in nothing but their random noise differ by 0.
    """
    for layer in {r["layer"] for r in rows}:
        same = [r for r in rows if r["layer"] == layer]
        expected = float(np.mean([r["truth"] for r in same]))
        if rows[0]["what"].startswith("damage") and setting.damaged == setting.world.noise:
            expected = 0.0
        for row in same:
            row["truth"] = expected


def _false_onsets(rows: list[Row], margin: str) -> Iterable[bool]:
    """Yield for each repeat whether an onset is reported where true damage is within the margin.

    Only for repeats in which no layer's true damage exceeds it.
    """
    from repprobe.diagnosis.onset import holm, onset
    from repprobe.probes.differences import Component, Difference

    repeats: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        repeats[row["repeat"]].append(row)
    for some in repeats.values():
        most = max(r["truth"] for r in some)
        bound = most if margin.startswith("largest") else float(margin)
        if most > bound:
            continue
        p = [
            Difference(value, centre, tuple(Component(*c) for c in components)).p_above(bound)
            for value, centre, components in (r["difference"] for r in some)
        ]
        yield onset([r["layer"] for r in some], holm(p)) is not None


def draw(found: list[Row], path: Path) -> None:
    """Draw coverage per setting and estimand, and the rate of false onsets."""
    import matplotlib

    matplotlib.use("agg")
    import matplotlib.pyplot as plt

    from repprobe.report.style import look

    with look():
        panels = {
            "covers the truth": [r for r in found if r["figure"] == "coverage"],
            "false onsets": [r for r in found if r["figure"] != "coverage"],
        }
        figure, axes = plt.subplots(
            2, 1, figsize=(7.2, 0.17 * len(found) + 1.6), layout="constrained",
            height_ratios=[max(len(rows), 1) for rows in panels.values()],
        )  # fmt: skip
        for ax, (title, rows), band in zip(axes, panels.items(), ((93, 97), (0, 5)), strict=True):
            values = np.array([r["value"] for r in rows])
            error = 196 * np.sqrt(values * (1 - values) / [r["repeats"] for r in rows])
            names = [
                f"{r['what']} — {r['setting']}"
                + (f" ({r['figure'].split(', ')[1]})" if "onsets" in r["figure"] else "")
                for r in rows
            ]
            ax.axvspan(*band, color="0.9", lw=0)
            ax.errorbar(100 * values, range(len(rows)), xerr=error, fmt="o", ms=3, lw=1)
            ax.set_yticks(range(len(rows)), names)
            ax.invert_yaxis()
            ax.set_xlabel(f"{title}, % of repeats (grey: demanded)")
        figure.savefig(path, dpi=150, bbox_inches="tight")
        plt.close(figure)


def main() -> None:
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    jobs = int(sys.argv[2]) if len(sys.argv) > 2 else 2
    cells = [
        (kind, name, first, min(CELL, repeats - first))
        for first in range(0, repeats, CELL)
        for kind, names in (("compare", SETTINGS), ("repair", REPAIRS))
        for name in names
    ]
    found = summarize(run_cells(kept_cell, cells, jobs))
    write_table(FIGURES / "coverage.csv", found)
    draw(found, FIGURES / "coverage.png")
    lines = [
        [r["what"], r["setting"], r["figure"], f"{100 * r['value']:.1f} %", str(r["repeats"])]
        for r in found
    ]
    table = markdown(["what", "setting", "figure", "share", "repeats"], lines)
    readme = FIGURES / "README.md"
    before, _, rest = readme.read_text(encoding="utf-8").partition(TABLE[0])
    after = rest.partition(TABLE[1])[2]
    readme.write_text(f"{before}{TABLE[0]}\n\n{table}\n{TABLE[1]}{after}", encoding="utf-8")
    print(table)


if __name__ == "__main__":
    main()
