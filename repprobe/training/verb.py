"""`train`: from an architecture, data and a noise law to the checkpoint of a noisy model."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from repprobe.atomic import remove_leftovers
from repprobe.data import Data, Task, load_data
from repprobe.errors import OutputError, UnknownNameError, UsageError
from repprobe.noise import NoisyLabels
from repprobe.training.plan import Plan, make_plan, settings_entry
from repprobe.training.settings import TrainSettings

Record = dict[str, Any]


@dataclass(frozen=True, eq=False)
class Trained:
    """A run that came to its end.

    Attributes
    ----------
    path : the checkpoint.
    architecture, arguments : what builds the network.
    method : its name.
    task : of the data.
    history : one record per epoch; see `train`.
    noise : the labels that were learned; None where no noise law was named.
    settings : all settings, what the recipe said included.
    epochs : epochs that the checkpoint has.
    resumed_from : epochs that were done before this call; `epochs` if nothing was left to do.
    notes : sentences the user should be told.
    """

    path: Path
    architecture: str
    arguments: dict[str, Any]
    method: str
    task: Task
    history: tuple[Record, ...] = field(repr=False)
    noise: NoisyLabels | None = field(repr=False)
    settings: dict[str, Any] = field(repr=False)
    epochs: int
    resumed_from: int = 0
    notes: tuple[str, ...] = ()


def train(
    arch: str,
    data: str | os.PathLike[str] | Data,
    *,
    out: str | os.PathLike[str],
    noise: str | None = None,
    method: str | None = None,
    on_epoch: Callable[[Record], None] | None = None,
    progress: Callable[[str, int, int], None] | None = None,
    **settings: Any,
) -> Trained:
    """Train a network on labels that may be wrong, and write its checkpoint.

    The checkpoint is written after every epoch (at most once a second), whole or not at all, and
    opens with `load_model`. It holds the noisy labels and all that is needed to go on: called
    again with the same `out`, a run that was killed goes on, and on the CPU with the same number
    of threads ends with the same weights, bit for bit. A finished run is returned as it is,
    unless more epochs are asked for.

    Parameters
    ----------
    arch : a name of the zoo, zoo:NAME, torchvision:NAME, timm:NAME or file.py:function; number
        of classes, channels and the like are filled in from the data.
    data : the name or path of a data set, or a `Data`. If it has no test part, the one that is
        split off does not depend on the seed, so that whoever measures the network later with
        `load_data`'s default split measures it on what it has not seen.
    out : the checkpoint, e.g. "noisy.pt".
    noise : a law of `repprobe.noise`, e.g. "symmetric:0.6"; None takes labels as they are.
    method : a name of `repprobe.training.methods`; None takes "ce", or "mse" for regression.
    on_epoch : called with each new record: "epoch" (1, 2, …), "loss" (the mean over steps),
        "noisy_train", "clean_train", "test" (accuracies, of the averaged probabilities where
        there are two networks), "memorized" (the share of wrong labels that are predicted; None
        without any), "test_each" (with two networks), "learning_rate" and "seconds". Training
        figures are of all examples, or a sample of 10,000. For regression the figures are mean
        absolute percentage errors in percent (None where a target is 0), beside "…_mse"; and
        "corrupted_mse" and "uncorrupted_mse" to the targets that were learned, of those that the
        noise changed and of the others.
    progress : called with (stage, done, total); "train" counts epochs, and is called before the
        first of them too; "epoch" counts the steps of epochs that take long.
    **settings : the fields of `TrainSettings`.

    Returns
    -------
    Trained

    Raises
    ------
    UsageError
        Something has a value that cannot be used, or `out` is the checkpoint of another run.
    DataError
        The data cannot be read.
    RepprobeError
        The loss is no number any more.
    OutputError
        The checkpoint cannot be written.
    KeyboardInterrupt
        After Ctrl-C; says how many epochs are kept.
    """
    if not isinstance(arch, str):
        raise UsageError(
            f"a network is trained by its name, such as 'small-cnn' or 'net.py:function', not as a "
            f"{type(arch).__name__}: the checkpoint names what builds it again."
        )
    chosen = _settings(settings)
    path = _checked(Path(out))
    if not isinstance(data, Data):
        data = load_data(data, image_size=chosen.image_size)
    elif chosen.image_size is not None:
        raise UsageError("an image size is for data that are still to be read.")
    plan = make_plan(arch, data, path, noise, method, chosen)

    from repprobe.training import checkpoint

    stored = checkpoint.find(plan)
    done = 0 if stored is None else stored.epoch
    history = [] if stored is None else stored.history
    if stored is None or done < plan.recipe.epochs:
        from repprobe.training import launch

        checkpoint.check_snapshots(plan, stored)
        _prepare_folder(path)
        history = launch.run(
            plan, stored, on_epoch or (lambda record: None), progress or (lambda *step: None)
        )
    return Trained(
        path=path,
        architecture=plan.architecture,
        arguments=plan.arguments,
        method=plan.method,
        task=data.task,
        history=tuple(history),
        noise=plan.noise,
        settings=settings_entry(plan),
        epochs=max(done, plan.recipe.epochs),
        resumed_from=done,
        notes=(*data.notes, *_notes(plan, done, 0 if stored is None else stored.epochs)),
    )


def _settings(given: Mapping[str, Any]) -> TrainSettings:
    known = [entry.name for entry in fields(TrainSettings)]
    for name in given:
        if name not in known:
            raise UnknownNameError.near("setting of train", name, known)
    return TrainSettings(**given)


def _checked(path: Path) -> Path:
    if path.suffix.lower() == ".safetensors":
        raise UsageError(f"'{path}': checkpoints are written as torch files; use .pt.")
    if path.suffix.lower() in (".png", ".svg"):
        raise UsageError(
            f"'{path}' is the name of a picture; name the checkpoint, e.g. "
            f"'{path.with_suffix('.pt')}'."
        )
    if path.is_dir():
        raise UsageError(f"'{path}' is a folder; name a file, e.g. '{path / 'noisy.pt'}'.")
    there = next((parent for parent in path.parents if parent.exists()), None)
    if there is not None and not there.is_dir():
        raise UsageError(f"'{there}' is no folder, so '{path}' cannot be written.")
    return path


def _prepare_folder(path: Path) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OutputError(f"'{path.parent}' cannot be written: {error.strerror}.") from None
    remove_leftovers(path)


def _notes(plan: Plan, done: int, planned: int) -> tuple[str, ...]:
    from repprobe.training import schedule

    epochs = plan.recipe.epochs
    if 0 < done < epochs and planned != epochs and schedule.follows_end(plan.recipe.schedule):
        return (
            f"the first {done} epochs followed the schedule {plan.recipe.schedule} of {planned} "
            f"epochs, the rest that of {epochs}.",
        )
    return ()
