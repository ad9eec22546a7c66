"""Where does noise damage CNN9? An eighth of its width on 10,000 images of CIFAR-10.

    python analyses/cnn9_cifar10.py [EPOCHS]

Trains on 80 % uniform and on 80 % flipped labels beside each other, then probes both networks, and
three with random weights, by ridge on 2,000 clean labels. Training is kept in `runs/cnn9-cifar10`
and goes on from there; the runs of `layers` and the curves go to `figures/cnn9-cifar10`.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from cells import Row, run_cells

NOISES = {"uniform": "uniform:0.8", "flipped": "flipped:0.8"}
RUNS, FIGURES = Path("runs/cnn9-cifar10"), Path("figures/cnn9-cifar10")


def cell(name: str, epochs: int) -> list[Row]:
    """Train one network."""
    from repprobe import train
    from repprobe.report import save_curves

    out = RUNS / f"{name}.pt"
    out.parent.mkdir(parents=True, exist_ok=True)
    trained = train(
        "cnn9",
        "cifar10",
        out=out,
        noise=NOISES[name],
        epochs=epochs,
        limit=10_000,
        arch_args={"width": 0.125},
        augment=False,
        evaluate_every=5,
    )
    save_curves(trained.history, RUNS / f"{name}.pt", title=f"cnn9, {NOISES[name]}")
    return []


def main() -> None:
    from repprobe import layers

    epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    run_cells(cell, [(name, epochs) for name in NOISES], 2)
    for name in NOISES:
        run = layers(
            RUNS / f"{name}.pt",
            "cifar10",
            out=FIGURES / name,
            probe="ridge",
            clean=2000,
            seeds=3,
            reference=("random",),
            command=["python", "analyses/cnn9_cifar10.py", str(epochs)],
        )
        for kind in ("png", "svg"):
            shutil.copy(RUNS / f"{name}.{kind}", FIGURES / name / f"curves.{kind}")
        print(run.info["verdict"])


if __name__ == "__main__":
    main()
