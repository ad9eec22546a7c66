"""Builds every file of `attacks_other` in a folder and reads each, watched; JSON for each.

    python attacked_other.py FOLDER

A process of its own for the same reason as `attacked`, whose watching it shares.
"""

import json
import sys
import time
import warnings
from pathlib import Path

import attacked
import attacks_exported
import valid_other

from repprobe.checkpoints.reading import read


def main(folder):
    """Build all, then read all, and print what became of each."""
    warnings.simplefilter("ignore")
    canary = folder / "canary"
    built = {}
    for name, build in {**valid_other.VALID, **attacks_exported.ATTACKS}.items():
        (folder / name).mkdir()
        given = (canary,) if name in attacks_exported.ATTACKS else ()
        built[name] = build(folder / name, *given)
    for name in valid_other.VALID:  # what reading imports is imported before it is watched
        read(built[name])
    sys.addaudithook(attacked.watch)
    for name in attacks_exported.ATTACKS:
        attacked.events.clear()
        attacked.reset()
        before, start = attacked.peak(), time.perf_counter()
        attacked.watching = True
        error, bases, message = "", [], ""
        try:
            read(built[name])
        except BaseException as err:  # whatever it is, the test is told
            error, message = type(err).__name__, str(err)
            bases = [base.__name__ for base in type(err).__mro__]
        attacked.watching = False
        found = {
            "name": name,
            "error": error,
            "bases": bases,
            "message": message,
            "seconds": time.perf_counter() - start,
            "memory": attacked.peak() - before,
            "events": list(attacked.events),
            "canary": canary.exists(),
        }
        print(json.dumps(found), flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
