"""`repprobe layers`: probe every layer, draw the heatmap, say the verdict."""

from __future__ import annotations

import json
import math
import sys
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from repprobe.errors import UsageError
from repprobe.probes.scores import ALL

from . import options as o
from .findings import COMPARED, METRICS, WIDTH, finding_tables
from .progress import progress_bars
from .tables import budget_table, layer_table, render, say

if TYPE_CHECKING:
    from repprobe.probes.scores import Score, Scores
    from repprobe.runs import Run

ModelArgument = Annotated[
    list[Path],
    typer.Argument(
        metavar="MODEL…",
        help="Checkpoint files, or folders of Hugging Face.",
        show_default=False,
    ),
]
ListOption = Annotated[
    bool,
    typer.Option(
        "--list",
        rich_help_panel="The layers",
        help="Print names, types and shapes of all layers, and probe nothing.",
    ),
]


def layers(
    models: ModelArgument,
    data: o.DataOption,
    arch: o.ArchOption = None,
    arch_arg: o.ArchArgOption = None,
    entry: o.EntryOption = None,
    trust: o.TrustOption = False,
    preprocess: o.PreprocessOption = None,
    image_size: o.ImageSizeOption = None,
    classes: o.ClassesOption = None,
    patterns: o.LayersOption = None,
    list_only: ListOption = False,
    pool: o.PoolOption = "auto",
    width: o.WidthOption = 1024,
    probe: o.ProbeOption = None,
    distance: o.DistanceOption = None,
    clean: o.CleanOption = None,
    seeds: o.SeedsOption = 1,
    seed: o.SeedOption = 0,
    engine: o.EngineOption = "auto",
    reference: o.ReferenceOption = None,
    margin: o.MarginOption = None,
    noisy_labels: o.NoisyLabelsOption = None,
    causal: o.CausalOption = False,
    rewind: o.RewindOption = None,
    device: o.DeviceOption = "auto",
    dtype: o.DtypeOption = "float32",
    batch_size: o.BatchSizeOption = None,
    memory: o.MemoryOption = None,
    cache: o.CacheOption = None,
    out: o.OutOption = None,
    as_json: o.JsonOption = False,
) -> None:
    """Probe every layer of one or more networks with linear models fitted on clean labels.

    Prints a table from input to output and where the representation is best; writes the scores,
    a heatmap (layer × class, or layer × model) and a depth profile.
    """
    settings: dict[str, Any] = {
        "arch": arch,
        "arch_args": o.parse_arguments(arch_arg),
        "entry": entry,
        "trust": trust,
        "preprocess": preprocess,
        "image_size": image_size,
        "classes": classes,
        "layers": tuple(patterns or ()),
        "pool": pool,
        "width": width,
        "probe": probe,
        "distance": distance,
        "clean": o.parse_clean(clean),
        "seeds": seeds,
        "seed": seed,
        "engine": engine,
        "device": device,
        "dtype": dtype,
        "batch_size": batch_size,
        "memory": o.parse_memory(memory),
        "cache": cache,
        "reference": tuple(reference or ()),
        "noisy_labels": noisy_labels,
        "causal": causal,
        "rewind": rewind,
    }
    if margin is not None:
        settings["margin"] = margin
    if list_only:
        _list(models, data, settings, as_json)
        return
    run = probe_and_write(models, data, out or default_folder(models, data), settings)
    if as_json:
        print_json(run)
    else:
        show(run)


def probe_and_write(models: Sequence[Path], data: str, out: Path, settings: dict[str, Any]) -> Run:
    """Run the pipeline with progress bars; notes go to stderr."""
    with progress_bars() as progress:
        from repprobe.pipeline import layers as probe_all

        run = probe_all(
            [Path(m) for m in models],
            data,
            out=out,
            progress=progress,
            command=["repprobe", *sys.argv[1:]],
            **settings,
        )
    for note in run.info["data"]["notes"]:
        warn(note)
    for model in run.info["models"]:
        for note in model["notes"]:
            warn(f"{model['name']}: {note}")
        for layer, reason in model["skipped"].items():
            warn(f"{model['name']}: layer '{layer}' is left out: {reason}")
    return run


