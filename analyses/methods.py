"""Which training methods withstand noise? Digits and Fashion-MNIST, two noises, three seeds.

    python analyses/methods.py [JOBS]

Trains `small-cnn` by every method for classes on 60 % symmetric and on 40 % pair noise, with all
1,438 digits and with 1,000 Fashion-MNIST images, writes
`figures/methods/table.csv`, a picture, and the table of the last epochs' test accuracy. What is
finished is kept in `runs/methods`; the same command goes on from there.
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

from cells import Row, markdown, run_cells, write_table

METHODS = ("ce", "forward", "gce", "sce", "mixup", "co-teaching", "elr", "dividemix")
NOISES = ("symmetric:0.6", "pair:0.4")
SEEDS = (0, 1, 2)
DATA = {
    "digits": {"epochs": 30, "evaluate_every": 2},
    "fashion-mnist": {"epochs": 30, "evaluate_every": 15, "limit": 1000},
}
RUNS, FIGURES = Path("runs/methods"), Path("figures/methods")


def cell(data: str, noise: str, method: str, seed: int) -> list[Row]:
    """Train one network and return one row."""
    from repprobe import train

    out = RUNS / f"{data}-{noise.replace(':', '-')}-{method}-{seed}.pt"
    out.parent.mkdir(parents=True, exist_ok=True)
    trained = train("small-cnn", data, out=out, noise=noise, method=method, seed=seed, **DATA[data])
    last = trained.history[-1]
    return [
        {
            "data": data,
            "noise": noise,
            "method": method,
            "seed": seed,
            "epochs": last["epoch"],
            "test": last["test"],
            "test_first_network": last.get("test_each", [last["test"]])[0],
            "best_test": max(record.get("test", 0.0) for record in trained.history),
            "clean_train": last["clean_train"],
            "noisy_train": last["noisy_train"],
            "memorized": last["memorized"],
            "seconds": sum(record["seconds"] for record in trained.history),
        }
    ]


def summary(rows: list[Row]) -> str:
    """Return the table method × noise: test accuracy of the last epoch, mean ± spread in %."""
    header = ["method", *(f"{d}, {n}" for d in DATA for n in NOISES)]
    lines = []
    for method in METHODS:
        line = [method]
        for data in DATA:
            for noise in NOISES:
                tests, plain = (_tests(rows, data, noise, m) for m in (method, "ce"))
                spread = max(statistics.stdev(tests), statistics.stdev(plain))
                beats = statistics.mean(tests) - statistics.mean(plain) > spread
                mark = "" if beats or method == "ce" else " (not above ce)"
                line.append(f"{statistics.mean(tests):.1f} ± {statistics.stdev(tests):.1f}{mark}")
        lines.append(line)
    return markdown(header, lines)


def _tests(rows: list[Row], data: str, noise: str, method: str) -> list[float]:
    wanted = (data, noise, method)
    return [100 * r["test"] for r in rows if (r["data"], r["noise"], r["method"]) == wanted]


def draw(rows: list[Row], path: Path) -> None:
    """Draw accuracy by method, a panel per data set and noise."""
    import matplotlib

    matplotlib.use("agg")
    import pandas as pd
    import seaborn as sns

    from repprobe.report.style import look

    frame = pd.DataFrame(rows).assign(accuracy=lambda f: 100 * f["test"])
    with look():
        grid = sns.catplot(
            frame,
            x="accuracy",
            y="method",
            order=METHODS,
            row="data",
            col="noise",
            kind="strip",
            height=3,
            aspect=1.4,
        )
        for (data, noise), axes in grid.axes_dict.items():
            axes.axvline(statistics.mean(_tests(rows, data, noise, "ce")), color="0.7", zorder=0)
        grid.set_axis_labels("test accuracy of the last epoch, %", "")
        grid.figure.savefig(path.with_suffix(".png"), dpi=150)
        grid.figure.savefig(path.with_suffix(".svg"))


def main() -> None:
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    cells = [(d, n, m, s) for d in DATA for n in NOISES for m in METHODS for s in SEEDS]
    rows = run_cells(cell, cells, jobs)
    write_table(FIGURES / "table.csv", rows)
    (FIGURES / "table.md").write_text(summary(rows), encoding="utf-8")
    draw(rows, FIGURES / "methods")
    print(summary(rows))


if __name__ == "__main__":
    main()
