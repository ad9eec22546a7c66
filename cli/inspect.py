"""`repprobe inspect`: what is this checkpoint?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from . import options as o
from .layers import warn
from .progress import progress_bars
from .tables import say

if TYPE_CHECKING:
    from repprobe.inspection import Inspection

ModelArgument = Annotated[
    Path,
    typer.Argument(
        metavar="MODEL", help="Checkpoint file, or a folder of Hugging Face.", show_default=False
    ),
]


def inspect(
    model: ModelArgument,
    arch: o.ArchOption = None,
    arch_arg: o.ArchArgOption = None,
    entry: o.EntryOption = None,
    trust: o.TrustOption = False,
    as_json: o.JsonOption = False,
) -> None:
    """Tell what a checkpoint is: format, state dicts, architecture, layers, training metadata.

    No data are needed, and nothing in the file is run.
    """
    with progress_bars() as progress:
        from repprobe.inspection import inspect as inspect_file

        found = inspect_file(
            model,
            arch=arch,
            arch_args=o.parse_arguments(arch_arg),
            entry=entry,
            trust=trust,
            progress=progress,
        )
    for note in found.notes:
        if not note.startswith("The prefix"):  # it is in what is printed
            warn(note)
    if as_json:
        say(json.dumps(found.to_dict(), allow_nan=False))
    else:
        _show(found)


def _show(found: Inspection) -> None:
    say(f"{found.path}\n")
    for line in _aligned(_facts(found)):
        say(line)
    if found.metadata:
        say("\nin the file, beside the weights")
        for line in _aligned([[f"  {k}", _text(v)] for k, v in found.metadata.items()]):
            say(line)
    rows = [["layer", "type", "output", "weight"]]
    rows += [[la.name, la.type, _shape(la.shape), _shape(la.weight)] for la in found.layers]
    header, *rest = _aligned(rows)
    say(f"\n{header}\n{'─' * max(map(len, [header, *rest]))}")
    for line in rest:
        say(line)


def _aligned(rows: list[list[str]]) -> list[str]:
    """Return lines of columns that begin at the same place; the last may be of any length."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _facts(found: Inspection) -> list[list[str]]:
    rows = [["format", f"{found.format}, {found.bytes:,} bytes"]]
    if found.entry:
        where = "the file itself" if found.entry == "." else found.entry
        off = f", without the prefix '{found.prefix}'" if found.prefix else ""
        rows.append(["state dict", f"{where}{off}"])
    rows += [
        ["also in it", f"{e['place']}: {e['tensors']} tensors, {e['parameters']:,} values"]
        for e in found.entries
        if e["place"] != found.entry
    ]
    for one in found.architectures:
        rows.append(["architecture", f"{one['architecture']}{_arguments(one['arguments'])}"])
        if one["same"]:
            rows.append(["", f"the same as {', '.join(one['same'][:6])}"])
    if not found.architectures:
        rows.append(["architecture", "not known"])
    rows.append(["", found.how])
    rows.append(["parameters", f"{found.parameters:,}"])
    rows.append(["input", _shape(found.input_shape) or "not known"])
    rows.append(["preprocessing", found.preprocessing or "not told; data tell, or --preprocess"])
    rows += [["left out", sentence] for sentence in found.left_out]
    rows.append(["sha256", found.sha256])
    return rows


def _arguments(arguments: Mapping[str, Any]) -> str:
    shown = ", ".join(f"{k}={v}" for k, v in arguments.items() if not isinstance(v, dict | list))
    return f" ({shown})" if shown else ""


def _shape(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))


def _text(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value)
    return text if len(text) <= 100 else f"{text[:99]}…"
