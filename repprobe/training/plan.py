"""`Plan`: all that shapes a run, settled and checked before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from repprobe.checkpoints.preprocessing import Preprocessing
from repprobe.data import Data, draws
from repprobe.errors import UsageError
from repprobe.noise import NoisyLabels, corrupt
from repprobe.training import architecture, recipe
from repprobe.training.recipe import Recipe
from repprobe.training.seeds import Stream
from repprobe.training.settings import TrainSettings

if TYPE_CHECKING:
    from repprobe.training.methods.border import Method

CLEAN = "none"
"""The law that changes no label."""


@dataclass(frozen=True, eq=False)
class Plan:
    """What is trained, on what, and how.

    Attributes
    ----------
    architecture, arguments : what builds the network.
    rows : int64 (n,), increasing: the rows of the training part that are trained on.
    noise : the labels of those rows; None where they are taken as they are.
    method, method_arguments : its name and all its hyper-parameters.
    networks : how many networks the method trains.
    preprocess : as the user wrote it; None where the training examples are to tell.
    out : the checkpoint.
    """

    architecture: str
    arguments: dict[str, Any]
    data: Data
    rows: NDArray[np.int64]
    noise: NoisyLabels | None
    method: str
    method_arguments: dict[str, Any]
    networks: int
    recipe: Recipe
    settings: TrainSettings
    out: Path

    @property
    def clean(self) -> NDArray[Any]:
        """The trusted labels of the training examples."""
        return self.data.train.labels[self.rows]

    @property
    def labels(self) -> NDArray[Any]:
        """The labels that are learned."""
        return self.clean if self.noise is None else self.noise.labels

    @property
    def law(self) -> str:
        """The text of the noise law."""
        return CLEAN if self.noise is None else self.noise.law

    def build_method(self) -> Method:
        """Build the method anew."""
        from repprobe.training import methods

        return methods.build(self.method, **self.method_arguments)


def make_plan(
    arch: str, data: Data, out: Path, noise: str | None, method: str | None, settings: TrainSettings
) -> Plan:
    """Settle everything.

    Raises
    ------
    RepprobeError
        Something does not exist, has a value that cannot be used, or does not fit the rest.
    """
    if method is None:
        method = "mse" if data.task == "regression" else "ce"
    rows = _rows(data, settings)
    noisy = None if noise is None else corrupt(noise, data, seed=settings.seed, rows=rows)
    learner = _method(method, settings.method_args or {}, noisy)
    _check_method(learner, data, settings)
    chosen = recipe.settle(settings, method, data)
    if chosen.epochs:
        learner.check_epochs(chosen.epochs)
    shape = data.input_shape
    if settings.preprocess is not None and shape:
        Preprocessing.parse(settings.preprocess).check_channels(shape[0])
    name, arguments = architecture.settle(arch, settings.arch_args or {}, data)
    return Plan(
        architecture=name,
        arguments=arguments,
        data=data,
        rows=rows,
        noise=noisy,
        method=method,
        method_arguments=_arguments_of(learner),
        networks=learner.networks,
        recipe=chosen,
        settings=settings,
        out=out,
    )


def settings_entry(plan: Plan) -> dict[str, Any]:
    """Return the settings as plain values, what the recipe said included."""
    chosen = plan.settings
    return {
        **asdict(plan.recipe),
        "recipe": chosen.recipe,
        "image_size": chosen.image_size,
        "limit": chosen.limit,
        "precision": chosen.precision,
        "device": chosen.device,
        "devices": chosen.devices,
    }


def _rows(data: Data, settings: TrainSettings) -> NDArray[np.int64]:
    total, limit = len(data.train), settings.limit
    if limit is None:
        return np.arange(total)
    if limit > total:
        raise UsageError(f"the limit is {limit:,}, but there are only {total:,} training examples.")
    try:
        seeds = [settings.seed]
        (drawn,) = draws(data.train.labels, [limit], seeds, data.task, stream=Stream.LIMIT)
    except UsageError as error:
        raise UsageError(str(error).replace("clean labels", "training examples")) from None
    return np.sort(drawn.rows)


def _method(name: str, given: Mapping[str, Any], noise: NoisyLabels | None) -> Method:
    """Build the method; it is told the noise rate if it has to know it."""
    from repprobe.training import methods

    method = methods.build(name, **given)
    if method.lacks_rate and noise is not None:
        method = methods.build(name, **{**given, "rate": noise.rate})
    return method


def _arguments_of(method: Method) -> dict[str, Any]:
    return {f.name: getattr(method, f.name) for f in fields(method) if f.init}  # type: ignore[arg-type]


def _check_method(method: Method, data: Data, settings: TrainSettings) -> None:
    from repprobe.training import methods

    if method.task != data.task:
        raise UsageError(
            f"{method.name} is for {method.task}, but '{data.name}' is {data.task}; take "
            f"{' or '.join(methods.for_task(data.task))}."
        )
    if method.mixes and data.of_graphs:
        raise UsageError(f"{method.name} mixes inputs, which cannot be done to graphs.")
    if method.keeps_examples and settings.devices > 1:
        raise UsageError(
            f"{method.name} keeps something of every example, and so trains on one device only."
        )
