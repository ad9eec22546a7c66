"""`TrainSettings`: how a network is trained; the options of the verb and command `train`."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from repprobe.errors import UnknownNameError, UsageError
from repprobe.training import schedule

OPTIMIZERS = ("sgd", "adam")
PRECISIONS = {"32": "32-true", "bf16": "bf16-mixed", "16": "16-mixed"}
"""What the user writes → what Lightning Fabric calls it."""

RECIPES = ("desk", "paper")


@dataclass(frozen=True)
class TrainSettings:
    """How a network is trained. What is None is as the recipe says.

    Attributes
    ----------
    arch_args : arguments of the architecture; number of classes and the like come from the data.
    method_args : hyper-parameters of the method.
    recipe : "desk", quick settings that train small networks well on a CPU; or "paper", what
        the method's own paper takes.
    epochs : passes over the training examples; 0 writes the initial network.
    batch_size : examples per step, over all devices.
    learning_rate, optimizer, momentum, weight_decay : "sgd" or "adam"; momentum for SGD only.
    schedule : of the learning rate; see `repprobe.training.schedule.parse`.
    augment : whether images are cropped and mirrored at random; None does so for images of
        three channels.
    preprocess : "imagenet", "unit", "none", MEAN/STD, …; None takes mean and standard deviation
        of the training examples (of graphs: the values as they are).
    image_size : side in pixels that images are resized and cropped to; None leaves them.
    limit : number of training examples, drawn as clean labels are, but apart
        from these; None takes all.
    seed : of weights, order, augmentation, noise, and of what `limit` draws.
    device : "auto", "cpu", "cuda", "cuda:1", …
    devices : how many processes or GPUs share each batch.
    precision : "32", "bf16" or "16" (mixed, on a GPU).
    keep_every : also keep the network as it was every so many epochs, in OUT-epoch-000.pt, ….
    evaluate_every : epochs between measurements; the last is always measured.
    restart : whether what lies at `out` is replaced.
    """

    arch_args: Mapping[str, Any] | None = None
    method_args: Mapping[str, Any] | None = None
    recipe: str = "desk"
    epochs: int | None = None
    batch_size: int | None = None
    learning_rate: float | None = None
    optimizer: str | None = None
    momentum: float | None = None
    weight_decay: float | None = None
    schedule: str | None = None
    augment: bool | None = None
    preprocess: str | None = None
    image_size: int | None = None
    limit: int | None = None
    seed: int = 0
    device: str = "auto"
    devices: int = 1
    precision: str = "32"
    keep_every: int | None = None
    evaluate_every: int = 1
    restart: bool = False

    def __post_init__(self) -> None:
        for name, known in (
            ("recipe", RECIPES),
            ("optimizer", OPTIMIZERS),
            ("precision", tuple(PRECISIONS)),
        ):
            value = getattr(self, name)
            if value is not None and value not in known:
                raise UnknownNameError.near(name, str(value), known, f"Take {' or '.join(known)}.")
        for name, least in _WHOLE.items():
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not isinstance(value, int)):
                raise UsageError(f"{_said(name)} must be a whole number, not {value!r}.")
            if value is not None and value < least:
                raise UsageError(f"{_said(name)} must be at least {least}, not {value}.")
        for name, (low, high) in _REAL.items():
            value = getattr(self, name)
            if value is not None and not (_is_real(value) and low <= value <= high):
                bounds = f"from {low:g} to {high:g}" if math.isfinite(high) else f"{low:g} or more"
                raise UsageError(f"{_said(name)} must be a number, {bounds}, not {value!r}.")
        if self.learning_rate == 0:
            raise UsageError("the learning rate must be above 0.")
        if self.schedule is not None:
            schedule.parse(self.schedule)

    def given(self, names: tuple[str, ...]) -> dict[str, Any]:
        """Return those of the named fields that are not None."""
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: values[name] for name in names if values[name] is not None}


_WHOLE = {
    "epochs": 0,
    "batch_size": 2,
    "image_size": 1,
    "limit": 2,
    "seed": 0,
    "devices": 1,
    "keep_every": 1,
    "evaluate_every": 1,
}
_REAL = {
    "learning_rate": (0.0, 1e30),
    "momentum": (0.0, 1.0),
    "weight_decay": (0.0, math.inf),
}


def _said(name: str) -> str:
    plural = {"epochs": "the number of epochs", "devices": "the number of devices"}
    return plural.get(name, f"the {name.replace('_', ' ')}")


def _is_real(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
