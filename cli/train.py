"""`repprobe train`: make a noisy model, and say what of the noise it learned by heart."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options as o
from .epochs import apart_sentence, epoch_table
from .layers import warn
from .progress import EpochReporter
from .tables import render, say

if TYPE_CHECKING:
    from repprobe.noise import NoisyLabels
    from repprobe.training import Trained

_NETWORK, _LABELS, _RECIPE, _RUN = "The network", "The labels", "The training", "The run"

ArchArgument = Annotated[
    str,
    typer.Argument(
        metavar="ARCH",
        show_default=False,
        help="Architecture: a name such as small-cnn, cnn9, preact-resnet18, mlp, max-sum-gnn, "
        "max-max-gnn or deepsets; torchvision:NAME, timm:NAME, pyg:NAME or file.py:function.",
    ),
]
OutOption = Annotated[
    Path,
    typer.Option(
        "--out",
        "-o",
        metavar="OUT.pt",
        show_default=False,
        help="The checkpoint, with a picture of the curves beside it. A run that was broken off "
        "goes on from it.",
    ),
]
ArchArgOption = Annotated[
    list[str] | None,
    typer.Option(
        "--arch-arg",
        metavar="KEY=VALUE",
        rich_help_panel=_NETWORK,
        help="Argument for ARCH, such as width=0.125 for cnn9; repeatable. Classes and channels "
        "come from the data.",
    ),
]
PreprocessOption = Annotated[
    str | None,
    typer.Option(
        metavar="HOW",
        rich_help_panel=_NETWORK,
        help="imagenet, cifar10, unit, none or MEAN/STD such as 0.5/0.25.",
        show_default="mean and spread of the training examples",
    ),
]
ImageSizeOption = Annotated[
    int | None,
    typer.Option(
        metavar="PIXELS",
        min=1,
        rich_help_panel=_NETWORK,
        help="Resize and crop images to this side.",
    ),
]
NoiseOption = Annotated[
    str | None,
    typer.Option(
        metavar="LAW",
        rich_help_panel=_LABELS,
        help=f"How labels become wrong, with probability R: {', '.join(o.NOISE_FORMS)}.",
        show_default="none",
    ),
]
LimitOption = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        rich_help_panel=_LABELS,
        help="Train on that many examples of the training part, of all classes in proportion.",
        show_default="all",
    ),
]
MethodOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        rich_help_panel=_RECIPE,
        help=f"{', '.join(o.METHODS)}.",
        show_default="ce; mse for regression",
    ),
]
MethodArgOption = Annotated[
    list[str] | None,
    typer.Option(
        "--method-arg",
        metavar="KEY=VALUE",
        rich_help_panel=_RECIPE,
        help="Hyper-parameter of the method, such as q=0.7; repeatable.",
        show_default="as in its paper",
    ),
]
RecipeOption = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        rich_help_panel=_RECIPE,
        help="Where the settings below come from if they are not given: desk, quick ones for "
        "small networks on a CPU; or paper, those of the method's paper.",
    ),
]
EpochsOption = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=0,
        rich_help_panel=_RECIPE,
        help="Passes over the training examples; more than a finished run has make it go on.",
    ),
]
BatchSizeOption = Annotated[
    int | None,
    typer.Option(metavar="N", min=2, rich_help_panel=_RECIPE, help="Examples per step."),
]
RateOption = Annotated[
    float | None,
    typer.Option("--lr", metavar="X", rich_help_panel=_RECIPE, help="Learning rate."),
]
OptimizerOption = Annotated[
    str | None,
    typer.Option(metavar="NAME", rich_help_panel=_RECIPE, help="sgd or adam."),
]
MomentumOption = Annotated[
    float | None,
    typer.Option(metavar="X", rich_help_panel=_RECIPE, help="For sgd."),
]
WeightDecayOption = Annotated[
    float | None,
    typer.Option(metavar="X", rich_help_panel=_RECIPE, help="L2 penalty."),
]
ScheduleOption = Annotated[
    str | None,
    typer.Option(
        metavar="HOW",
        rich_help_panel=_RECIPE,
        help=f"How the learning rate falls: {', '.join(o.SCHEDULES)}.",
    ),
]
AugmentOption = Annotated[
    bool | None,
    typer.Option(
        "--augment/--no-augment",
        rich_help_panel=_RECIPE,
        help="Crop and mirror images at random.",
        show_default="for images of three channels",
    ),
]
SeedOption = Annotated[
    int,
    typer.Option(
        metavar="N",
        min=0,
        rich_help_panel=_RUN,
        help="Seed of noise, weights, order and augmentation.",
    ),
]
DevicesOption = Annotated[
    int,
    typer.Option(metavar="N", min=1, rich_help_panel=_RUN, help="Devices that share every batch."),
]
PrecisionOption = Annotated[
    str,
    typer.Option(
        metavar="BITS",
        rich_help_panel=_RUN,
        help="32; or mixed with 32: bf16, and 16 on a GPU.",
    ),
]
KeepEveryOption = Annotated[
    int | None,
    typer.Option(
        metavar="K",
        min=1,
        rich_help_panel=_RUN,
        help="Also keep the network as it was every K epochs, in OUT-epoch-000.pt, ….",
    ),
]
EvaluateEveryOption = Annotated[
    int,
    typer.Option(
        metavar="K",
        min=1,
        rich_help_panel=_RUN,
        help="Measure every K epochs, and after the last.",
    ),
]
RestartOption = Annotated[
    bool, typer.Option("--restart", rich_help_panel=_RUN, help="Replace what lies at --out.")
]


def train(
    arch: ArchArgument,
    data: o.DataOption,
    out: OutOption,
    arch_arg: ArchArgOption = None,
    preprocess: PreprocessOption = None,
    image_size: ImageSizeOption = None,
    noise: NoiseOption = None,
    limit: LimitOption = None,
    method: MethodOption = None,
    method_arg: MethodArgOption = None,
    recipe: RecipeOption = "desk",
    epochs: EpochsOption = None,
    batch_size: BatchSizeOption = None,
    lr: RateOption = None,
    optimizer: OptimizerOption = None,
    momentum: MomentumOption = None,
    weight_decay: WeightDecayOption = None,
    schedule: ScheduleOption = None,
    augment: AugmentOption = None,
    seed: SeedOption = 0,
    device: o.DeviceOption = "auto",
    devices: DevicesOption = 1,
    precision: PrecisionOption = "32",
    keep_every: KeepEveryOption = None,
    evaluate_every: EvaluateEveryOption = 1,
    restart: RestartOption = False,
    as_json: o.JsonOption = False,
) -> None:
    """Train a network on labels of which some are made wrong, and write its checkpoint.

    A line per epoch on stderr; a checkpoint that holds the noisy labels and everything needed to
    go on, and a picture of the curves. The same command goes on where it was broken off.
    """
    settings: dict[str, Any] = {
        "arch_args": o.parse_arguments(arch_arg),
        "preprocess": preprocess,
        "image_size": image_size,
        "limit": limit,
        "method_args": o.parse_arguments(method_arg, "--method-arg"),
        "recipe": recipe,
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": lr,
        "optimizer": optimizer,
        "momentum": momentum,
        "weight_decay": weight_decay,
        "schedule": schedule,
        "augment": augment,
        "seed": seed,
        "device": device,
        "devices": devices,
        "precision": precision,
        "keep_every": keep_every,
        "evaluate_every": evaluate_every,
        "restart": restart,
    }
    with EpochReporter() as reporter:
        from repprobe.training import train as train_network

        trained = train_network(
            arch,
            data,
            out=out,
            noise=noise,
            method=method,
            on_epoch=reporter.epoch,
            progress=reporter.progress,
            **settings,
        )
    for note in trained.notes:
        warn(note)
    if trained.history and trained.resumed_from == trained.epochs:
        warn(f"{out} is finished; for more give --epochs above {trained.epochs}.")
    pictures = _draw(trained)
    following = _next(trained, data)
    if as_json:
        _print_json(trained, pictures, following)
    else:
        _show(trained, pictures, following)


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


def _draw(trained: Trained) -> list[Path]:
    if not trained.history:
        return []
    from repprobe.report import save_curves

    title = f"{trained.path.stem}: {trained.architecture}"
    return save_curves(
        trained.history, trained.path, task=trained.task, title=title, note=noise_sentence(trained)
    )


def _next(trained: Trained, data: str) -> str:
    """Return the command that probes the checkpoint."""
    words = ["repprobe", "layers", str(trained.path), "--data", data]
    if ".py:" in trained.architecture:  # of a checkpoint's own accord no file is run
        words += ["--arch", trained.architecture]
        for key, value in trained.arguments.items():
            words += ["--arch-arg", f"{key}={value!r}"]
    return shlex.join(words)


def _show(trained: Trained, pictures: Sequence[Path], following: str) -> None:
    """Print the last and the best epoch, what became of the noise, and what to do next."""
    if trained.history:
        say(render(epoch_table(trained.history)))
        if apart := apart_sentence(trained.history[-1]):
            say(f"\n{apart}")
        say("\nChosen on nothing: the last epoch is what the file holds.")
    else:
        say("No epoch was trained: the file holds the initial network.")
    say(noise_sentence(trained))
    say(f"\n{', '.join(map(str, [trained.path, *pictures]))}")
    say(f"\nNext: {following}")


def _print_json(trained: Trained, pictures: Sequence[Path], following: str) -> None:
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
