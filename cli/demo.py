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

DemoOut = Annotated[
    Path, typer.Option("--out", "-o", metavar="DIR", help="Folder for checkpoints and results.")
]


def demo(
    out: DemoOut = Path("runs/demo"),
    seed: Annotated[int, typer.Option(min=0, help="Seed of noise, weights and draws.")] = 0,
    as_json: o.JsonOption = False,
) -> None:
    """Train three small networks on digits with 0, 40 and 80 % noise, and probe their layers.

    About a minute on two cores. Draws the layer × noise heatmap and shows what a linear head
    fitted on 300 clean labels wins back.
    """
    checkpoints = out / "checkpoints"
    with progress_bars() as progress:
        models = [
            _train(checkpoints / f"noise-{100 * ratio:.0f}.pt", ratio, seed, progress)
            for ratio in RATIOS
        ]
    settings: dict[str, Any] = {"clean": CLEAN, "seed": seed}
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
    import numpy as np
    import torch

    from repprobe.checkpoints import Preprocessing, save_checkpoint
    from repprobe.data import load_data
    from repprobe.errors import OutputError
    from repprobe.noise import uniform
    from repprobe.training import train_cross_entropy
    from repprobe.zoo import build

    data = load_data("digits", seed=seed)
    inputs = Preprocessing.parse("unit").apply(
        data.train.inputs(np.arange(len(data.train))), data.unit
    )
    clean = data.train.labels.astype(np.int64)
    noisy = uniform(clean, ratio, len(data.classes), seed)
    arguments = {"num_classes": len(data.classes), "in_channels": 1}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        module = build("small-cnn", **arguments)
        train_cross_entropy(
            module,
            inputs,
            noisy,
            epochs=EPOCHS,
            seed=seed,
            progress=progress and (lambda done, total: progress(f"train {path.stem}", done, total)),
        )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"'{path.parent}' cannot be written: {error.strerror}.") from None
    save_checkpoint(
        path,
        module,
        architecture="zoo:small-cnn",
        arguments=arguments,
        preprocess="unit",
        noise=f"uniform:{ratio}",
        noisy_labels=torch.from_numpy(noisy),
        seed=seed,
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
