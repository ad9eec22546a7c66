"""Does any damage to a checkpoint end in an answer? Byte mutations of small files of each format.

    python analyses/fuzz.py [MUTATIONS] [JOBS] [FORMAT …]

Bytes are flipped, deleted, inserted, copied elsewhere or cut off at random, and the file is read in
a process that is watched. Writes `figures/opening/fuzz.csv`; exits with 1 unless every file was
refused in one line or read rightly. Rightly means: what was saved, where the format has checksums;
elsewhere, where a changed byte may lie in the weights themselves, what the loader of the format
(PyTorch, pickle, safetensors) reads in the same bytes.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from cells import Row, markdown, write_table
from mutated import FORMATS

FIGURES = Path("figures/opening")
CHUNK = 500
WORKER = Path(__file__).with_name("mutated.py")

GOOD = ("refused", "read as saved", "read as by its loader")
BAD = ("read otherwise", "another error", "several lines", "slow", "crash")
SECONDS = 600
"""A chunk that takes longer hangs."""


def outcomes(kind: str, first: int, count: int) -> list[Row]:
    """Read that many mutations; a process that dies or hangs is started again behind its last."""
    found: list[Row] = []
    while len(found) < count:
        numbers = str(first + len(found)), str(count - len(found))
        try:
            done = subprocess.run(
                [sys.executable, str(WORKER), *numbers, kind],
                capture_output=True,
                text=True,
                timeout=SECONDS,
                check=False,
            )
            said, end = done.stdout, f"exit status {done.returncode}: {done.stderr[-300:]}"
        except subprocess.TimeoutExpired as err:
            said, end = (err.stdout or b"").decode(), f"over {SECONDS} s"
        found += [json.loads(line) for line in said.splitlines()]
        if len(found) < count:
            seed = first + len(found)
            found.append({"format": kind, "seed": seed, "outcome": "crash", "detail": end})
    return found


def fuzz(kinds: list[str], mutations: int, jobs: int) -> list[Row]:
    """Return an outcome per format and mutation."""
    chunks = [
        (kind, first, min(CHUNK, mutations - first))
        for kind in kinds
        for first in range(0, mutations, CHUNK)
    ]
    with ThreadPoolExecutor(jobs) as pool:
        found = []
        for done, rows in enumerate(pool.map(lambda c: outcomes(*c), chunks), start=1):
            found += rows
            print(f"{done}/{len(chunks)}", *chunks[done - 1], file=sys.stderr, flush=True)
    return found


def summarize(rows: list[Row]) -> list[Row]:
    """Return how many mutations of each format came to what."""
    table = []
    for kind in dict.fromkeys(row["format"] for row in rows):
        counted = Counter(row["outcome"] for row in rows if row["format"] == kind)
        counts = {outcome: counted[outcome] for outcome in GOOD + BAD}
        table.append({"format": kind, "mutations": counted.total(), **counts})
    return table


def main() -> int:
    """Run all, write the table, print it and what went wrong."""
    mutations = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    jobs = int(sys.argv[2]) if len(sys.argv) > 2 else 2
    rows = fuzz(sys.argv[3:] or list(FORMATS), mutations, jobs)
    table = summarize(rows)
    write_table(FIGURES / "fuzz.csv", table)
    print(markdown(list(table[0]), [[str(value) for value in row.values()] for row in table]))
    bad = [row for row in rows if row["outcome"] in BAD]
    for row in bad[:50]:
        print(row["format"], row["seed"], row["outcome"], row["detail"])
    return int(bool(bad))


if __name__ == "__main__":
    sys.exit(main())
