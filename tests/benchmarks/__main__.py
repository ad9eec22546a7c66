"""Runs the benchmarks, all or those named, and writes their figures."""

from __future__ import annotations

import argparse
from importlib import import_module
from pathlib import Path

from .harness import HEADINGS, Report

HERE = Path(__file__).parent
OUT = HERE.parents[1] / "figures" / "benchmarks" / "benchmarks.json"


def main() -> None:
    """Read the names, run, print, write."""
    known = sorted(path.stem.removeprefix("bench_") for path in HERE.glob("bench_*.py"))
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(known)}")
    parser.add_argument("--out", type=Path, help="JSON file; by default only a run of all writes")
    chosen = parser.parse_args()
    unknown = set(chosen.names) - set(known)
    if unknown:
        parser.error(f"no benchmark is named {', '.join(sorted(unknown))}")
    report = Report()
    print(HEADINGS)
    for name in chosen.names or known:
        import_module(f"{__package__}.bench_{name}").run(report)
    out = chosen.out or (None if chosen.names else OUT)
    if out is not None:
        report.write(out)
        print(f"\n{out}")


if __name__ == "__main__":
    main()
