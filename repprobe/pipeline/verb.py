"""`layers`: from checkpoints and data to a run, one stage after the other."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from repprobe.clock import Clock
from repprobe.data import Data, draws
from repprobe.data.overlap import apart_from_test
from repprobe.data.sized import SizedData
from repprobe.device import usable_device
from repprobe.errors import DataError, UsageError
from repprobe.pipeline.comparison import Comparison
from repprobe.pipeline.learned import read_noisy_labels
from repprobe.pipeline.lineup import Lineup
from repprobe.pipeline.loading import load_all
from repprobe.pipeline.measure import Measurement
from repprobe.probes.engines import get_engine
from repprobe.probes.fitting import check_kind, default_kind
from repprobe.probes.scores import ALL
from repprobe.provenance import (
    describe_data,
    describe_machine,
    describe_settings,
    peak_memory,
)
from repprobe.runs import Run, run_folder
from repprobe.seen import data_for, in_class_order
from repprobe.settings import DEFAULT_CLEAN, Settings

if TYPE_CHECKING:
    from torch import nn

    from repprobe.checkpoints import Model
    from repprobe.diagnosis import Diagnosis

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
                save_figures(run.scores, folder, diagnoses=job.diagnoses, epochs=job.epochs)
            run.write(folder)
            run = Run(run.scores, run.info, Path(out))
    if job.interrupted:
        kept = f"{len(run.info['models'])} of {len(wanted)} models were finished"
        raise KeyboardInterrupt(f"{kept} and are kept in {out}" if out is not None else kept)
    return run


class _Job:
    """One call of `layers`: its settings and its clock.

    Attributes
    ----------
    interrupted : whether Ctrl-C came before all networks were finished.
    diagnoses, epochs : for the pictures.
    """

    def __init__(self, settings: Settings, progress: Progress) -> None:
        self.settings = settings
        self.progress = progress
        self.clock = Clock()
        self.interrupted = False
        self.diagnoses: list[Diagnosis] = []
        self.epochs: dict[str, int] | None = None

    def run(self, wanted: Sequence[Any], source: Any, command: Sequence[str]) -> Run:
        """Probe all the networks, compare them, and describe how that went."""
        settings = self.settings
        with self.clock.timed("load"):
            device = str(usable_device(settings.device))
            engine = get_engine(settings.engine, device)
            sized = SizedData(source)
            loaded = load_all(wanted, settings, sized, self.progress)
            data, image_size = data_for(loaded.all, sized, settings.image_size)
            data, columns = in_class_order(data, settings.classes)
            _check_data(data)
            kind = check_kind(settings.probe or default_kind(data.task), data.task)
            budgets = settings.budgets or (min(DEFAULT_CLEAN, len(data.train)),)
            seeds = range(settings.seed, settings.seed + settings.seeds)
            drawn = draws(data.train.labels, budgets, seeds, data.task)
            drawn, notes = apart_from_test(data, drawn)
            data = replace(data, notes=(*data.notes, *notes))
            noisy = settings.noisy_labels
            given = None if noisy is None else read_noisy_labels(noisy, data)
        measurement = Measurement(
            data,
            drawn,
            kind,
            engine,
            device,
            settings,
            self.progress,
            self.clock,
            columns=columns,
        )
        with self.clock.timed("load"):
            lineup = Lineup.of(
                loaded.models,
                loaded.references,
                measurement.widths,
                random=loaded.random,
                seed=settings.seed,
            )
        self.epochs = lineup.epochs
        comparison = Comparison(lineup, measurement, image_size, given, loaded.earlier)
        self.interrupted = not comparison.measure()
        scores, diagnoses = comparison.diagnosed()
        self.diagnoses = diagnoses
        info = {
            "command": list(command),
            "interrupted": self.interrupted,
            "verdict": " ".join(d.verdict for d in diagnoses),
            "diagnoses": [d.to_dict() for d in diagnoses],
            "margin": settings.margin,
            "settings": describe_settings(
                settings,
                probe=kind,
                engine=engine.name,
                clean=sorted({budget for draw in drawn for budget in draw.budgets}),
                image_size=image_size,
            ),
            "seeds": [draw.seed for draw in drawn],
            "data": describe_data(data),
            "models": comparison.models,
            "references": comparison.references,
            "machine": describe_machine(device),
            "seconds": self.clock.seconds,
            "peak_memory_bytes": peak_memory(),
        }
        return Run(scores, info)


def _check_data(data: Data) -> None:
    """Raise DataError for labels that no table of scores could tell of."""
    if ALL in data.classes:
        raise DataError(
            f"a class is named '{ALL}', which is what the row of all classes is called; rename it."
        )
    if data.task == "regression" and not np.ptp(data.test.labels, axis=0).all():
        raise DataError("all test targets are the same number: there is nothing to predict.")
