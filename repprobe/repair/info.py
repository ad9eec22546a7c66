"""What is told of a repair beside its figures: where everything came from, and what was seen."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from repprobe.clock import Clock
from repprobe.provenance import describe_data, describe_machine, peak_memory
from repprobe.seen import notes_on_seen

if TYPE_CHECKING:
    from repprobe.checkpoints import Model
    from repprobe.repair.job import Job


def describe(job: Job, command: Sequence[str], clock: Clock) -> dict[str, Any]:
    """Return command, settings, data, networks, machine and seconds as plain values."""
    settings = {
        **asdict(job.settings),
        "probe": job.kind,
        "engine": job.engine.name,
        "image_size": job.image_size,
        "blocks": list(job.settings.blocks),
        "arch_args": dict(job.settings.arch_args or {}),
        "cache": None if job.settings.cache is None else str(job.settings.cache),
    }
    return {
        "command": list(command),
        "source": None if job.source is None else str(job.source),
        "settings": settings,
        "data": describe_data(job.data),
        "models": [_network(model) for model in job.models],
        "machine": describe_machine(job.device),
        "seconds": clock.seconds,
        "peak_memory_bytes": peak_memory(),
    }


def notes_on(job: Job, clean: NDArray[np.int64]) -> list[str]:
    """Return what the user must know of the networks, the data, and clean examples seen before."""
    model = job.models[0]
    notes = [*job.data.notes, *model.notes]
    origin = model.origin
    if origin is None:
        notes.append(
            "nothing says which examples the network was trained on; if the clean ones are among "
            "them, its answers to these, and so the gain on them, may not be what they are on new "
            "examples."
        )
        return notes
    if origin.fingerprint != job.data.fingerprint:
        return [*notes, *notes_on_seen(origin, job.data, job.image_size, clean)]
    seen = int(np.isin(clean, origin.rows).sum())
    if seen:
        notes.append(
            f"{seen:,} of {len(clean):,} clean labels are of examples the network was trained on, "
            "with labels that may have been wrong: what it answers to these, and so the gain on "
            "them, may not be what it is on new examples. The test part is new to it."
        )
    return notes


def _network(model: Model) -> dict[str, Any]:
    return {
        "name": model.name,
        "architecture": model.architecture,
        "parameters": model.parameters,
        "sha256": model.sha256,
        "preprocessing": model.preprocessing.name,
    }
