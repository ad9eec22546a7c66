"""`layers`: from checkpoints and data to a run, one stage after the other."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from repprobe.clock import Clock
from repprobe.data import Data, draws
from repprobe.device import usable_device
from repprobe.diagnosis import diagnose
from repprobe.errors import DataError, UsageError
from repprobe.measure import Measurement
from repprobe.probes.engines import get_engine
from repprobe.probes.fitting import check_kind, default_kind
from repprobe.probes.scores import ALL, Scores
from repprobe.provenance import (
    describe_data,
    describe_machine,
    describe_model,
    describe_settings,
    peak_memory,
)
from repprobe.runs import Run, run_folder
from repprobe.seen import data_for, notes_on_seen
from repprobe.settings import DEFAULT_CLEAN, Settings

if TYPE_CHECKING:
    from torch import nn

    from repprobe.checkpoints import Model

Progress = Callable[[str, int, int], None]


def layers(
    models: str | os.PathLike[str] | Model | nn.Module | Sequence[Any],
    data: str | os.PathLike[str] | Data,
    *,
    out: str | os.PathLike[str] | None = None,
    progress: Progress | None = None,
    command: Sequence[str] = (),
    **settings: Any,
) -> Run:
    """Probe every layer of one or several networks on clean labels.

    Parameters
    ----------
    models : a checkpoint file, a `Model`, a torch module, or several of them.
    data : the name or path of a data set, or a `Data`.
    out : folder for scores, pictures and run.json; None writes nothing.
    progress : called with (stage, done, total).
    command : the command line, for run.json.
    **settings : the fields of `Settings`.

    Returns
    -------
    Run
        Scores and everything known about how they came about.

    Raises
    ------
    RepprobeError
        Anything the user can mend; see `repprobe.errors`.
    KeyboardInterrupt
        After Ctrl-C; networks that were finished by then are kept in `out`.
    """
    chosen = Settings(**settings)
    wanted = models if isinstance(models, (list, tuple)) else [models]
    if not wanted:
        raise UsageError("no model was named.")
    with run_folder(out) if out is not None else nullcontext() as folder:
        job = _Job(chosen, progress or (lambda stage, done, total: None))
        run = job.run(wanted, data, command)
        if folder is not None and out is not None:
            from repprobe.report import save_figures

            with job.clock.timed("figures"):
                save_figures(run.scores, folder)
            run.write(folder)
            run = Run(run.scores, run.info, Path(out))
    if job.interrupted:
        kept = f"{len(run.scores.models)} of {len(wanted)} models were finished"
        raise KeyboardInterrupt(f"{kept} and are kept in {out}" if out is not None else kept)
    return run


class _Job:
    """One call of `layers`: its settings and its clock."""

    def __init__(self, settings: Settings, progress: Progress) -> None:
        self.settings = settings
        self.progress = progress
        self.clock = Clock()
        self.interrupted = False

    def run(self, wanted: Sequence[Any], source: Any, command: Sequence[str]) -> Run:
        """Probe all the networks and describe how that went."""
        settings = self.settings
        with self.clock.timed("load"):
            device = str(usable_device(settings.device))
            engine = get_engine(settings.engine, device)
            models = [self._load_model(model) for model in wanted]
            data, image_size = data_for(models, source, settings.image_size)
            _check_data(data)
            kind = check_kind(settings.probe or default_kind(data.task), data.task)
            budgets = settings.budgets or (min(DEFAULT_CLEAN, len(data.train)),)
            seeds = range(settings.seed, settings.seed + settings.seeds)
            drawn = draws(data.train.labels, budgets, seeds, data.task)
            clean = np.unique(np.concatenate([draw.rows for draw in drawn]))
        measurement = Measurement(
            data, drawn, kind, engine, device, settings, self.progress, self.clock
        )
        scores = Scores()
        details: list[dict[str, Any]] = []
        for name, model in zip(distinct([m.name for m in models]), models, strict=True):
            try:
                found, outcome, notes = measurement.of(name, model)
            except KeyboardInterrupt:
                if not details:
                    raise
                self.interrupted = True
                break
            scores += found
            notes = [*model.notes, *notes_on_seen(model.origin, data, image_size, clean), *notes]
            details.append(describe_model(name, model, outcome, notes))
        diagnoses = diagnose(scores)
        info = {
            "command": list(command),
            "interrupted": self.interrupted,
            "verdict": " ".join(d.verdict for d in diagnoses),
            "diagnoses": [d.to_dict() for d in diagnoses],
            "settings": describe_settings(
                settings,
                probe=kind,
                engine=engine.name,
                clean=scores.budgets,
                image_size=image_size,
            ),
            "seeds": [draw.seed for draw in drawn],
            "data": describe_data(data),
            "models": details,
            "machine": describe_machine(device),
            "seconds": self.clock.seconds,
            "peak_memory_bytes": peak_memory(),
        }
        return Run(scores, info)

    def _load_model(self, model: Any) -> Model:
        from repprobe.checkpoints import Model, Preprocessing, load_model

        if isinstance(model, Model):
            return model
        settings = self.settings
        if isinstance(model, (str, os.PathLike)):
            return load_model(
                Path(model),
                arch=settings.arch,
                arch_args=settings.arch_args,
                preprocess=settings.preprocess,
                progress=self.progress,
            )
        preprocessing = Preprocessing.parse(settings.preprocess or "unit")
        return Model(type(model).__name__, model, type(model).__qualname__, preprocessing)


def distinct(names: Sequence[str]) -> list[str]:
    """Return the names, those that occur again numbered: a, a-2, a-3."""
    seen: dict[str, int] = {}
    result = []
    for name in names:
        seen[name] = seen.get(name, 0) + 1
        result.append(name if seen[name] == 1 else f"{name}-{seen[name]}")
    return result


def _check_data(data: Data) -> None:
    """Raise DataError for labels that no table of scores could tell of."""
    if ALL in data.classes:
        raise DataError(
            f"a class is named '{ALL}', which is what the row of all classes is called; rename it."
        )
    if data.task == "regression" and not np.ptp(data.test.labels, axis=0).all():
        raise DataError("all test targets are the same number: there is nothing to predict.")
