"""JSON from a file nobody vouches for: of bounded size, each name once, any fault a ValueError."""

from __future__ import annotations

import gc
import json
from pathlib import Path
from typing import Any

from repprobe.errors import CheckpointError

MOST_BYTES = 16 * 2**20
"""The size of a JSON file that is read at most."""


def parse(content: bytes) -> Any:
    """Return what JSON in UTF-8 says; raises ValueError, with a few words, for anything else."""
    collecting = gc.isenabled()
    gc.disable()  # or it would look through a growing heap again and again
    try:
        return json.loads(content.decode(), object_pairs_hook=_once, parse_int=_number)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except UnicodeDecodeError:
        raise ValueError("it is not UTF-8") from None
    except json.JSONDecodeError as err:
        raise ValueError(f"{err.msg} at character {err.pos}") from None
    finally:
        if collecting:
            gc.enable()


def read_object(path: Path) -> dict[str, Any]:
    """Return the object that a JSON file holds; raises CheckpointError if there is none."""
    if path.stat().st_size > MOST_BYTES:
        raise CheckpointError(f"'{path}' is too large: {path.stat().st_size} bytes of JSON.")
    try:
        found = parse(path.read_bytes())
    except ValueError as err:
        raise CheckpointError(f"'{path}' is no JSON: {err}.") from None
    if not isinstance(found, dict):
        raise CheckpointError(f"'{path}' holds no JSON object.")
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name stands in it twice")
    return found


def _number(digits: str) -> int:
    if len(digits) > 40:
        raise ValueError("a number in it has more than 40 digits")
    return int(digits)
