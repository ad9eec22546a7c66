"""`FixSettings`: how a network is mended; the options of the verbs and of the command."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Self

from repprobe.errors import UnknownNameError, UsageError
from repprobe.settings import DEFAULT_CLEAN, OPENING

LINEAR = ("logistic", "ridge", "least-squares")
"""Probes that can stand in a network as its head."""

FINETUNE = "finetune"
"""What may follow a new head: training goes on from it."""


@dataclass(frozen=True)
class FixSettings:
    """How a network is mended.

    Attributes
    ----------
    clean : number of clean labels, or "all"; None takes 5,000 or all, whichever is fewer.
    cut : layer (or glob pattern over layers) after which the head is replaced; None chooses.
    probe : "logistic", "ridge" or "least-squares"; None takes the task's default.
    own_labels : training examples that carry the network's own predictions, beside the clean
        ones.
    then : "finetune" goes on to train the network from its new head; None leaves it.
    blocks : glob patterns over layer names: fine-tuning trains only the blocks that end there,
        and the head; () trains all.
    seed : of the draw of clean labels, of random projections and of fine-tuning.
    force : whether the network is written even if nothing shows that it is better.
    arch, arch_args, entry, trust, preprocess, image_size, classes, pool, width, engine, device,
        batch_size, memory, cache : as in `repprobe.settings.Settings`.
    """

    clean: int | str | None = None
    cut: str | None = None
    probe: str | None = None
    own_labels: int = 0
    then: str | None = None
    blocks: Sequence[str] = ()
    seed: int = 0
    force: bool = False
    arch: str | None = None
    arch_args: Mapping[str, Any] | None = None
    entry: str | None = None
    trust: bool = False
    preprocess: str | None = None
    image_size: int | None = None
    classes: str | None = None
    pool: str = "auto"
    width: int = 1024
    engine: str = "auto"
    device: str = "auto"
    batch_size: int | None = None
    memory: int | None = None
    cache: str | os.PathLike[str] | None = None

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Self:
        """Return the settings of these names; raises UnknownNameError, UsageError."""
        known = [field.name for field in fields(cls)]
        for name in given:
            if name not in known:
                raise UnknownNameError.near("setting of fix", name, known)
        return cls(**given)

    def __post_init__(self) -> None:
        for name, least in (("own_labels", 0), ("seed", 0), ("width", 1)):
            _at_least(name, getattr(self, name), least)
        for name in ("image_size", "batch_size", "memory"):
            if getattr(self, name) is not None:
                _at_least(name, getattr(self, name), 1)
        if self.clean not in (None, "all"):
            _at_least("clean", self.clean, 1)
        if self.probe is not None and self.probe not in LINEAR:
            raise UsageError(
                f"a head is a linear model, and '{self.probe}' is none; take {', '.join(LINEAR)}."
            )
        if self.then not in (None, FINETUNE):
            raise UsageError(f"--then '{self.then}': the only step is {FINETUNE}.")
        if self.blocks and self.then is None:
            raise UsageError("--blocks is for --then finetune; leave it out, or give both.")

    @property
    def opening(self) -> dict[str, Any]:
        """How checkpoints are opened: keyword arguments of `load_networks`."""
        return {name: getattr(self, name) for name in OPENING}

    def count(self, available: int) -> int:
        """Return the number of clean labels, of so many that there are."""
        if self.clean is None:
            return min(DEFAULT_CLEAN, available)
        return available if isinstance(self.clean, str) else self.clean


def _at_least(name: str, value: Any, least: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or value < least:
        option = "--" + name.replace("_", "-")
        raise UsageError(f"{option} must be a whole number of at least {least}, not {value!r}.")
