"""Compares two ways of doing the same thing, and reports the figures."""

from __future__ import annotations

import json
import platform
import statistics
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NamedTuple

PACKAGES = (
    "repprobe",
    "torch",
    "torchvision",
    "scikit-learn",
    "numpy",
    "thingsvision",
    "cuml-cu13",
)


class Timing(NamedTuple):
    """Medians over interleaved pairs; the ratio is ours to the peer's, pair by pair."""

    ours: float
    peer: float
    ratio: float


@dataclass(frozen=True)
class Comparison:
    """One figure of the report.

    Attributes
    ----------
    name : what was done, on what.
    ours, peer : the two ways.
    ours_seconds, peer_seconds : medians.
    ratio : median of ours / peer over the pairs.
    demand : largest ratio that is good enough; None if nothing is demanded.
    equal : whether both gave the same; None if that is not the question.
    note : anything else the reader should know.
    """

    name: str
    ours: str
    peer: str
    ours_seconds: float
    peer_seconds: float
    ratio: float
    demand: float | None = None
    equal: bool | None = None
    note: str = ""

    @property
    def met(self) -> bool:
        """Whether the ratio is within the demand, and the results equal."""
        return (self.demand is None or self.ratio <= self.demand) and self.equal is not False


def interleaved(
    ours: Callable[[], Any], peer: Callable[[], Any], pairs: int = 5, warm_up: bool = True
) -> Timing:
    """Time both by turns, each first in every other pair, after one call of each to warm up."""
    if warm_up:
        ours(), peer()
    taken = []
    for pair in range(pairs):
        if pair % 2:
            second = _seconds(peer)
            taken.append((_seconds(ours), second))
        else:
            taken.append((_seconds(ours), _seconds(peer)))
    return Timing(
        statistics.median(a for a, _ in taken),
        statistics.median(b for _, b in taken),
        statistics.median(a / b for a, b in taken),
    )


@dataclass
class Report:
    """Collects comparisons; prints each as it comes."""

    comparisons: list[Comparison] = field(default_factory=list)

    def add(self, comparison: Comparison) -> None:
        """Take a comparison and print its line."""
        self.comparisons.append(comparison)
        print(_line(comparison), flush=True)

    def compare(
        self,
        name: str,
        ours: tuple[str, Callable[[], Any]],
        peer: tuple[str, Callable[[], Any]],
        *,
        demand: float | None = None,
        equal: bool | None = None,
        note: str = "",
        pairs: int = 5,
        warm_up: bool = True,
    ) -> Comparison:
        """Time two named ways by turns, and add what came of it."""
        timing = interleaved(ours[1], peer[1], pairs, warm_up)
        comparison = Comparison(name, ours[0], peer[0], *timing, demand, equal, note)
        self.add(comparison)
        return comparison

    def skip(self, name: str, reason: str) -> None:
        """Say that something could not be measured here."""
        print(f"{name}: not measured: {reason}", file=sys.stderr, flush=True)

    def write(self, path: Path) -> None:
        """Write the comparisons and the machine they were made on as JSON."""
        path.parent.mkdir(parents=True, exist_ok=True)
        found = {
            "machine": machine(),
            "comparisons": [{**asdict(c), "met": c.met} for c in self.comparisons],
        }
        path.write_text(json.dumps(found, indent=1) + "\n", "utf-8")


def machine() -> dict[str, Any]:
    """Return processor, threads, and the versions of what took part."""
    import torch

    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "processor": _processor(),
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "cpu",
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "versions": versions,
    }


HEADINGS = f"{'what':52} {'ours':>9} {'peer':>9} {'ratio':>6} {'demand':>7}  equal"


def _line(c: Comparison) -> str:
    demand = "" if c.demand is None else f"≤ {c.demand:g}"
    equal = {True: "yes", False: "NO", None: ""}[c.equal]
    verdict = "" if c.met else "  MISSED"
    return (
        f"{c.name:52} {c.ours_seconds:8.3f}s {c.peer_seconds:8.3f}s {c.ratio:6.2f} {demand:>7}  "
        f"{equal}{verdict}  {c.ours} against {c.peer}{'; ' + c.note if c.note else ''}"
    )


def _seconds(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        for line in info.read_text().splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
