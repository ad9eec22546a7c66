"""What a training run came to: its table, its sentence on noise, its picture, its JSON."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .epochs import apart_sentence, epoch_table
from .tables import render, say

if TYPE_CHECKING:
    from repprobe.noise import NoisyLabels
    from repprobe.training import Trained


def noise_sentence(trained: Trained) -> str:
    """Return how many labels were wrong, and how many of those the network learned."""
    noise = trained.noise
    what = "labels" if trained.task == "classification" else "targets"
    if noise is None or not noise.rate:
        return f"Trained by {trained.method} on {what} as they are."
    text = (
        f"Trained by {trained.method} on {noise.law}: {100 * noise.rate:.1f} % of "
        f"{len(noise.labels):,} {what} are wrong"
    )
    memorized = trained.history[-1].get("memorized") if trained.history else None
    if memorized is None:
        return f"{text}."
    return f"{text}, and the network has memorized {100 * memorized:.1f} % of those."


def draw(trained: Trained) -> list[Path]:
    """Draw the curves beside the checkpoint, and return the pictures' paths."""
    if not trained.history:
        return []
    from repprobe.report import save_curves

    title = f"{trained.path.stem}: {trained.architecture}"
    return save_curves(
        trained.history, trained.path, task=trained.task, title=title, note=noise_sentence(trained)
    )


def next_command(trained: Trained, data: str) -> str:
    """Return the command that probes the checkpoint."""
    words = ["repprobe", "layers", str(trained.path), "--data", data]
    if ".py:" in trained.architecture:  # of a checkpoint's own accord no file is run
        words += ["--arch", trained.architecture]
    return shlex.join(words)


def show(trained: Trained, pictures: Sequence[Path], following: str) -> None:
    """Print the last and the best epoch, what became of the noise, and what to do next."""
    if trained.history:
        say(render(epoch_table(trained.history)))
        if apart := apart_sentence(trained.history[-1]):
            say(f"\n{apart}")
        say("\nThe file holds the last epoch; nothing was chosen by test accuracy.")
    else:
        say("No epoch was trained: the file holds the initial network.")
    say(noise_sentence(trained))
    say(f"\n{', '.join(map(str, [trained.path, *pictures]))}")
    say(f"\nNext: {following}")


def print_json(trained: Trained, pictures: Sequence[Path], following: str) -> None:
    """Print the run as one JSON object."""
    noise = trained.noise
    told = {
        "command": ["repprobe", *sys.argv[1:]],
        "checkpoint": str(trained.path),
        "pictures": [str(path) for path in pictures],
        "architecture": trained.architecture,
        "arguments": trained.arguments,
        "method": trained.method,
        "noise": noise and _told_of(noise),
        "settings": trained.settings,
        "epochs": trained.epochs,
        "resumed_from": trained.resumed_from,
        "history": trained.history,
        "notes": trained.notes,
        "next": following,
    }
    say(json.dumps(_finite(told), allow_nan=False))


def _told_of(noise: NoisyLabels) -> dict[str, Any]:
    """Return the law and what it did; rows of `transition` are true classes."""
    return {
        "law": noise.law,
        "labels": len(noise.labels),
        "rate": noise.rate,
        "transition": None if noise.transition is None else noise.transition.tolist(),
        "mutual_information": noise.mutual_information,
    }


def _finite(value: Any) -> Any:
    """Return plain values with None for what is no number."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and value - value != 0 else value
