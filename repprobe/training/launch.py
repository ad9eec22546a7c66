"""Starts a run on its devices, by Lightning Fabric."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch

from repprobe.errors import UsageError
from repprobe.training.checkpoint import Stored
from repprobe.training.inputs import Progress
from repprobe.training.loop import OnEpoch, Record, Run
from repprobe.training.plan import Plan
from repprobe.training.settings import PRECISIONS, TrainSettings

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def run(plan: Plan, stored: Stored | None, on_epoch: OnEpoch, progress: Progress) -> list[Record]:
    """Train as planned and return the history; errors are those of `Run`."""
    fabric = _fabric(plan.settings)
    return Run(plan, fabric, stored, on_epoch, progress).train()


def _fabric(settings: TrainSettings) -> Fabric:
    """Set Lightning Fabric up for the devices that the user named.

    Raises
    ------
    UsageError
        They cannot be used here, or not with that precision.
    """
    from lightning_fabric import Fabric

    device = _device(settings.device)
    if settings.precision == "16" and device.type == "cpu":
        raise UsageError("precision 16 needs a GPU; take bf16 or 32.")
    return Fabric(
        accelerator=device.type,
        devices=1 if device.index is None else [device.index],
        precision=PRECISIONS[settings.precision],  # type: ignore[arg-type]
    )


def _device(name: str) -> torch.device:
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        return torch.empty(0, device=name).device
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"the device '{name}' cannot be used: {reason}") from None
