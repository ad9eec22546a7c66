"""Seconds that a run spent in each of its stages."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager


class Clock:
    """Adds up seconds per stage.

    Attributes
    ----------
    seconds : stage → seconds, to the millisecond, in the order in which stages first ended.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Add the seconds that the block takes to `stage`, also if it ends in an exception."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self._add(stage, time.perf_counter() - start)

    def move(self, seconds: float, source: str, target: str) -> None:
        """Book seconds that were spent in one stage on another."""
        self._add(source, -seconds)
        self._add(target, seconds)

    def _add(self, stage: str, seconds: float) -> None:
        self.seconds[stage] = round(self.seconds.get(stage, 0.0) + seconds, 3)
