"""Runs the checks on a GPU and writes their figures; without one it says so and exits with 2."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.benchmarks.harness import HEADINGS, Report

from .check import ROOT, check_agreement, check_training, missing, time_engines, time_job


def main(out: Path = ROOT / "figures" / "gpu") -> int:
    """Return 0 if all is as it should be, 1 if not, 2 where it cannot be checked."""
    lack = missing()
    if lack:
        print(f"gpu-check: {lack}; nothing was checked.", file=sys.stderr)
        return 2
    good = check_agreement(out / "agreement.json")
    print(f"agreement of the engines: {'yes' if good else 'NO, see agreement.json'}")
    trains = check_training(out / "training.json")
    print(f"training of CNN9: {'yes' if trains else 'NO, see training.json'}")
    good &= trains
    print(HEADINGS)
    for name, measure in (("engines", time_engines), ("job", time_job)):
        report = Report()
        measure(report)
        report.write(out / f"{name}.json")
        good &= all(comparison.met for comparison in report.comparisons)
    print(f"\n{out}")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
