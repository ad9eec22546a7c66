"""The names of the training methods, and how one is built by its name."""

from __future__ import annotations

import importlib
from dataclasses import fields
from typing import TYPE_CHECKING, Any

from repprobe.data.dataset import Task
from repprobe.errors import UnknownNameError

if TYPE_CHECKING:
    from repprobe.training.methods.border import Method

METHODS: dict[str, tuple[str, str, Task]] = {
    "ce": ("cross_entropy", "CrossEntropy", "classification"),
    "co-teaching": ("co_teaching", "CoTeaching", "classification"),
    "dividemix": ("dividemix", "DivideMix", "classification"),
    "elr": ("elr", "EarlyLearningRegularization", "classification"),
    "forward": ("forward_correction", "ForwardCorrection", "classification"),
    "gce": ("gce", "GeneralizedCrossEntropy", "classification"),
    "mae": ("regression", "AbsoluteError", "regression"),
    "mixup": ("mixup", "Mixup", "classification"),
    "mse": ("regression", "SquaredError", "regression"),
    "sce": ("sce", "SymmetricCrossEntropy", "classification"),
}
"""Name → file of this folder (imported when it is needed), class in it, and its task."""


def names() -> list[str]:
    """Return the names of all methods, sorted."""
    return sorted(METHODS)


def for_task(task: Task) -> list[str]:
    """Return the names of the methods that learn from labels of this kind, sorted."""
    return [name for name in names() if METHODS[name][2] == task]


def build(name: str, **hyper_parameters: Any) -> Method:
    """Build the method `name`; hyper-parameters that are not given take the papers' values.

    Raises
    ------
    UnknownNameError
        There is no such method, or it has no such hyper-parameter.
    UsageError
        A hyper-parameter has a value that cannot be used.
    """
    if name not in METHODS:
        raise UnknownNameError.near(
            "training method", name, METHODS, f"There are {', '.join(names())}."
        )
    file, kind, _ = METHODS[name]
    method: type[Method] = getattr(importlib.import_module(f"{__package__}.{file}"), kind)
    known = [field.name for field in fields(method)]  # type: ignore[arg-type]
    for given in hyper_parameters:
        if given not in known:
            raise UnknownNameError.near(
                f"hyper-parameter of {name}", given, known, f"It has {', '.join(known) or 'none'}."
            )
    return method(**hyper_parameters)
