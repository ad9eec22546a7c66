"""What a pickle would import, found by reading its opcodes; nothing of it runs."""

from __future__ import annotations

import contextlib
import pickletools
import zipfile
from collections.abc import Iterable
from pathlib import Path
from typing import IO, Any

_WEIGHTS = ("torch.", "collections.OrderedDict")
_MODULES = "torch.nn.modules."


def imports(path: Path) -> list[str]:
    """Return what the complete pickles of a file would import, e.g. ["posix.system"].

    Reads torch's zip archives, torch's older format (several pickles, then raw bytes) and plain
    pickles of any protocol.
    """
    with path.open("rb") as stream:
        if stream.read(2) != b"PK":
            stream.seek(0)
            return _imports(stream)
    found = []
    # damaged bytes can raise anything; they are read as far as they go
    with contextlib.suppress(Exception), zipfile.ZipFile(path) as archive:
        for name in archive.namelist():
            if name.endswith(".pkl"):
                with archive.open(name) as member:
                    found += _imports(member)
    return found


def is_pickle(path: Path) -> bool:
    """Say whether the file opens with a complete pickle."""
    try:
        with path.open("rb") as stream:
            _imports_of_one(stream)
    except Exception:  # as above
        return False
    return True


def suspect(names: Iterable[str]) -> list[str]:
    """Return the imports that weights do not need."""
    return [n for n in names if not n.startswith(_WEIGHTS) or n.startswith(_MODULES)]


def is_whole_model(names: Iterable[str]) -> bool:
    """Say whether the imports are those of a pickled network, not of its weights alone."""
    return any(n.startswith(_MODULES) for n in names)


def _imports(stream: IO[bytes]) -> list[str]:
    found: list[str] = []
    try:
        while True:
            found += _imports_of_one(stream)
    except Exception:  # the end, or bytes that are no pickle, which can raise anything
        return found


def _imports_of_one(stream: IO[bytes]) -> list[str]:
    """Follow one pickle to its end; strings are tracked, since STACK_GLOBAL takes two of them."""
    found: list[str] = []
    pushed: list[str] = ["?", "?"]
    memo: dict[Any, str] = {}
    for opcode, argument, _ in pickletools.genops(stream):
        name = opcode.name
        if name in ("GLOBAL", "INST"):
            found.append(str(argument).replace(" ", "."))
        elif name == "STACK_GLOBAL":
            found.append(".".join(pushed[-2:]))
        elif name == "MEMOIZE":
            memo[len(memo)] = pushed[-1]
        elif name in ("PUT", "BINPUT", "LONG_BINPUT"):
            memo[argument] = pushed[-1]
        elif name in ("GET", "BINGET", "LONG_BINGET"):
            pushed.append(memo.get(argument, "?"))
        elif "UNICODE" in name or "STRING" in name:
            pushed.append(str(argument))
    return found
