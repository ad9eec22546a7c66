"""`repprobe demo`: noisy models of the digits, their layers, and what a new head wins back."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options as o
from .layers import print_json, probe_and_write, show
from .progress import progress_bars
from .tables import render, say

if TYPE_CHECKING:
    from repprobe.runs import Run

RATIOS = (0.0, 0.4, 0.8)
EPOCHS = 20
CLEAN = 300
PROBE = "ridge"
"""Memorization by logistic probes alone would take as long as everything else together."""

DemoOut = Annotated[
    Path, typer.Option("--out", "-o", metavar="DIR", help="Folder for checkpoints and results.")
]


def demo(
    out: DemoOut = Path("runs/demo"),
    seed: Annotated[
        int, typer.Option(metavar="N", min=0, help="Seed of noise, weights and draws.")
    ] = 0,
    as_json: o.JsonOption = False,
) -> None:
    """Train three small networks on digits with 0, 40 and 80 % noise, and probe their layers.

    About a minute on two cores. Draws the layer × noise heatmap and shows what a linear head
    fitted on 300 clean labels (by ridge) wins back.
    """
    checkpoints = out / "checkpoints"
    with progress_bars() as progress:
        models = [
            _train(checkpoints / f"noise-{100 * ratio:.0f}.pt", ratio, seed, progress)
            for ratio in RATIOS
        ]
    settings: dict[str, Any] = {"clean": CLEAN, "seed": seed, "probe": PROBE}
    run = probe_and_write(models, "digits", out / "layers", settings)
    if as_json:
        print_json(run)
        return
    show(run)
    say()
    say(render(_gains(run)))
    say(f"\nNext: repprobe layers {models[-1]} --data digits")


def _train(path: Path, ratio: float, seed: int, progress: Any) -> Path:
    """Train a small CNN on digits whose labels are uniform noise in a share of `ratio`."""
    from repprobe.training import train

    def train_progress(stage: str, done: int, total: int) -> None:
        if progress and stage == "train":
            progress(f"train {path.stem}", done, total)

    train(
        "zoo:small-cnn",
        "digits",
        out=path,
        noise=f"uniform:{ratio}",
        epochs=EPOCHS,
        seed=seed,
        restart=True,
        progress=train_progress,
    )
    return path


def _gains(run: Run) -> list[list[str]]:
    """Return per noise ratio what the network scores, and what a new linear head would."""
    rows = [["trained on labels with", "network", "new linear head", "gain", "at layer"]]
    for ratio, diagnosis in zip(RATIOS, run.info["diagnoses"], strict=True):
        own, best = diagnosis["own"], diagnosis["best"]
        gain, low, high = (100 * diagnosis["gain"][k] for k in ("gain", "low", "high"))
        rows.append(
            [
                f"{100 * ratio:.0f} % uniform noise",
                f"{100 * own['value']:.1f} %",
                f"{100 * best['value']:.1f} %",
                f"{gain:+.1f} ({low:+.1f} to {high:+.1f})",
                best["layer"],
            ]
        )
    return rows
