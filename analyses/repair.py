"""Does a new head mend networks trained on noisy labels? Fashion-MNIST, before and after.

    python analyses/repair.py [JOBS]

Trains `small-cnn` on 2,000 images with 80 % flipped and 80 % uniform noise, by cross-entropy and
by ELR, three seeds; then replaces the head with 10, 50, 100 and 500 clean labels per class, three
draws each (arXiv 2012.12896, section 5: ridge on one-hot targets). Figures are accuracies on the
10,000 test images. Writes `figures/repair`; what is finished is kept in `runs/repair`, and the
same command goes on from there.
"""

from __future__ import annotations

import statistics
import sys
from functools import partial
from pathlib import Path

from cells import Row, kept, markdown, run_cells, write_table

MAP = "Shirt>T-shirt/top,Ankle boot>Sneaker,Dress>Trouser,Pullover>Coat,Coat>Pullover"
"""Five classes are taken for those that look alike, as in the map of CIFAR-10."""

NOISES = {"flipped 0.8": f"flipped:{MAP}:0.8", "uniform 0.8": "uniform:0.8"}
METHODS = {
    "ce": {"flipped 0.8": {}, "uniform 0.8": {}},
    "elr": {"flipped 0.8": {"beta": 0.9, "lam": 1.0}, "uniform 0.8": {"beta": 0.7, "lam": 3.0}},
}
"""With the hyper-parameters of the method's paper, per noise."""

SEEDS, PER_CLASS, DRAWS = (0, 1, 2), (10, 50, 100, 500), 3
IMAGES, EPOCHS = 2000, 20
RUNS, FIGURES = Path("runs/repair"), Path("figures/repair")


def cell(noise: str, method: str, seed: int) -> list[Row]:
    """Return a row per number of clean labels, for one network."""
    name = f"{noise.split()[0]}-{method}-{seed}"
    return kept(RUNS / f"{name}.json", partial(_rows, noise, method, seed, RUNS / f"{name}.pt"))


def _rows(noise: str, method: str, seed: int, out: Path) -> list[Row]:
    from repprobe import budget, load_model, train

    trained = train(
        "small-cnn",
        "fashion-mnist",
        out=out,
        noise=NOISES[noise],
        method=method,
        method_args=METHODS[method][noise],
        epochs=EPOCHS,
        limit=IMAGES,
        seed=seed,
        evaluate_every=EPOCHS,
    )
    run = budget(
        load_model(out),
        "fashion-mnist",
        PER_CLASS,
        seeds=DRAWS,
        probe="ridge",
        width=256,
        seed=seed,
    )
    last = trained.history[-1]
    before = run.scores.where(layer="output", metric="accuracy", group="all").rows[0].value
    return [
        {
            "noise": noise,
            "method": method,
            "seed": seed,
            "memorized": last["memorized"],
            "per_class": found["per_class"],
            "clean_labels": found["clean_labels"],
            "before": before,
            "after": before + found["gain"],
            "gain": found["gain"],
            "low": found["low"],
            "high": found["high"],
            "cuts": " ".join(found["cuts"]),
        }
        for found in run.info["budgets"]
    ]


def raw_input(seed: int, network: Path) -> list[Row]:
    """Return what the same probe scores on the raw images, with the same clean labels.

    `network` is any of the trained ones: its layers are not looked at.
    """
    from repprobe import layers

    run = layers(
        network,
        "fashion-mnist",
        clean=[10 * count for count in PER_CLASS],
        seeds=DRAWS,
        probe="ridge",
        width=256,
        layers=["linear"],
        seed=seed,
    )
    found = run.scores.where(layer="input", metric="accuracy", group="all", split="test")
    rows = [r for r in found.rows if r.seed == "all"]
    return [{"seed": seed, "per_class": r.clean_labels // 10, "raw_input": r.value} for r in rows]


def summary(rows: list[Row]) -> str:
    """Return accuracies before and after in %, and in how many networks the gain is certain."""
    header = ["noise", "method", "clean labels per class", "before", "after", "gain"]
    header += ["raw input", "gain beyond the interval", "loss beyond the interval"]
    lines = []
    for key in dict.fromkeys((r["noise"], r["method"], r["per_class"]) for r in rows):
        some = [r for r in rows if (r["noise"], r["method"], r["per_class"]) == key]
        figures = []
        for name in ("before", "after", "gain", "raw_input"):
            values = [100 * r[name] for r in some]
            figures.append(f"{statistics.mean(values):.1f} ± {statistics.stdev(values):.1f}")
        better = f"{sum(r['low'] > 0 for r in some)} of {len(some)}"
        worse = f"{sum(r['high'] < 0 for r in some)} of {len(some)}"
        lines.append([*map(str, key), *figures, better, worse])
    return markdown(header, lines)


def draw(rows: list[Row], path: Path) -> None:
    """Draw accuracy against clean labels per class; lines: the network's own, and raw input's."""
    import matplotlib

    matplotlib.use("agg")
    import pandas as pd
    import seaborn as sns

    from repprobe.report.style import look

    frame = pd.DataFrame(rows).assign(accuracy=lambda f: 100 * f["after"])
    ticks = [str(count) for count in PER_CLASS]
    with look():
        grid = sns.relplot(
            frame,
            x="per_class",
            y="accuracy",
            col="noise",
            row="method",
            kind="line",
            marker="o",
            errorbar=("pi", 100),
            height=3,
            aspect=1.3,
        )
        for (method, noise), axes in grid.axes_dict.items():
            own = [r["before"] for r in rows if (r["method"], r["noise"]) == (method, noise)]
            axes.axhline(100 * statistics.mean(own), color="0.5", linestyle="--")
            raw = frame.groupby("per_class")["raw_input"].mean()
            axes.plot(raw.index, 100 * raw, color="0.5", linestyle=":")
        for axes in grid.axes.flat:
            axes.set_xscale("log")
            axes.set_xticks(PER_CLASS, ticks)
            axes.minorticks_off()
        grid.set_axis_labels("clean labels per class", "test accuracy, %")
        grid.set_titles("{row_name}, {col_name}")
        grid.figure.savefig(path.with_suffix(".png"), dpi=150, bbox_inches="tight")
        grid.figure.savefig(path.with_suffix(".svg"), bbox_inches="tight")


def main() -> None:
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    cells = [(n, m, s) for s in SEEDS for n in NOISES for m in METHODS]
    rows = run_cells(cell, cells, jobs)
    base = {}
    for seed in SEEDS:
        network = RUNS / f"uniform-ce-{seed}.pt"
        for row in kept(RUNS / f"input-{seed}.json", partial(raw_input, seed, network)):
            base[seed, row["per_class"]] = row["raw_input"]
    rows = [{**r, "raw_input": base[r["seed"], r["per_class"]]} for r in rows]
    rows.sort(key=lambda r: (r["noise"], r["method"], r["per_class"], r["seed"]))
    write_table(FIGURES / "table.csv", rows)
    (FIGURES / "table.md").write_text(summary(rows), encoding="utf-8")
    draw(rows, FIGURES / "repair")
    print(summary(rows))


if __name__ == "__main__":
    main()
