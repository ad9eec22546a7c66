"""Progress bars on stderr, one per stage; none when stderr is not a terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

Callback = Callable[[str, int, int], None]

_WORDS = {
    "read": "reading the data",
    "fingerprint": "learning torchvision's architectures",
    "capture": "running the network",
    "probe": "fitting the probes",
    "train": "training",
}


@contextmanager
def progress_bars() -> Iterator[Callback | None]:
    """Give a callback (stage, done, total) that draws bars with rate and time left."""
    if not sys.stderr.isatty():
        yield None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TaskID,
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
    tasks: dict[str, TaskID] = {}
    with Progress(*columns, console=Console(stderr=True), transient=True) as bars:

        def advance(stage: str, done: int, total: int) -> None:
            if stage not in tasks or bars.tasks[bars.task_ids.index(tasks[stage])].finished:
                words = _WORDS.get(stage, stage)
                tasks[stage] = bars.add_task(words, total=total, rate="")
            bars.update(tasks[stage], completed=done, total=total)
            speed = bars.tasks[bars.task_ids.index(tasks[stage])].speed
            bars.update(tasks[stage], rate=f"{speed:,.1f}/s" if speed else "")

        yield advance
