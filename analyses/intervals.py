"""Do the 95 % intervals cover the truth, and how often is an onset reported that is none?

    python analyses/intervals.py [REPEATS] [JOBS]

Made data whose truth is known (`made_layers`), probed, compared and chosen from by the code that
a diagnosis and a fix run. Each repeat has new examples, clean labels and networks. The truth of
several draws, the expected accuracy, is the mean over all repeats' probes. Writes
`figures/intervals/coverage.csv` and `coverage.png`, and prints the table of its README.
"""

from __future__ import annotations

import math
import sys
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from cells import Row, markdown, run_cells, write_table
from made_layers import World, independent_draws, probed

FIGURES = Path("figures/intervals")
CELL = 20
"""Repeats that one process makes at a time."""

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


EIGHT = (0.8,) * 8
SETTINGS = {
    "ridge, 60 labels, 8 layers, no damage": Setting(World(10, 1.2, EIGHT), EIGHT, 60, 3, 300),
    "ridge, 60 labels, 8 layers, damage": Setting(
        World(10, 1.2, EIGHT), (0.8,) * 3 + (1.3,) * 5, 60, 3, 300
    ),
    "ridge, 100 labels, 5 draws": Setting(World(10, 1.0, (0.5,)), (1.5,), 100, 5, 500),
    "logistic, 40 labels": Setting(World(10, 1.5, (0.5,)), (1.0,), 40, 3, 200, "logistic"),
}
UNEVEN = tuple(np.linspace(0.3, 1.5, 8))
REPAIRS = {
    "ridge, 40 labels, 8 layers, a network nearly as good": Repair(World(10, 1.0, UNEVEN), 0.6, 40),
    "ridge, 100 labels, 8 layers, a bad network": Repair(World(10, 1.0, UNEVEN), 1.2, 100),
    "ridge, 400 labels, 8 layers, a better network": Repair(World(10, 0.5, UNEVEN), 0.5, 400),
    "logistic, 60 labels, 4 layers": Repair(World(10, 1.2, UNEVEN[::2]), 0.9, 60, "logistic"),
}


def cell(kind: str, name: str, first: int, count: int) -> list[Row]:
    """Make some repeats of a setting; a row per interval or test."""
    rows = []
    for repeat in range(first, first + count):
        make = compare if kind == "compare" else repair
        rows += [{"setting": name, "repeat": repeat, **row} for row in make(name, repeat)]
    return rows


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
    for layer in map(str, range(len(s.damaged))):
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
        for what, table, value in (
            ("damage, one draw", one, lost[0]),
            ("damage, several draws", scores, lost.mean()),
        ):
            damage = Comparisons(table).damage(MODEL, layer, [REFERENCE])
            _, low, high = damage.interval()
            yield _row(what, layer, float(value), low, high) | {"difference": damage}


def repair(name: str, repeat: int) -> Iterable[Row]:
    """Choose a layer, fit its head on all clean labels, and compare it with the network's own."""
    from repprobe.data import draws
    from repprobe.probes.choice import choose
    from repprobe.probes.engines import get_engine
    from repprobe.probes.intervals import gain_interval
    from repprobe.repair import fitting

    s = REPAIRS[name]
    random = np.random.default_rng([repeat, 100 + list(REPAIRS).index(name)])
    y, latent = s.world.latent(s.clean, random)
    (draw,) = draws(y, [s.clean], [0], "classification")
    y, latent, engine = y[draw.rows], latent[draw.rows], get_engine("torch", "cpu")
    layers = s.world.layers(latent, random)
    tables = {
        layer: fitting.held_out(s.kind, [x], y, 2, engine, draw.folds)
        for layer, x in layers.items()
    }
    choice = choose(tables, draw.folds, seed=repeat)
    head = fitting.fit(s.kind, layers[choice.name], y, 2, engine, choice.point)
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
    return {"what": what, "layer": layer, "truth": truth, "low": low, "high": high}


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

    repeats: dict[int, list[Row]] = defaultdict(list)
    for row in rows:
        repeats[row["repeat"]].append(row)
    for some in repeats.values():
        most = max(r["truth"] for r in some)
        bound = most if margin.startswith("largest") else float(margin)
        if most > bound:
            continue
        p = [r["difference"].p_above(bound) for r in some]
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
    found = summarize(run_cells(cell, cells, jobs))
    write_table(FIGURES / "coverage.csv", found)
    draw(found, FIGURES / "coverage.png")
    lines = [
        [r["what"], r["setting"], r["figure"], f"{100 * r['value']:.1f} %", str(r["repeats"])]
        for r in found
    ]
    print(markdown(["what", "setting", "figure", "share", "repeats"], lines))


if __name__ == "__main__":
    main()
