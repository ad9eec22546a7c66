"""Do graph networks keep good representations when their targets are noise?

    python analyses/graphs.py [JOBS]

At desk size (2,000 graphs, 40 epochs, hidden 32): the max-sum GNN on maximum degree with additive
N(10, 15) noise in a share of 0, 0.5 and 1 of the targets, and with random weights; the max-sum GNN
and DeepSets on maximum node feature with instance-dependent noise (arXiv 2012.12896, section 4).
Probes are least squares on 1,000 clean training graphs; figures are MAPE, in percent, on 2,000
test graphs larger than any the network was trained on. Writes `figures/graphs/table.csv`.
"""

from __future__ import annotations

import statistics
import sys
from pathlib import Path

from cells import Row, markdown, run_cells, write_table

EPOCHS, SEEDS = 40, (0, 1, 2)
DEGREE, FEATURE = "max-degree:2000", "max-feature:2000"
READ_OUT = "output_0"
"""The last linear layer; what it is given is the representation."""

RUNS, FIGURES = Path("runs/graphs"), Path("figures/graphs")


def cell(network: str, data: str, noise: str, epochs: int, seed: int) -> list[Row]:
    """Train one network, probe its layers, and return a row per layer."""
    from repprobe import layers, train

    ratio = noise.rsplit(":", 1)[-1]
    out = RUNS / f"{network}-{data.split(':')[0]}-{ratio}-{epochs}-{seed}.pt"
    out.parent.mkdir(parents=True, exist_ok=True)
    train(
        network,
        data,
        out=out,
        noise=noise,
        method="mse",
        epochs=epochs,
        seed=seed,
        evaluate_every=20,
        arch_args={"hidden": 32},
    )
    run = layers(out, data, probe="least-squares", clean=1000, seed=seed)
    return [
        {
            "network": network,
            "data": data,
            "noise": noise,
            "epochs": epochs,
            "seed": seed,
            "layer": score.layer,
            "order": score.order,
            "mape": score.value,
            "low": score.low,
            "high": score.high,
        }
        for score in run.scores.where(metric="mape", split="test")
    ]


def main() -> None:
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else 2
    cells = [("max-sum-gnn", DEGREE, "gaussian:10,15:0", 0, s) for s in SEEDS]
    cells += [
        ("max-sum-gnn", DEGREE, f"gaussian:10,15:{r}", EPOCHS, s)
        for r in (0, 0.5, 1)
        for s in SEEDS
    ]
    cells += [
        (network, FEATURE, f"instance:{r}", EPOCHS, s)
        for network in ("deepsets", "max-sum-gnn")
        for r in (0.5, 1)
        for s in SEEDS
    ]
    rows = run_cells(cell, cells, jobs)
    write_table(FIGURES / "table.csv", rows)
    draw(rows, FIGURES / "graphs")
    print(summary(rows))


def draw(rows: list[Row], path: Path) -> None:
    """Draw each layer's MAPE along depth, a panel per network and task, a line per noise ratio."""
    import matplotlib

    matplotlib.use("agg")
    import pandas as pd
    import seaborn as sns

    from repprobe.report.style import look

    frame = pd.DataFrame(rows)
    ratio = frame["noise"].str.rsplit(":", n=1).str[-1]
    frame["noise ratio"] = ratio.where(frame["epochs"] > 0, "random weights")
    frame["panel"] = frame["network"] + ", " + frame["data"]
    with look():
        grid = sns.relplot(
            frame,
            x="layer",
            y="mape",
            hue="noise ratio",
            col="panel",
            kind="line",
            marker="o",
            estimator="median",
            errorbar=("pi", 100),
            facet_kws={"sharex": False},
            height=3.2,
        )
        grid.set(yscale="log", ylim=(0.01, 300))
        for axes in grid.axes.flat:
            axes.yaxis.set_major_formatter("{x:g}")
        grid.set_axis_labels("", "probe's MAPE on larger graphs, %")
        grid.set_titles("{col_name}")
        grid.tick_params(axis="x", rotation=60)
        grid.figure.savefig(path.with_suffix(".png"), dpi=150, bbox_inches="tight")
        grid.figure.savefig(path.with_suffix(".svg"), bbox_inches="tight")


def summary(rows: list[Row]) -> str:
    """Return per network and noise the MAPE of the network itself and of its last hidden layer."""
    lines = []
    for key in dict.fromkeys((r["network"], r["data"], r["noise"], r["epochs"]) for r in rows):
        own, probe = [], []
        for seed in SEEDS:
            found = {
                r["layer"]: r
                for r in rows
                if (r["network"], r["data"], r["noise"], r["epochs"], r["seed"]) == (*key, seed)
            }
            own.append(found["output"]["mape"])
            hidden = [r for r in found.values() if r["order"] == found[READ_OUT]["order"] - 1]
            probe.append(hidden[0]["mape"])
        lines.append(
            [
                *map(str, key),
                *(f"{statistics.mean(v):.2f} ± {statistics.stdev(v):.2f}" for v in (own, probe)),
            ]
        )
    return markdown(["network", "data", "noise", "epochs", "network's MAPE", "probe's MAPE"], lines)


if __name__ == "__main__":
    main()
