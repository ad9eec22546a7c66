"""`repprobe fix`: replace the head, and write a network that is better, or none."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from repprobe.errors import UsageError

from . import options as o
from .fixed import check_written, print_budget_json, print_json, show, show_budget, show_written
from .layers import warn
from .progress import progress_bars

_HEAD, _FIX = "The head", "The fix"

ModelArgument = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL", help="Checkpoint file: torch or safetensors.", show_default=False
    ),
]
OutOption = Annotated[
    Path | None,
    typer.Option(
        "--out",
        "-o",
        metavar="FILE",
        rich_help_panel=_FIX,
        help="The checkpoint to be written; with --budget a folder.",
        show_default="with --budget runs/MODEL-DATA-budget",
    ),
]
CleanOption = Annotated[
    str | None,
    typer.Option(
        metavar="N|all",
        rich_help_panel=_HEAD,
        help="Clean labels that the head is fitted on, drawn from the training part.",
        show_default="5000 or all",
    ),
]
CutOption = Annotated[
    str | None,
    typer.Option(
        metavar="LAYER",
        rich_help_panel=_HEAD,
        help="Layer, or glob pattern over layers, after which the head is replaced.",
        show_default="chosen inside the clean labels",
    ),
]
ProbeOption = Annotated[
    str | None,
    typer.Option(
        metavar="PROBE",
        rich_help_panel=_HEAD,
        help="logistic, ridge or least-squares.",
        show_default="logistic; ridge for regression",
    ),
]
OwnLabelsOption = Annotated[
    int,
    typer.Option(
        metavar="N",
        min=0,
        rich_help_panel=_HEAD,
        help="Training examples with the network's own, surest predictions, to be fitted on too.",
    ),
]
ThenOption = Annotated[
    str | None,
    typer.Option(
        metavar="STEP",
        rich_help_panel=_FIX,
        help="finetune: train on from the new head; kept where held-out clean labels agree.",
    ),
]
BlocksOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PATTERN",
        rich_help_panel=_FIX,
        help="Fine-tune only the blocks that end at these layers, and the head; repeatable.",
        show_default="all",
    ),
]
BudgetOption = Annotated[
    str | None,
    typer.Option(
        metavar="N,…|all",
        rich_help_panel=_FIX,
        help="Write no network, but accuracy for so many clean labels per class.",
    ),
]
SeedsOption = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        min=1,
        rich_help_panel=_FIX,
        help="Draws of clean labels for --budget.",
        show_default="3",
    ),
]
ExportOption = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.pt2",
        rich_help_panel=_FIX,
        help="Write a program, too, that runs without repprobe; it takes float32 inputs with "
        "values as in the data (0…255 for images), preprocessing inside.",
    ),
]
ForceOption = Annotated[
    bool, typer.Option("--force", rich_help_panel=_FIX, help="Write even without a gain.")
]


def fix(
    model: ModelArgument,
    data: o.DataOption,
    out: OutOption = None,
    clean: CleanOption = None,
    cut: CutOption = None,
    probe: ProbeOption = None,
    own_labels: OwnLabelsOption = 0,
    then: ThenOption = None,
    blocks: BlocksOption = None,
    budget: BudgetOption = None,
    seeds: SeedsOption = None,
    export: ExportOption = None,
    force: ForceOption = False,
    arch: o.ArchOption = None,
    arch_arg: o.ArchArgOption = None,
    entry: o.EntryOption = None,
    trust: o.TrustOption = False,
    preprocess: o.PreprocessOption = None,
    image_size: o.ImageSizeOption = None,
    classes: o.ClassesOption = None,
    pool: o.PoolOption = "auto",
    width: o.WidthOption = 1024,
    seed: o.SeedOption = 0,
    engine: o.EngineOption = "auto",
    device: o.DeviceOption = "auto",
    batch_size: o.BatchSizeOption = None,
    memory: o.MemoryOption = None,
    cache: o.CacheOption = None,
    as_json: o.JsonOption = False,
) -> None:
    """Replace what follows the best layer by a linear head fitted on a few clean labels.

    The gain is estimated on clean labels that had no say in the head; without a gain nothing is
    written. The input file is never touched.
    """
    settings: dict[str, Any] = {
        "cut": cut,
        "probe": probe,
        "own_labels": own_labels,
        "then": then,
        "blocks": tuple(blocks or ()),
        "force": force,
        "arch": arch,
        "arch_args": o.parse_arguments(arch_arg),
        "entry": entry,
        "trust": trust,
        "preprocess": preprocess,
        "classes": classes,
        "image_size": image_size,
        "pool": pool,
        "width": width,
        "seed": seed,
        "engine": engine,
        "device": device,
        "batch_size": batch_size,
        "memory": o.parse_memory(memory),
        "cache": cache,
        "clean": _one(clean),
    }
    if budget is not None:
        if export is not None:
            raise UsageError("--export is not for --budget, which writes no network.")
        _budget(model, data, budget, seeds, out, settings, as_json)
        return
    if seeds is not None:
        raise UsageError("--seeds is for --budget; a fix takes one draw, that of --seed.")
    if out is None and export is None:
        raise UsageError("name the checkpoint to be written, e.g. -o fixed.pt.")
    with progress_bars() as progress:
        from repprobe.repair.verb import judge

        judged = judge(
            model,
            data,
            out=out,
            export=export,
            progress=progress,
            command=["repprobe", *sys.argv[1:]],
            **settings,
        )
    for note in judged.fix.notes:
        warn(note)
    if not as_json:
        show(judged.fix)
    with progress_bars() as progress:
        done = judged.write(progress)
    if as_json:
        print_json(done)
    else:
        show_written(done, data, arch_arg or [])
    check_written(done)


def _budget(
    model: Path,
    data: str,
    budget: str,
    seeds: int | None,
    out: Path | None,
    settings: dict[str, Any],
    as_json: bool,
) -> None:
    name = f"{model.stem}-{Path(data).stem}-budget".replace(":", "-")
    with progress_bars() as progress:
        from repprobe.repair.budget import SEEDS
        from repprobe.repair.budget import budget as measure
        from repprobe.runs import free_name

        run = measure(
            model,
            data,
            _numbers(budget),
            seeds=SEEDS if seeds is None else seeds,
            out=out or free_name(Path("runs") / name),
            progress=progress,
            command=["repprobe", *sys.argv[1:]],
            **settings,
        )
    for note in run.info["notes"]:
        warn(note)
    if as_json:
        print_budget_json(run)
    else:
        show_budget(run)


def _one(clean: str | None) -> int | str | None:
    number = o.parse_clean(clean)
    if isinstance(number, tuple):
        raise UsageError("--clean takes one number of labels for a fix; for several give --budget.")
    return number


def _numbers(budget: str) -> list[int | str]:
    try:
        parts = [part.strip() for part in budget.split(",")]
        return [part if part == "all" else int(part) for part in parts]
    except ValueError:
        raise UsageError(
            "--budget takes whole numbers of at least 1, or 'all', with commas between them (and "
            f"5_000 for five thousand), not '{budget}'."
        ) from None
