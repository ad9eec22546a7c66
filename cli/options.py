"""Options that several commands share: the same names, the same help, everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from repprobe.errors import UsageError

_MODEL, _LAYERS, _PROBE, _RUN = "The network", "The layers", "The probes", "The run"
_DIAGNOSIS = "The diagnosis"

NOISE_FORMS = (
    *("none", "uniform:R (the true class included)", "symmetric:R", "flipped:R"),
    *("flipped:FROM>TO,FROM>TO:R", "flipped:FILE.json:R", "flipped:blocks:R", "pair:R"),
    *("matrix:FILE", "instance:R", "human:aggre|worse|random1|random2|random3", "file:FILE"),
    *("and for regression gaussian:MEAN,STD:R", "gamma:K,THETA:R", "student-t:R"),
    "student-t:DF,SCALE:R",
)
"""As in `repprobe.noise`, whose numpy and scipy help must not wait for."""

METHODS = (
    *("ce", "forward", "gce", "sce", "mixup", "co-teaching", "elr", "dividemix"),
    *("and for regression mse", "mae"),
)
SCHEDULES = ("constant", "cosine", "linear:80", "step:0.1@40,80", "exponential:0.99", "halve:50")

DataOption = Annotated[
    str,
    typer.Option(
        "--data",
        "-d",
        metavar="DATA",
        help="digits, mnist, fashion-mnist, cifar10, cifar100, cifar-easy, clothing1m, webvision, "
        "webvision-mini; graphs: max-degree, max-feature (max-degree:2000 has that many), mutag "
        "and other TU collections; or a path: a folder per class, Parquet in the Hugging Face "
        "image layout, or .npz.",
    ),
]
ArchOption = Annotated[
    str | None,
    typer.Option(
        metavar="ARCH",
        rich_help_panel=_MODEL,
        help="Architecture, where it cannot be found: torchvision:NAME, timm:NAME, pyg:NAME, "
        "zoo:NAME, transformers:TYPE, file.py:function or package.module:function.",
    ),
]
ArchArgOption = Annotated[
    list[str] | None,
    typer.Option(
        "--arch-arg",
        metavar="KEY=VALUE",
        rich_help_panel=_MODEL,
        help="Argument for --arch; repeatable.",
    ),
]
EntryOption = Annotated[
    str | None,
    typer.Option(
        metavar="PLACE",
        rich_help_panel=_MODEL,
        help="Which state dict of the file, e.g. ema or nets[1]; 'repprobe inspect' lists them.",
        show_default="the likeliest",
    ),
]
TrustOption = Annotated[
    bool,
    typer.Option(
        "--trust",
        rich_help_panel=_MODEL,
        help="Load files that ask to run code, and let them run it. Only for files of your own.",
    ),
]
ClassesOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME,…|FILE",
        rich_help_panel=_MODEL,
        help="The classes in the order of the network's outputs, or a file with one per line; '-' "
        "is an output that is none of them.",
        show_default="the order of the data",
    ),
]
PreprocessOption = Annotated[
    str | None,
    typer.Option(
        metavar="HOW",
        rich_help_panel=_MODEL,
        help="imagenet, cifar10, cifar100, mnist, half (−1…1), unit (0…1), none (raw values) or "
        "MEAN/STD such as 0.5/0.25; behind rgb:, bgr: or grey: for what the network takes.",
        show_default="the checkpoint's own, else what the data tell",
    ),
]
ImageSizeOption = Annotated[
    int | None,
    typer.Option(
        metavar="PIXELS",
        min=1,
        rich_help_panel=_MODEL,
        help="Resize and crop images to this side.",
        show_default="the checkpoint's own, else what the data tell",
    ),
]
LayersOption = Annotated[
    list[str] | None,
    typer.Option(
        "--layers",
        "-l",
        metavar="PATTERN",
        rich_help_panel=_LAYERS,
        help="Glob pattern over dotted layer names, repeatable; 'all' takes every leaf.",
        show_default="one layer per stage",
    ),
]
PoolOption = Annotated[
    str,
    typer.Option(
        metavar="HOW",
        rich_help_panel=_LAYERS,
        help="How an activation becomes a vector: auto, mean, max, sum, grid, flatten, cls, last, "
        "none.",
    ),
]
WidthOption = Annotated[
    int, typer.Option(metavar="N", min=1, rich_help_panel=_LAYERS, help="Longest feature vector.")
]
ProbeOption = Annotated[
    str | None,
    typer.Option(
        metavar="PROBE",
        rich_help_panel=_PROBE,
        help="logistic, ridge, least-squares or knn.",
        show_default="logistic; ridge for regression",
    ),
]
DistanceOption = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        rich_help_panel=_PROBE,
        help="euclidean or cosine, of standardized features; for --probe knn.",
        show_default="euclidean",
    ),
]
CleanOption = Annotated[
    str | None,
    typer.Option(
        metavar="N|all,…",
        rich_help_panel=_PROBE,
        help="Clean labels that probes are fitted on, drawn from the training part; several "
        "numbers, as in 100,1000,all, give nested budgets.",
        show_default="5000 or all",
    ),
]
SeedsOption = Annotated[
    int, typer.Option(metavar="N", min=1, rich_help_panel=_PROBE, help="Draws of clean labels.")
]
SeedOption = Annotated[
    int, typer.Option(metavar="N", min=0, rich_help_panel=_PROBE, help="First seed.")
]
EngineOption = Annotated[
    str, typer.Option(metavar="NAME", rich_help_panel=_PROBE, help="auto, torch, sklearn or cuml.")
]
ReferenceOption = Annotated[
    list[str] | None,
    typer.Option(
        "--reference",
        "-r",
        metavar="MODEL|random|input",
        rich_help_panel=_DIAGNOSIS,
        help="What networks are compared with, repeatable: a checkpoint of the same architecture "
        "trained on clean labels; 'random', the architecture with fresh weights, three times; "
        "'input', the raw input, which is always shown.",
        show_default="the first of several networks",
    ),
]
MarginOption = Annotated[
    float | None,
    typer.Option(
        metavar="SHARE",
        rich_help_panel=_DIAGNOSIS,
        help="Drop of accuracy (0.01 is a point) or R² that is not called damage yet.",
        show_default="0.01",
    ),
]
NoisyLabelsOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        rich_help_panel=_DIAGNOSIS,
        help="The labels that the networks learned, one for each training example, to tell what "
        "was memorized: .npy, .npz, .csv or .txt.",
        show_default="those in a checkpoint of repprobe train",
    ),
]
CausalOption = Annotated[
    bool,
    typer.Option(
        "--causal",
        rich_help_panel=_DIAGNOSIS,
        help="Rewind blocks to their initialization, and retrain them on the clean labels, one at "
        "a time: probes correlate, this decides.",
    ),
]
RewindOption = Annotated[
    Path | None,
    typer.Option(
        metavar="MODEL",
        rich_help_panel=_DIAGNOSIS,
        help="An earlier checkpoint of the same network to rewind blocks to; goes with --causal.",
        show_default="its initialization",
    ),
]
DeviceOption = Annotated[
    str, typer.Option(metavar="NAME", rich_help_panel=_RUN, help="auto, cpu, cuda, cuda:1, …")
]
DtypeOption = Annotated[
    str,
    typer.Option(
        metavar="TYPE",
        rich_help_panel=_RUN,
        help="The network computes in float32, bfloat16 or (on a GPU) float16. Features of the "
        "latter two take half the memory; on a ResNet-20 ridge probes moved by 0.11 points.",
    ),
]
BatchSizeOption = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        rich_help_panel=_RUN,
        help="Inputs per forward pass; halved where memory is short.",
        show_default="chosen",
    ),
]
MemoryOption = Annotated[
    str | None,
    typer.Option(
        metavar="SIZE",
        rich_help_panel=_RUN,
        help="Memory for features and activations, such as 500M or 2G; past it features go to "
        "disk, and on the CPU batches get smaller.",
        show_default="a quarter of the machine's",
    ),
]
CacheOption = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        rich_help_panel=_RUN,
        help="Keep features here, and take them from here when nothing has changed.",
    ),
]
OutOption = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        metavar="DIR",
        rich_help_panel=_RUN,
        help="Folder for scores.csv, run.json and pictures.",
        show_default="runs/MODEL-DATA",
    ),
]
JsonOption = Annotated[
    bool,
    typer.Option("--json", rich_help_panel=_RUN, help="Print one JSON object and nothing else."),
]

_UNITS = {"k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


def parse_memory(text: str | None) -> int | None:
    """Read a size such as 500M, 2G or 1000000 (bytes)."""
    if text is None:
        return None
    number = text.lower().removesuffix("ib").removesuffix("b")
    unit = _UNITS.get(number[-1:], 1)
    try:
        size = int(float(number if unit == 1 else number[:-1]) * unit)
    except (ValueError, OverflowError):
        size = 0
    if size < 1:
        raise UsageError(f"--memory takes a size such as 500M or 2G, not '{text}'.")
    return size


def parse_clean(text: str | None) -> int | str | tuple[int | str, ...] | None:
    """Read `--clean`: a whole number, 'all', or several of these between commas."""
    if text is None:
        return None
    budgets = tuple(_budget(part.strip(), text) for part in text.split(","))
    return budgets[0] if len(budgets) == 1 else budgets


def _budget(part: str, text: str) -> int | str:
    if part == "all":
        return part
    try:
        number = int(part)
    except ValueError:
        number = 0
    if number < 1:
        raise UsageError(
            f"--clean takes whole numbers of at least 1, or 'all', with commas between them "
            f"(and 5_000 for five thousand), not '{text}'."
        )
    return number


def parse_arguments(pairs: list[str] | None, option: str = "--arch-arg") -> dict[str, object]:
    """Read the KEY=VALUE pairs of an option; values are Python literals, or else text."""
    import ast

    arguments: dict[str, object] = {}
    for pair in pairs or []:
        key, found, value = pair.partition("=")
        if not found or not key.isidentifier():
            raise UsageError(f"{option} takes KEY=VALUE, not '{pair}'.")
        try:
            arguments[key] = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            arguments[key] = value
    return arguments
