"""Is a fixed network ever worse than the original? 200 trials over clean and noisy networks.

    python analyses/never_worse.py [JOBS]

Small networks trained on clean and on noisy labels are fixed with few and with many clean labels.
`fix` writes a network or refuses; what it writes is compared with the original on many examples
that had no say in anything, with a paired 95 % interval. Writes `figures/never-worse`; what is
finished is kept in `runs/never-worse`, and the same command goes on from there.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from cells import Row, kept, markdown, run_cells, write_table

if TYPE_CHECKING:
    from repprobe import Data, Model

RUNS, FIGURES = Path("runs/never-worse"), Path("figures/never-worse")

NOISES = ("none", "uniform:0.4", "uniform:0.8", "pair:0.4")
SEEDS = range(5)
CLEAN = (20, 50, 100, 200, 400)
"""Of ten classes: from 2 to 40 labels per class."""


@dataclass(frozen=True)
class Setting:
    """A network and the parts of a data set: training, those of the test part, and the judge's."""

    arch: str
    data: str
    arch_args: dict[str, Any]
    epochs: int
    train: int
    test: int


SETTINGS = (
    Setting("mlp", "digits", {"hidden": [48, 48]}, 20, 600, 300),
    Setting("small-cnn", "fashion-mnist", {"width": 4}, 10, 1000, 500),
)
"""4 noises × 5 seeds × 5 numbers of clean labels × 2 settings are 200 trials."""


def parts(setting: Setting) -> tuple[Data, Data]:
    """Return the data that `fix` sees, and those whose test part is the judge."""
    from repprobe import load_data
    from repprobe.data import ArrayPart

    data = load_data(setting.data)
    x, y = [], []
    for part in (data.train, data.test):
        rows = np.arange(len(part))
        x.append(part.inputs(rows))
        y.append(part.labels)
    inputs, labels = np.concatenate(x), np.concatenate(y)
    order = np.random.Generator(np.random.PCG64(0)).random(len(labels)).argsort()[:8000]
    edges = (setting.train, setting.train + setting.test)
    train, test, judge = (ArrayPart(inputs[rows], labels[rows]) for rows in np.split(order, edges))
    return replace(data, train=train, test=test), replace(data, train=train, test=judge)


def cell(which: int, noise: str, seed: int) -> list[Row]:
    """Return a row per number of clean labels, for one network."""
    setting = SETTINGS[which]
    name = f"{setting.data}-{noise.replace(':', '-')}-{seed}"
    return kept(RUNS / f"{name}.json", partial(trials, setting, noise, seed, RUNS / f"{name}.pt"))


def trials(setting: Setting, noise: str, seed: int, out: Path) -> list[Row]:
    """Train a network, fix it with each number of clean labels, and judge what is written."""
    from repprobe import fix, load_model, train

    seen, judge = parts(setting)
    train(
        setting.arch,
        seen,
        out=out,
        noise=noise,
        arch_args=setting.arch_args,
        epochs=setting.epochs,
        seed=seed,
        evaluate_every=setting.epochs,
    )
    before = right(load_model(out), judge)
    rows = []
    for clean in CLEAN:
        target = out.with_name(f"{out.stem}-{clean}-fixed.pt")
        fixed = fix(out, seen, out=target, clean=clean, seed=seed, width=64)
        row: Row = {
            "network": setting.arch,
            "data": setting.data,
            "noise": noise,
            "seed": seed,
            "clean_labels": clean,
            "written": fixed.written is not None,
            "cut": fixed.cut.layer,
            "held_out_gain": fixed.held_out.gain[0],
            "held_out_low": fixed.held_out.gain[1],
            "before": float(before.mean()),
            "gain": "",
            "low": "",
            "high": "",
        }
        # What is refused is judged too: it tells what the refusal was worth.
        after = right(load_model(target) if row["written"] else fixed.models[0], judge)
        gain, low, high = compared(before, after)
        rows.append({**row, "gain": gain, "low": low, "high": high})
        target.unlink(missing_ok=True)
    return rows


def right(model: Model, judge: Data) -> np.ndarray:
    """Return (n,) 1.0 where the network answers the judge's examples right, 0.0 elsewhere."""
    from repprobe.capture import capture

    with capture(model, judge, train_rows=np.zeros(0, np.int64), width=1) as features:
        assert features.output is not None
        return (features.output.argmax(axis=1) == judge.test.labels).astype(np.float64)


def compared(before: np.ndarray, after: np.ndarray) -> tuple[float, float, float]:
    """Return after minus before and its paired 95 % interval."""
    from repprobe.probes.differences import paired

    return paired((after - before)[None]).interval()


def worse(row: Row) -> bool:
    """Whether the network that would be written is worse beyond the interval."""
    return bool(row["high"] < 0)


def summary(rows: list[Row]) -> str:
    """Return per data, noise and number of clean labels what was written, and what was worse."""
    header = ["data", "noise", "clean labels", "trials", "written", "of these worse"]
    header += ["gain of these, points", "refused", "of these worse", "of these better"]
    lines = []
    keys = list(dict.fromkeys((r["data"], r["noise"], r["clean_labels"]) for r in rows))
    for key in [*keys, ("all", "all", "all")]:
        some = [
            r for r in rows if key in ((r["data"], r["noise"], r["clean_labels"]), ("all",) * 3)
        ]
        written = [r for r in some if r["written"]]
        refused = [r for r in some if not r["written"]]
        gain = f"{100 * np.mean([r['gain'] for r in written]):+.1f}" if written else ""
        counts = (len(some), len(written), sum(map(worse, written)))
        last = (len(refused), sum(map(worse, refused)), sum(r["low"] > 0 for r in refused))
        lines.append([*map(str, key), *map(str, counts), gain, *map(str, last)])
    return markdown(header, lines)


def main() -> None:
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    cells = [(w, n, s) for w in range(len(SETTINGS)) for n in NOISES for s in SEEDS]
    rows = run_cells(cell, cells, jobs)
    write_table(FIGURES / "trials.csv", rows)
    (FIGURES / "table.md").write_text(summary(rows), encoding="utf-8")
    print(summary(rows))


if __name__ == "__main__":
    main()
