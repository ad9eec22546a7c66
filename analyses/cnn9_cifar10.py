"""Where does noise damage CNN9? An eighth of its width on 10,000 images of CIFAR-10.

    python analyses/cnn9_cifar10.py [EPOCHS]

Trains on 80 % uniform and on 80 % flipped labels beside each other, then probes both networks and
one with random weights with 2,000 clean labels. Training is kept in `runs/cnn9-cifar10` and goes
on from there; the run of `layers` and the curves go to `figures/cnn9-cifar10`.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from cells import Row, run_cells

NOISES = {"uniform": "uniform:0.8", "flipped": "flipped:0.8"}
RUNS, FIGURES = Path("runs/cnn9-cifar10"), Path("figures/cnn9-cifar10")


def cell(name: str, epochs: int) -> list[Row]:
    """Train one network; `random` is not trained at all."""
    from repprobe import train
    from repprobe.report import save_curves

    out = RUNS / f"{name}.pt"
    out.parent.mkdir(parents=True, exist_ok=True)
    trained = train(
        "cnn9",
        "cifar10",
        out=out,
        noise=NOISES.get(name, "none"),
        epochs=epochs,
        limit=10_000,
        arch_args={"width": 0.125},
        augment=False,
        evaluate_every=5,
    )
    if epochs:
        save_curves(trained.history, RUNS / f"{name}.pt", title=f"cnn9, {NOISES[name]}")
    return []


def main() -> None:
    from repprobe import layers

    epochs = int(sys.argv[1]) if len(sys.argv) > 1 else 30
    run_cells(cell, [*((name, epochs) for name in NOISES), ("random", 0)], 2)
    models = [RUNS / f"{name}.pt" for name in (*NOISES, "random")]
    run = layers(
        models,
        "cifar10",
        out=FIGURES,
        clean=2000,
        seeds=3,
        command=["python", "analyses/cnn9_cifar10.py", str(epochs)],
    )
    for name in NOISES:
        for kind in ("png", "svg"):
            shutil.copy(RUNS / f"{name}.{kind}", FIGURES / f"curves-{name}.{kind}")
    print(run.info["verdict"])


if __name__ == "__main__":
    main()
