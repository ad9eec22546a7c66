"""repprobe: find the layers of a trained network that still know the truth, and mend the rest.

The public interface; everything is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_PUBLIC = {
    "layers": "repprobe.pipeline",
    "fix": "repprobe.repair",
    "Fix": "repprobe.repair",
    "budget": "repprobe.repair.budget",
    "read_run": "repprobe.runs",
    "Run": "repprobe.runs",
    "load": "repprobe.checkpoints",
    "load_model": "repprobe.checkpoints",
    "save_checkpoint": "repprobe.checkpoints",
    "Model": "repprobe.checkpoints",
    "Preprocessing": "repprobe.checkpoints",
    "train": "repprobe.training",
    "load_data": "repprobe.data",
    "Data": "repprobe.data",
    "list_layers": "repprobe.capture",
    "inspect": "repprobe.inspection",
    "diagnose": "repprobe.diagnosis",
    "Scores": "repprobe.probes.scores",
    "RepprobeError": "repprobe.errors",
}

__all__ = [
    "Data",
    "Fix",
    "Model",
    "Preprocessing",
    "RepprobeError",
    "Run",
    "Scores",
    "budget",
    "diagnose",
    "fix",
    "inspect",
    "layers",
    "list_layers",
    "load",
    "load_data",
    "load_model",
    "read_run",
    "save_checkpoint",
    "train",
]

if TYPE_CHECKING:
    from repprobe.capture import list_layers
    from repprobe.checkpoints import Model, Preprocessing, load, load_model, save_checkpoint
    from repprobe.data import Data, load_data
    from repprobe.diagnosis import diagnose
    from repprobe.errors import RepprobeError
    from repprobe.inspection import inspect
    from repprobe.pipeline import layers
    from repprobe.probes.scores import Scores
    from repprobe.repair import Fix, fix
    from repprobe.repair.budget import budget
    from repprobe.runs import Run, read_run
    from repprobe.training import train


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'repprobe' has no attribute '{name}'")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
