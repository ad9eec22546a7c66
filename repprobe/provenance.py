"""How a run came about: what `run.json` says beside the scores."""

from __future__ import annotations

import os
import platform
import resource
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields
from importlib.metadata import PackageNotFoundError, version
from typing import TYPE_CHECKING, Any

from repprobe.data import Data
from repprobe.settings import Settings

if TYPE_CHECKING:
    from repprobe.capture import Pass
    from repprobe.checkpoints import Model

_PACKAGES = (
    *("repprobe", "torch", "torchvision", "scikit-learn", "numpy", "timm", "torch-geometric"),
    "lightning-fabric",
)


def describe_settings(settings: Settings, **resolved: Any) -> dict[str, Any]:
    """Return the settings as plain values, defaults replaced by what they came to."""
    given = {entry.name: getattr(settings, entry.name) for entry in fields(settings)}
    plain = {**given, **resolved}
    plain["layers"] = list(settings.layers)
    plain["arch_args"] = dict(settings.arch_args or {})
    plain["reference"] = [_name(reference) for reference in settings.references]
    for option in ("cache", "noisy_labels", "rewind"):
        plain[option] = None if given[option] is None else _name(given[option])
    return plain


def describe_data(data: Data) -> dict[str, Any]:
    """Return where the data came from."""
    return {
        "name": data.name,
        "task": data.task,
        "classes": list(data.classes),
        "train": len(data.train),
        "test": len(data.test),
        "fingerprint": data.fingerprint,
        "notes": list(data.notes),
    }


def describe_model(
    name: str,
    model: Model,
    outcome: Pass,
    notes: Sequence[str],
    class_order: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Return where a network came from, what was found of it, and what of it was left out."""
    return {
        "name": name,
        "architecture": model.architecture,
        "arguments": {k: _plain(v) for k, v in model.arguments.items()},
        "parameters": model.parameters,
        "sha256": model.sha256,
        "preprocessing": {
            "name": model.preprocessing.name,
            "mean": list(model.preprocessing.mean),
            "std": list(model.preprocessing.std),
            "found": model.preprocessing.found,
        },
        "findings": {k: _plain(v) for k, v in model.findings.items()},
        "class_order": class_order,
        "metadata": {k: _plain(v) for k, v in model.metadata.items()},
        "skipped": dict(outcome.skipped),
        "notes": list(notes),
    }


def describe_machine(device: str) -> dict[str, Any]:
    """Return system, device, threads and the versions of what took part."""
    import torch

    return {
        "system": platform.platform(),
        "python": platform.python_version(),
        "device": torch.cuda.get_device_name(device) if device.startswith("cuda") else device,
        "threads": torch.get_num_threads(),
        "versions": describe_versions(),
    }


def peak_memory() -> int:
    """Return the largest resident size of this process so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def describe_versions() -> dict[str, str]:
    """Return the versions of the packages that shape results."""
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _name(given: Any) -> str:
    """Return a path as text, and of a network its name."""
    if isinstance(given, (str, os.PathLike)):
        return str(given)
    return str(getattr(given, "name", type(given).__name__))


def _plain(value: Any) -> Any:
    """Return what JSON can hold; anything else as text."""
    if isinstance(value, float) and value != value:
        return None
    if value is None or isinstance(value, (bool, int, float, str)):
        return value
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return str(value)
