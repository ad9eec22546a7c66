"""What a noise law is, and how the text that a user writes becomes one."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray

from repprobe.data.dataset import Data, Task
from repprobe.data.labels import Labels
from repprobe.errors import UsageError


@dataclass(frozen=True)
class Written:
    """A law as the user wrote it: NAME, or NAME:REST.

    Attributes
    ----------
    text : all of it.
    rest : what follows the first colon; None where there is none.
    forms : how the law may be written, for messages.
    """

    text: str
    rest: str | None
    forms: tuple[str, ...]

    def error(self, why: str) -> UsageError:
        """Return the error that says why the text cannot be used, and the form it should have."""
        return UsageError(f"noise '{self.text}': {why}; write {' or '.join(self.forms)}.")

    def argument(self, what: str) -> str:
        """Return the only argument, such as a file; `what` names it where it is missing."""
        if not self.rest:
            raise self.error(f"the {what} is missing")
        return self.rest

    def rate(self) -> float:
        """Return the rate R where it is the only argument."""
        arguments, rate = self.arguments_and_rate()
        if arguments is not None:
            raise self.error(f"'{arguments}' is one argument too many")
        return rate

    def arguments_and_rate(self) -> tuple[str | None, float]:
        """Return what stands before the last colon, None if there is none, and the rate R."""
        arguments, _, last = (self.rest or "").rpartition(":")
        if not last:
            raise self.error("the rate R is missing")
        (rate,) = self.numbers(last, ("the rate R",))
        if not 0 <= rate <= 1:
            raise self.error(f"the rate R must lie between 0 and 1, not {last}")
        return arguments or None, rate

    def numbers(self, text: str, names: Sequence[str]) -> tuple[float, ...]:
        """Return as many finite numbers, written with commas between, as there are names."""
        parts = text.split(",")
        if len(parts) != len(names):
            what = "a single number" if len(names) == 1 else f"{len(names)} numbers, as in 1,2"
            raise self.error(f"'{text}' must be {what}")
        return tuple(self._number(part, name) for part, name in zip(parts, names, strict=True))

    def _number(self, text: str, name: str) -> float:
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise self.error(f"{name} must be a number, not '{text}'")
        return value


class Law(ABC):
    """A law by which clean labels become noisy; its parameters are its fields.

    Attributes
    ----------
    name : as the user writes it.
    forms : how it may be written, the usual form first.
    tasks : the kinds of labels that it is for.
    """

    name: ClassVar[str]
    forms: ClassVar[tuple[str, ...]]
    tasks: ClassVar[tuple[Task, ...]] = ("classification",)

    @classmethod
    @abstractmethod
    def of(cls, written: Written) -> Self:
        """Build the law from its text; raises UsageError where the text makes no sense."""

    @abstractmethod
    def whole(self, data: Data, seed: int) -> Labels:
        """Return noisy labels of the whole training part, of the clean labels' shape and type.

        Raises
        ------
        UsageError
            The law does not fit the data.
        DataError
            A file that the law names cannot be read, or does not fit the data.
        """

    def labels(self, data: Data, seed: int, rows: NDArray[np.int64]) -> Labels:
        """Return the noisy labels at `rows`; an example has the same one among any rows."""
        return self.whole(data, seed)[rows]


@dataclass(frozen=True)
class ByRate(Law):
    """A law with nothing but a rate R."""

    rate: float

    @classmethod
    def of(cls, written: Written) -> Self:
        return cls(written.rate())


def classes_of(data: Data) -> NDArray[np.int64]:
    """Return the clean classes of the training part."""
    return data.train.labels.astype(np.int64)