def show(run: Run) -> None:
    """Print the tables of each model, the verdicts, and where the files are."""
    for model, diagnosis in zip(run.info["models"], run.info["diagnoses"], strict=True):
        scores = run.scores.where(model=model["name"])
        say(
            f"{model['name']}: {model['architecture']}, {model['parameters']:,} parameters"
            f"{_origin(model['metadata'])}"
        )
        _show_tables(scores, diagnosis)
        say()
    for diagnosis in run.info["diagnoses"]:
        say(diagnosis["verdict"])
    if run.folder is not None:
        from repprobe.runs import INFO, SCORES

        pictures = sorted({path.name for path in run.folder.iterdir()} - {SCORES, INFO})
        say(f"\n{run.folder}: {', '.join([SCORES, INFO, *pictures])}")


def _show_tables(scores: Scores, diagnosis: Mapping[str, Any]) -> None:
    best, onset = diagnosis["best"] and diagnosis["best"]["layer"], diagnosis["onset"]
    apart = len(scores.budgets) > 1
    if apart:
        what = "R²" if scores.metric == "r2" else "accuracy in %"
        say(f"{what} with 95 % intervals, by number of clean labels")
        say(render(budget_table(scores, best)))
    else:
        table = layer_table(scores, best, onset)
        apart = max(map(len, render(table).splitlines())) > WIDTH
        say(render(layer_table(scores, best, onset, COMPARED[:0]) if apart else table))
    for title, table in finding_tables(scores, onset, with_compared=apart):
        say("\n" + textwrap.fill(title, WIDTH))
        say(render(table))


def print_json(run: Run) -> None:
    """Print the run as one JSON object: test figures as `layers`, all else as `findings`."""
    leading = run.scores.leading()
    found = [r for r in run.scores if r.metric in METRICS and r.group == ALL]
    told = {**run.info, "layers": [_plain(r) for r in leading], "folder": str(run.folder)}
    findings = [_plain(r) | {"probe": r.probe, "seed": r.seed, "split": r.split} for r in found]
    say(json.dumps({**told, "findings": findings}, allow_nan=False))


def _plain(row: Score) -> dict[str, Any]:
    figures = {"value": row.value, "low": row.low, "high": row.high}
    return {
        "model": row.model,
        "layer": row.layer,
        "order": row.order,
        "width": row.width,
        "clean_labels": row.clean_labels,
        "regularization": row.regularization,
        "metric": row.metric,
        **{k: v if math.isfinite(v) else None for k, v in figures.items()},
    }


def warn(text: str) -> None:
    """Print a line to stderr."""
    print(f"repprobe: {text}", file=sys.stderr)


def default_folder(models: Sequence[Path], data: str) -> Path:
    """Return a free folder runs/MODEL-DATA."""
    from repprobe.runs import free_name

    first = models[0].stem + (f"-and-{len(models) - 1}-more" if len(models) > 1 else "")
    name = f"{first}-{Path(data).stem}".replace(":", "-")
    return free_name(Path("runs") / name)


def _origin(metadata: Mapping[str, Any]) -> str:
    """Return how a network of `repprobe train` was trained; nothing for one of other making."""
    method, noise = metadata.get("method"), metadata.get("noise")
    if not isinstance(method, str) or not isinstance(noise, str):
        return ""
    law = "labels as they are" if noise == "none" else noise
    epoch, epochs = metadata.get("epoch"), metadata.get("epochs")
    first = ", first of two networks" if metadata.get("networks") == 2 else ""
    if epoch == 0:
        return f", untrained (epoch 0){first}"
    if isinstance(epoch, int) and isinstance(epochs, int) and epoch < epochs:
        return f", after {epoch} of {epochs} epochs of {method} on {law}{first}"
    return f", trained by {method} on {law}{first}"


def _list(models: Sequence[Path], data: str, settings: dict[str, Any], as_json: bool) -> None:
    if len(models) > 1:
        raise UsageError("--list takes one model at a time.")
    from repprobe.capture import list_layers
    from repprobe.checkpoints import load_model
    from repprobe.data.sized import SizedData
    from repprobe.seen import data_for
    from repprobe.settings import OPENING

    with progress_bars() as progress:
        sized = SizedData(data)
        size, opening = settings["image_size"], {name: settings[name] for name in OPENING}
        model = load_model(models[0], data=sized, image_size=size, progress=progress, **opening)
        source, _ = data_for([model], sized, size)
        rows = list_layers(model, source)
    if as_json:
        say(json.dumps({"model": model.name, "layers": [asdict(row) for row in rows]}))
        return
    cells = [["layer", "type", "shape", "probed", ""]]
    cells += [
        [r.name, r.type, " × ".join(map(str, r.shape)), "yes" if r.default else "", r.reason]
        for r in rows
    ]
    say(render(cells))
