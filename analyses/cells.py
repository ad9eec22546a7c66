"""What the analyses share: cells that run beside each other, and tables of what came out."""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def run_cells(
    work: Callable[..., list[Row]], cells: Sequence[tuple[Any, ...]], jobs: int
) -> list[Row]:
    """Run each cell in one of `jobs` processes of one thread; rows in the order of the cells."""
    os.environ["OMP_NUM_THREADS"] = "1"
    found: dict[int, list[Row]] = {}
    with ProcessPoolExecutor(jobs, mp_context=get_context("spawn")) as pool:
        futures = {pool.submit(work, *cell): i for i, cell in enumerate(cells)}
        for done, future in enumerate(as_completed(futures), start=1):
            place = futures[future]
            if future.exception():
                pool.shutdown(cancel_futures=True)
            found[place] = future.result()
            print(f"{done}/{len(cells)}", *cells[place], flush=True)
    return [row for i in range(len(cells)) for row in found[i]]


def kept(path: Path, work: Callable[[], list[Row]]) -> list[Row]:
    """Return the rows that are kept at `path`, or do the work and keep its rows there."""
    if not path.exists():
        rows = work()
        path.parent.mkdir(parents=True, exist_ok=True)
        aside = path.with_suffix(".new")
        aside.write_text(json.dumps(rows), encoding="utf-8")
        aside.rename(path)
    found: list[Row] = json.loads(path.read_text(encoding="utf-8"))
    return found


def write_table(path: Path, rows: Iterable[Row]) -> None:
    """Write rows with the same keys as CSV."""
    rows = list(rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def markdown(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = ["| " + " | ".join(header) + " |", "|" + " --- |" * len(header)]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines) + "\n"
