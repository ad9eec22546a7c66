"""Laws that move classes whatever the input is: uniform, symmetric, flipped, pair, matrix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from repprobe.data.dataset import Data
from repprobe.noise.law import ByRate, Law, Written, classes_of
from repprobe.noise.maps import block_map, given_map, own_map, read_map
from repprobe.noise.streams import draw_below, stream
from repprobe.noise.transition import read_transition

_SYMMETRIC, _FLIPPED, _PAIR, _MATRIX = 1, 2, 3, 4


class NoNoise(Law):
    """The clean labels as they are."""

    name = "none"
    forms = ("none",)
    tasks = ("classification", "regression")

    @classmethod
    def of(cls, written: Written) -> Self:
        if written.rest is not None:
            raise written.error("it takes no argument")
        return cls()

    def whole(self, data: Data, seed: int) -> NDArray[np.int64] | NDArray[np.float64]:
        return data.train.labels.copy()


class Uniform(ByRate):
    """With probability R a label is drawn from all C classes, the true one included.

    R · (C − 1) / C of the labels become wrong (Li et al. 2020, section 5).
    """

    name = "uniform"
    forms = ("uniform:R",)

    def whole(self, data: Data, seed: int) -> NDArray[np.int64]:
        clean, random = classes_of(data), stream(seed)
        moved = random.random(len(clean)) < self.rate
        return np.where(moved, draw_below(len(data.classes), len(clean), random), clean)


class Symmetric(ByRate):
    """With probability R a label is drawn from the C − 1 wrong classes: R of them become wrong."""

    name = "symmetric"
    forms = ("symmetric:R",)

    def whole(self, data: Data, seed: int) -> NDArray[np.int64]:
        clean, random = classes_of(data), stream(seed, _SYMMETRIC)
        count = len(data.classes)
        moved = random.random(len(clean)) < self.rate
        step = 1 + draw_below(count - 1, len(clean), random)
        return np.where(moved, (clean + step) % count, clean)


class Pair(ByRate):
    """With probability R class c becomes c + 1, the last class 0 (Han et al. 2018)."""

    name = "pair"
    forms = ("pair:R",)

    def whole(self, data: Data, seed: int) -> NDArray[np.int64]:
        clean = classes_of(data)
        moved = stream(seed, _PAIR).random(len(clean)) < self.rate
        return np.where(moved, (clean + 1) % len(data.classes), clean)


@dataclass(frozen=True)
class Flipped(Law):
    """With probability R a label moves along a map; a class that the map leaves alone stays clean.

    Attributes
    ----------
    rate : R, the share that moves within the classes of the map.
    targets : gives the class (C,) that each class of the data moves to.
    """

    name = "flipped"
    forms = (
        *("flipped:R", "flipped:FROM>TO,FROM>TO:R", "flipped:FILE.json:R"),
        "flipped:blocks:R",
    )

    rate: float
    targets: Callable[[Data], NDArray[np.int64]] = own_map

    @classmethod
    def of(cls, written: Written) -> Self:
        text, rate = written.arguments_and_rate()
        if text is None:
            return cls(rate)
        if text == "blocks":
            return cls(rate, block_map)
        if text.lower().endswith(".json"):
            return cls(rate, partial(read_map, Path(text).expanduser()))
        pairs = [pair.split(">") for pair in text.split(",")]
        if any(len(pair) != 2 or not all(side.strip() for side in pair) for pair in pairs):
            raise written.error(f"'{text}' is neither a map such as cat>dog,dog>cat, nor blocks")
        return cls(rate, partial(given_map, [(a.strip(), b.strip()) for a, b in pairs]))

    def whole(self, data: Data, seed: int) -> NDArray[np.int64]:
        clean = classes_of(data)
        moved = stream(seed, _FLIPPED).random(len(clean)) < self.rate
        return np.where(moved, self.targets(data)[clean], clean)


@dataclass(frozen=True)
class Matrix(Law):
    """A label of class i becomes class j with the probability in row i, column j of a file.

    Attributes
    ----------
    file : .npy, .npz or .csv, (C, C), without a header; entries of at least 0, rows that sum to 1.
    """

    name = "matrix"
    forms = ("matrix:FILE",)

    file: Path

    @classmethod
    def of(cls, written: Written) -> Self:
        return cls(Path(written.argument("file")).expanduser())

    def whole(self, data: Data, seed: int) -> NDArray[np.int64]:
        clean = classes_of(data)
        cumulated = np.cumsum(read_transition(self.file, data.classes), axis=1)
        chance = stream(seed, _MATRIX).random(len(clean))
        noisy = np.empty_like(clean)
        for c, row in enumerate(cumulated):
            members = clean == c
            noisy[members] = np.searchsorted(row / row[-1], chance[members], side="right")
        return noisy
