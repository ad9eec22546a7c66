"""`layers`: from checkpoints and data to a run, one stage after the other."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from repprobe.data import Data, load_data, stratified_draw
from repprobe.diagnosis import diagnose
from repprobe.errors import DataError, UsageError
from repprobe.probes.engines import Engine, get_engine
from repprobe.probes.fitting import Kind, check_kind, default_kind
from repprobe.probes.probing import Labels, probe_layers
from repprobe.probes.scores import ALL, Scores
from repprobe.provenance import (
    describe_data,
    describe_machine,
    describe_model,
    describe_settings,
    peak_memory,
)
from repprobe.runs import Run, run_folder
from repprobe.settings import DEFAULT_CLEAN, Settings

if TYPE_CHECKING:
    from torch import nn

    from repprobe.capture import Features
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

            with job.clock("figures"):
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
        self.seconds: dict[str, float] = {}
        self.interrupted = False

    @contextmanager
    def clock(self, stage: str) -> Iterator[None]:
        """Add the seconds that the block takes to `stage`."""
        start = time.perf_counter()
        try:
            yield
        finally:
            spent = self.seconds.get(stage, 0.0) + time.perf_counter() - start
            self.seconds[stage] = round(spent, 3)

    def run(self, wanted: Sequence[Any], source: Any, command: Sequence[str]) -> Run:
        """Probe all the networks and describe how that went."""
        settings = self.settings
        with self.clock("load"):
            data = source if isinstance(source, Data) else self._load_data(source)
            _check_data(data)
            kind = check_kind(settings.probe or default_kind(data.task), data.task)
            draws = _draws(data, settings)
            device = _device(settings.device)
            engine = get_engine(settings.engine, device)
            models = [self._load_model(model) for model in wanted]
        scores = Scores()
        details: list[dict[str, Any]] = []
        for name, model in zip(distinct([m.name for m in models]), models, strict=True):
            try:
                found, detail = self._probe(name, model, data, draws, kind, engine, device)
            except KeyboardInterrupt:
                if not details:
                    raise
                self.interrupted = True
                break
            scores += found
            details.append(detail)
        diagnoses = diagnose(scores)
        info = {
            "command": list(command),
            "interrupted": self.interrupted,
            "verdict": " ".join(d.verdict for d in diagnoses),
            "diagnoses": [d.to_dict() for d in diagnoses],
            "settings": describe_settings(
                settings, probe=kind, engine=engine.name, clean=len(next(iter(draws.values())))
            ),
            "seeds": list(draws),
            "data": describe_data(data),
            "models": details,
            "machine": describe_machine(device),
            "seconds": self.seconds,
            "peak_memory_bytes": peak_memory(),
        }
        return Run(scores, info)

    def _load_data(self, source: str | os.PathLike[str]) -> Data:
        return load_data(source, seed=self.settings.seed, image_size=self.settings.image_size)

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

    def _probe(
        self,
        name: str,
        model: Model,
        data: Data,
        draws: Mapping[int, np.ndarray],
        kind: Kind,
        engine: Engine,
        device: str,
    ) -> tuple[Scores, dict[str, Any]]:
        from repprobe.capture import capture

        settings = self.settings
        rows = np.unique(np.concatenate(list(draws.values())))
        with self.clock("capture"):
            features = capture(
                model,
                data,
                train_rows=rows,
                layers=settings.layers,
                pool=settings.pool,
                width=settings.width,
                batch_size=settings.batch_size,
                device=device,
                memory_bytes=settings.memory,
                cache_dir=settings.cache,
                seed=settings.seed,
                progress=self.progress,
            )
        labels = Labels(
            data.train.labels[rows],
            data.test.labels,
            data.classes,
            {seed: np.searchsorted(rows, drawn) for seed, drawn in draws.items()},
        )
        with features, self.clock("probe"):
            answer, missing = _own_answer(features, data)
            scores, _ = probe_layers(
                features,
                labels,
                model=name,
                kind=kind,
                engine=engine,
                answer=answer,
                progress=self.progress,
            )
            notes = [*model.notes, *features.notes, *missing, *_marks(scores)]
            return scores, describe_model(name, model, features, notes)


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


def _draws(data: Data, settings: Settings) -> dict[int, np.ndarray]:
    """Return seed → rows of the training part whose labels are taken as clean."""
    available, clean = len(data.train), settings.clean
    if clean == "all":
        return {settings.seed: np.arange(available)}
    count = min(DEFAULT_CLEAN, available) if clean is None else int(clean)
    seeds = range(settings.seed, settings.seed + settings.seeds)
    return {s: stratified_draw(data.train.labels, count, s, data.task) for s in seeds}


def _device(name: str) -> str:
    import torch

    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=name)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"the device '{name}' cannot be used: {reason}") from None
    return name


def _own_answer(features: Features, data: Data) -> tuple[np.ndarray | None, list[str]]:
    """Return the network's output (n, C) where it answers for these labels, else say why not."""
    output = features.output
    if output is None:
        return None, ["the network puts out no scores per class, so there is no `output` row."]
    if data.task == "classification":
        wanted, what = len(data.classes), "classes"
    else:
        wanted, what = 1 if data.train.labels.ndim == 1 else data.train.labels.shape[1], "targets"
    if output.shape[1] == wanted:
        return output, []
    return None, [
        f"the network puts out {output.shape[1]} values and the data have {wanted} {what}, so "
        "there is no `output` row."
    ]


def _marks(scores: Scores) -> list[str]:
    """Return what the user must know of rows that are not what they seem."""
    notes = [
        f"layer '{row.layer}' holds NaN or infinity in {100 * row.value:.3g} % of the examples: "
        "it could not be probed."
        for row in scores.where(metric="non_finite")
    ]
    notes += [
        f"the probe on '{row.layer}' (seed {row.seed}) did not converge; its row says so."
        for row in scores.where(metric="converged", value=0.0)
    ]
    return notes
