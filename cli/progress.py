"""Progress on stderr: bars, one per stage, if it is a terminal; a line per epoch of training."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, Self

from .epochs import epoch_brief, epoch_line

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

Callback = Callable[[str, int, int], None]

_WORDS = {
    "read": "reading the data",
    "torchvision architectures": "learning torchvision's architectures",
    "capture": "running the network",
    "probe": "fitting the probes",
    "memorization": "probing noisy labels",
    "rewind": "rewinding each block",
    "retrain": "retraining each block",
    "tune": "fine-tuning",
    "budget": "fixing with each budget",
    "train": "training",
    "epoch": "this epoch",
}


class Bars:
    """A callback (stage, done, total) that draws bars with rate and time left."""

    def __init__(self, bars: Progress) -> None:
        self._bars = bars
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, stage: str, done: int, total: int) -> None:
        task = self._tasks.get(stage)
        if task is None or self._bars.tasks[self._bars.task_ids.index(task)].finished:
            words = _WORDS.get(stage, stage)
            task = self._tasks[stage] = self._bars.add_task(words, total=total, rate="")
        self._bars.update(task, completed=done, total=total)
        speed = self._bars.tasks[self._bars.task_ids.index(task)].speed
        self._bars.update(task, rate=f"{speed:,.1f}/s" if speed else "")

    def describe(self, stage: str, words: str) -> None:
        """Change what stands before a bar that has been drawn."""
        self._bars.update(self._tasks[stage], description=words)


@contextmanager
def progress_bars() -> Iterator[Bars | None]:
    """Give bars; None when stderr is not a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description:24}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:
        yield Bars(bars)


class EpochReporter:
    """Tells of a training run: bars on a terminal, and everywhere a line per epoch."""

    def __init__(self) -> None:
        self._open = ExitStack()
        self._bars: Bars | None = None
        self._epochs: int | None = None

    def __enter__(self) -> Self:
        self._bars = self._open.enter_context(progress_bars())
        return self

    def __exit__(self, *raised: Any) -> None:
        self._open.__exit__(*raised)

    def progress(self, stage: str, done: int, total: int) -> None:
        """Take note of how far a stage has come."""
        if stage == "train" and self._epochs is None:
            self._epochs = total
            if done:
                self._say(f"going on from epoch {done} of {total}")
        if self._bars:
            self._bars(stage, done, total)

    def epoch(self, record: Mapping[str, Any]) -> None:
        """Tell of an epoch that has ended."""
        self._say(epoch_line(record, self._epochs or record["epoch"]))
        if self._bars:
            self._bars.describe("train", epoch_brief(record))

    def _say(self, line: str) -> None:
        # Within a live display rich takes stderr's lines and puts them above the bars.
        print(line, file=sys.stderr, flush=True)
