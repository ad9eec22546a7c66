"""Reads a safetensors file; its header is checked before anything is allocated for it."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

from repprobe.checkpoints.reading.plain_json import parse
from repprobe.errors import CheckpointError

MOST_HEADER = 16 * 2**20
"""Bytes of JSON that are read at most: enough for a hundred thousand tensors."""

_MOST_AXES = 32
_LONGEST_AXIS = 2**40
_BYTES = {
    "BOOL": 1,
    "U8": 1,
    "I8": 1,
    "F8_E4M3": 1,
    "F8_E5M2": 1,
    "I16": 2,
    "U16": 2,
    "F16": 2,
    "BF16": 2,
    "I32": 4,
    "U32": 4,
    "F32": 4,
    "I64": 8,
    "U64": 8,
    "F64": 8,
    "C64": 8,
}


def read_safetensors(path: Path) -> dict[str, Any]:
    """Return the tensors under `state_dict`, and the file's own strings beside it.

    Raises
    ------
    CheckpointError
        The file is cut short or damaged, or its header lies about what follows.
    """
    from safetensors import SafetensorError, safe_open

    try:
        _check(path)
        with safe_open(path, framework="pt", device="cpu") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            return {**(file.metadata() or {}), "state_dict": tensors}
    except _Damage as err:
        reason = str(err)
    except SafetensorError as err:
        reason = (str(err).strip().splitlines() or ["no reason given"])[0][:120].strip()
    raise CheckpointError(
        f"'{path}' is cut short or damaged ({reason}); copy or download it again."
    )


class _Damage(Exception):
    """What is wrong with a header, in a few words."""


def _check(path: Path) -> None:
    """Raise `_Damage` unless the header describes exactly the bytes that follow it."""
    size = path.stat().st_size
    with path.open("rb") as stream:
        start = stream.read(8)
        length = int.from_bytes(start, "little")
        if len(start) < 8 or length > size - 8:
            raise _Damage("its header ends after the file")
        if length > MOST_HEADER:
            raise _Damage(f"its header takes {length} bytes")
        text = stream.read(length)
    try:
        header = parse(text)
    except ValueError as err:
        raise _Damage(f"its header is no JSON: {err}") from None
    if not isinstance(header, dict):
        raise _Damage("its header is no JSON object")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(v, str) for v in metadata.values()):
        raise _Damage("its metadata are not all text")
    end = 0
    for first, last, name in sorted(_span(name, entry) for name, entry in header.items()):
        if first != end:
            how = "overlap others" if first < end else "leave a hole"
            raise _Damage(f"the bytes of '{_short(name)}' {how}")
        end = last
    if end != size - 8 - length:
        raise _Damage(f"it describes {end} bytes of tensors and has {size - 8 - length}")


def _span(name: str, entry: Any) -> tuple[int, int, str]:
    """Return where a tensor begins and ends among the bytes, if it is described rightly."""
    told = f"the entry of '{_short(name)}'"
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise _Damage(f"{told} is not dtype, shape and offsets")
    dtype, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    if not isinstance(dtype, str) or dtype not in _BYTES:
        raise _Damage(f"{told} has the unknown type {_short(json.dumps(dtype))}")
    if not _counts(shape) or len(shape) > _MOST_AXES or max(shape, default=0) > _LONGEST_AXIS:
        raise _Damage(f"{told} has an impossible shape")
    if not _counts(offsets) or len(offsets) != 2:
        raise _Damage(f"{told} has no two offsets")
    first, last = offsets
    if last - first != math.prod(shape) * _BYTES[dtype]:
        raise _Damage(f"{told} has {last - first} bytes, which its shape does not fill")
    return first, last, name


def _counts(values: Any) -> bool:
    return isinstance(values, list) and all(
        isinstance(v, int) and not isinstance(v, bool) and v >= 0 for v in values
    )


def _short(text: str) -> str:
    shown = text if len(text) <= 60 else f"{text[:57]}…"
    return shown if shown.isprintable() else ascii(shown)[1:-1][:60]
