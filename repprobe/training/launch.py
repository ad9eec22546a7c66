"""Starts a run on its devices, by Lightning Fabric: here, or in processes of its own."""

from __future__ import annotations

import logging
import os
import pickle
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.precision import MixedPrecision
from lightning_fabric.strategies.ddp import DDPStrategy
from torch import multiprocessing
from torch.multiprocessing.spawn import ProcessExitedException

from repprobe.device import usable_device
from repprobe.errors import OutputError, RepprobeError, UsageError
from repprobe.training import checkpoint
from repprobe.training.checkpoint import Stored
from repprobe.training.inputs import Progress
from repprobe.training.loop import OnEpoch, Record, Run, kept
from repprobe.training.plan import Plan
from repprobe.training.settings import PRECISIONS, TrainSettings

_UNGUARDED = 77
"""How a process ends that is to train, but would start processes of its own."""


def run(plan: Plan, stored: Stored | None, on_epoch: OnEpoch, progress: Progress) -> list[Record]:
    """Train as planned and return the history; errors are those of `Run`."""
    fabric = _fabric(plan.settings)
    if plan.settings.devices == 1:
        return Run(plan, fabric, stored, on_epoch, progress).train()
    return _run_apart(fabric, plan, stored is not None, on_epoch, progress)


def _fabric(settings: TrainSettings) -> Fabric:
    """Set Lightning Fabric up for the devices that the user named.

    Raises
    ------
    UsageError
        They cannot be used here, or not with that precision.
    """
    device, count = usable_device(settings.device), settings.devices
    if settings.precision == "16" and device.type == "cpu":
        raise UsageError("precision 16 needs a GPU; take bf16 or 32.")
    if count > 1 and device.index is not None:
        raise UsageError(f"'{settings.device}' is one device; for {count} take {device.type}.")
    if device.type == "cuda" and count > torch.cuda.device_count():
        raise UsageError(f"there are {torch.cuda.device_count()} GPUs here, not {count}.")
    half = settings.precision == "16"
    with _quiet():
        return Fabric(
            accelerator=device.type,
            devices=count if device.index is None else [device.index],
            strategy="auto" if count == 1 else _QuietDDP(start_method="spawn"),
            precision=None if half else PRECISIONS[settings.precision],  # type: ignore[arg-type]
            plugins=OneScale("16-mixed", device.type) if half else None,
        )


def _run_apart(
    fabric: Fabric, plan: Plan, resume: bool, on_epoch: OnEpoch, progress: Progress
) -> list[Record]:
    """Train in one process per device; what they report is passed on to the callbacks here."""
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise SystemExit(_UNGUARDED)  # the script is being run again by the process started for it
    try:
        sent = pickle.dumps(plan)
    except (pickle.PicklingError, AttributeError, TypeError) as error:
        raise UsageError(
            f"'{plan.data.name}' cannot be sent to other processes ({error}); take one device."
        ) from None
    events = multiprocessing.get_context("spawn").SimpleQueue()

    def listen() -> None:
        while (event := events.get()) is not None:
            (on_epoch if len(event) == 1 else progress)(*event)

    listener = threading.Thread(target=listen, daemon=True)
    listener.start()
    try:
        # by a file: whoever writes much to a process that ends as it starts waits for ever
        with _quiet(), _stopping_children(), _in_a_file(sent) as path:
            outcome = fabric.launch(partial(_work, path=path, resume=resume, events=events))
    except KeyboardInterrupt:
        done, epochs = checkpoint.epochs_in(plan.out), plan.recipe.epochs
        raise KeyboardInterrupt(kept(done, epochs, plan.out)) from None
    except ProcessExitedException as error:
        raise RepprobeError(_ended(error, plan.out)) from None
    finally:
        events.put(None)
        listener.join()
    if isinstance(outcome, RepprobeError):
        raise outcome
    history: list[Record] = outcome
    return history


@contextmanager
def _in_a_file(content: bytes) -> Iterator[str]:
    """Give the path of a file with that content, which is there as long as it is needed."""
    handle, path = tempfile.mkstemp(prefix="repprobe-")
    try:
        with os.fdopen(handle, "wb") as stream:
            stream.write(content)
        yield path
    except OSError as error:
        raise OutputError(f"'{path}' cannot be written: {error.strerror}.") from None
    finally:
        Path(path).unlink(missing_ok=True)


def _ended(error: ProcessExitedException, out: Path) -> str:
    if error.exit_code == _UNGUARDED:
        return (
            "several devices are trained on by processes that import your script; have it call "
            "train within `if __name__ == '__main__':`."
        )
    how = error.signal_name or f"status {error.exit_code}"
    return f"one of the processes ended ({how}); the same call goes on from what is in '{out}'."


def _work(fabric: Fabric, *, path: str, resume: bool, events: Any) -> list[Record] | RepprobeError:
    """Train in one of several processes, which all end alike; only the first one reports."""
    plan: Plan = pickle.loads(Path(path).read_bytes())

    def report(*event: Any) -> None:
        events.put(event)

    try:
        stored = checkpoint.find(plan) if resume else None
        return Run(plan, fabric, stored, report, report).train()
    except RepprobeError as error:
        return error


class OneScale(MixedPrecision):
    """Half precision with one scale for the gradients of all networks.

    It stays the same until all of them have taken their step, when the loop updates it.
    """

    def optimizer_step(self, optimizer: Any, **kwargs: Any) -> Any:
        assert self.scaler is not None
        return self.scaler.step(optimizer, **kwargs)


class _QuietDDP(DDPStrategy):
    """Data parallelism that does not announce itself."""

    def setup_environment(self) -> None:
        with _quiet():
            super().setup_environment()


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep Lightning Fabric and torch from announcing what they do."""
    least = {"lightning_fabric": logging.WARNING, "torch.multiprocessing.spawn": logging.ERROR}
    loggers = [logging.getLogger(name) for name in least]
    before = [logger.level for logger in loggers]
    for logger, level in zip(loggers, least.values(), strict=True):
        logger.setLevel(level)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


@contextmanager
def _stopping_children() -> Iterator[None]:
    """End the processes that were started inside if anything is raised."""
    before = set(multiprocessing.active_children())
    try:
        yield
    except BaseException:
        for child in set(multiprocessing.active_children()) - before:
            child.terminate()
        raise
