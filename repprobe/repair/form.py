"""The form of a fixed network's file: that of the file it came from, or one of repprobe's own."""

from __future__ import annotations

import fnmatch
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from repprobe.errors import UsageError

if TYPE_CHECKING:
    from repprobe.checkpoints import Model
    from repprobe.repair.job import Job

SAFETENSORS = ".safetensors"


def keeps_form(source: Path | None, fixed: Sequence[Model], out: Path) -> bool:
    """Whether fixed networks are written in the form of the file they came from.

    They are where they fit it, but a torch file that was asked for is one, whatever the source.
    """
    from repprobe.checkpoints.reading import is_safetensors

    if source is None or any(model.entry is None for model in fixed):
        return False
    return out.suffix == SAFETENSORS or not is_safetensors(source)


def check_form(source: Path | None, out: Path) -> None:
    """Raise UsageError where no cut at all can be written to a file of that name."""
    from repprobe.checkpoints.reading import is_safetensors

    if out.suffix == SAFETENSORS and (source is None or not is_safetensors(source)):
        what = "the network comes from no file" if source is None else f"'{source}' is a torch file"
        raise UsageError(f"'{out}': {what}, and so the fixed one is a torch file; use .pt.")


def check_place(job: Job) -> None:
    """Raise UsageError where no file could hold the networks: nothing names what builds them."""
    whole = any(m.entry is None and ":" not in m.architecture for m in job.models)
    if job.source is not None and whole:
        raise UsageError(
            f"'{job.source}' holds its network whole, and a fixed one cannot be written so; name "
            "its --arch, or write a program with --export FILE.pt2 and leave -o out."
        )


def fitting_form(job: Job, out: Path | None) -> tuple[Job, list[str]]:
    """Return the job with a cut that a file of that name can hold, and what to tell of it.

    A safetensors file holds a network in its own form alone, so that the head can only be one on
    the last hidden layer. Elsewhere any cut can be written.

    Raises
    ------
    UsageError
        The settings ask for another cut, or the network has none that keeps its form.
    """
    from repprobe.capture.layer import call_name
    from repprobe.repair.place import head_place

    if out is None or out.suffix != SAFETENSORS:
        return job, []
    place, pattern = head_place(job.models[0], job.data), job.settings.cut
    rest = f"name a file such as '{out.with_suffix('.pt')}'"
    if place is None:
        raise UsageError(
            f"'{out}': a safetensors file holds only the network's own form, which a new head "
            f"cannot keep here; {rest}."
        )
    keeping = (place.layer, call_name(place.module, "", 0))
    if pattern in keeping:
        return job, []
    hits = [la for la in keeping if pattern in (None, "all") or fnmatch.fnmatchcase(la, pattern)]
    if not hits:
        raise UsageError(
            f"'{out}': a safetensors file holds only the network's own form, which the cut "
            f"'{pattern}' does not keep; {rest}, or cut at '{place.layer}'."
        )
    note = (
        f"a safetensors file holds only the network's own form, so the cut is '{hits[0]}', which "
        f"keeps it; for a choice among all layers {rest}."
    )
    return replace(job, settings=replace(job.settings, cut=hits[0])), [note]
