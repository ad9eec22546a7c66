"""`Settings`: how networks are probed; the options of every verb and command that probes."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

from repprobe.diagnosis.onset import MARGIN
from repprobe.errors import UnknownNameError, UsageError

DEFAULT_CLEAN = 5000
"""Clean labels that probes are fitted on, where the user names no number and has as many."""

DISTANCES = ("euclidean", "cosine")
"""How near two examples are, for the probe "knn"."""

OPENING = ("arch", "arch_args", "entry", "trust", "preprocess")
"""Settings that say how a checkpoint is opened, by the names that `load_model` has for them."""

Budgets = tuple[int | Literal["all"], ...]
"""Numbers of clean labels; "all" is the whole training part."""


@dataclass(frozen=True)
class Settings:
    """How networks are probed.

    Attributes
    ----------
    arch, arch_args : the architecture, where it cannot be found: "torchvision:resnet18",
        "timm:NAME", "pyg:GCN", "zoo:NAME" or "file.py:function", and arguments for it.
    entry : place of the state dict in the file, as `repprobe inspect` lists it; None takes the
        likeliest.
    trust : whether whole pickled networks of any class are loaded, which runs code of the file.
    preprocess : "imagenet", "cifar10", "unit", "none", MEAN/STD, …; None takes what the
        checkpoint says, else what the data tell.
    image_size : side in pixels that images are resized and cropped to; None takes what the
        checkpoint says, else what the data tell.
    classes : the classes in the order of the networks' outputs, names between commas or a file
        with a name per line; None is the order of the data.
    layers : glob patterns over dotted names; "all" for every leaf; () for one per stage.
    pool, width : how an activation becomes a vector, and its greatest length.
    probe : "logistic", "ridge", "least-squares" or "knn"; None takes the task's default.
    distance : "euclidean" or "cosine", for the probe "knn"; None is euclidean.
    clean : number of clean labels, "all", several of those for nested budgets, or None for
        5,000 or all, whichever is fewer.
    seeds, seed : how many draws of clean labels, and the seed of the first.
    engine : "auto", "torch", "sklearn" or "cuml".
    device : "auto", "cpu", "cuda", …
    dtype : "float32", "bfloat16" or, on a GPU, "float16": what the network computes in.
    batch_size : inputs per forward pass, halved where memory is short; None chooses.
    memory : bytes for features and activations; past it features go to disk, and on the CPU
        batches get smaller; None is a quarter of the machine's.
    cache : folder that features are kept in and taken from again.
    reference : what networks are compared with: checkpoint files, `Model`s or modules of the same
        architecture (clean twins), "random" for the same architecture with fresh weights, and
        "input", the raw input, which is always shown. Without any, the first of several networks
        is what the others are compared with.
    margin : drop of the leading figure that is not called damage yet, as a share: 0.01 is one
        point of accuracy.
    noisy_labels : file with the labels that the networks learned, one for each example of the
        training part: .npy, .npz, .csv or .txt; None takes those in a checkpoint of `train`.
    causal : whether blocks are rewound, and retrained on the clean labels, one at a time.
    rewind : checkpoint of an earlier state of the network to rewind blocks to; None is its
        initialization. Implies `causal`.
    """

    arch: str | None = None
    arch_args: Mapping[str, Any] | None = None
    entry: str | None = None
    trust: bool = False
    preprocess: str | None = None
    image_size: int | None = None
    classes: str | None = None
    layers: Sequence[str] = ()
    pool: str = "auto"
    width: int = 1024
    probe: str | None = None
    distance: str | None = None
    clean: int | str | Sequence[int | str] | None = None
    seeds: int = 1
    seed: int = 0
    engine: str = "auto"
    device: str = "auto"
    dtype: str = "float32"
    batch_size: int | None = None
    memory: int | None = None
    cache: str | os.PathLike[str] | None = None
    reference: Any = ()
    margin: float = MARGIN
    noisy_labels: str | os.PathLike[str] | None = None
    causal: bool = False
    rewind: Any = None

    def __post_init__(self) -> None:
        for name, least in (("width", 1), ("seeds", 1), ("seed", 0)):
            _at_least(name, getattr(self, name), least)
        for name in ("image_size", "batch_size", "memory"):
            if getattr(self, name) is not None:
                _at_least(name, getattr(self, name), 1)
        if self.distance not in (None, *DISTANCES):
            raise UnknownNameError.near("distance", self.distance, DISTANCES)
        if self.distance is not None and self.probe != "knn":
            raise UsageError("--distance is for the neighbours of --probe knn; leave it out.")
        if isinstance(self.margin, bool) or not isinstance(self.margin, (int, float)):
            raise UsageError(f"--margin must be a number, not {self.margin!r}.")
        if not (math.isfinite(self.margin) and 0 <= self.margin < 1):
            raise UsageError(
                f"--margin must be a share such as 0.05, from 0 to below 1, not {self.margin}."
            )
        if self.budgets == ():
            raise UsageError("--clean names no number of clean labels.")
        for budget in self.budgets or ():
            if budget != "all" and (isinstance(budget, bool) or not isinstance(budget, int)):
                raise UsageError(
                    f"--clean takes whole numbers or 'all', several as a list, not {budget!r}."
                )
            if budget != "all":
                _at_least("clean", budget, 1)
        if self.seeds > 1 and self.budgets is not None and set(self.budgets) == {"all"}:
            raise UsageError("with all labels there is one draw only; take --clean N or --seeds 1.")

    @property
    def opening(self) -> dict[str, Any]:
        """How checkpoints are opened: keyword arguments of `load_model`."""
        return {name: getattr(self, name) for name in OPENING}

    @property
    def references(self) -> tuple[Any, ...]:
        """What networks are compared with, as it was given, a single one too."""
        given = self.reference
        return tuple(given) if isinstance(given, (list, tuple)) else (given,)

    @property
    def budgets(self) -> Budgets | None:
        """The numbers of clean labels as they were given, None where none was."""
        if self.clean is None:
            return None
        single = isinstance(self.clean, str) or not isinstance(self.clean, Sequence)
        return cast("Budgets", (self.clean,) if single else tuple(cast("Budgets", self.clean)))


def _at_least(name: str, value: Any, least: int) -> None:
    if not isinstance(value, int) or value < least:
        option = "--" + name.replace("_", "-")
        raise UsageError(f"{option} must be a whole number of at least {least}, not {value!r}.")
