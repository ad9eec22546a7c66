"""`repprobe train`: make a noisy model, and say what of the noise it learned by heart."""

from __future__ import annotations

from typing import Any

from . import options as o
from . import train_options as t
from .layers import warn
from .progress import EpochReporter
from .trained import draw, next_command, print_json, show


def train(
    arch: t.ArchArgument,
    data: o.DataOption,
    out: t.OutOption,
    arch_arg: t.ArchArgOption = None,
    preprocess: t.PreprocessOption = None,
    image_size: t.ImageSizeOption = None,
    noise: t.NoiseOption = None,
    limit: t.LimitOption = None,
    method: t.MethodOption = None,
    method_arg: t.MethodArgOption = None,
    recipe: t.RecipeOption = "desk",
    epochs: t.EpochsOption = None,
    batch_size: t.BatchSizeOption = None,
    lr: t.RateOption = None,
    optimizer: t.OptimizerOption = None,
    momentum: t.MomentumOption = None,
    weight_decay: t.WeightDecayOption = None,
    schedule: t.ScheduleOption = None,
    augment: t.AugmentOption = None,
    seed: t.SeedOption = 0,
    device: o.DeviceOption = "auto",
    devices: t.DevicesOption = 1,
    precision: t.PrecisionOption = "32",
    keep_every: t.KeepEveryOption = None,
    evaluate_every: t.EvaluateEveryOption = 1,
    restart: t.RestartOption = False,
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
    pictures = draw(trained)
    following = next_command(trained, data)
    if as_json:
        print_json(trained, pictures, following)
    else:
        show(trained, pictures, following)
