"""The options that `train` has to itself."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from . import options as o

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
