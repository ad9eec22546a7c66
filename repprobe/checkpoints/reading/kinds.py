"""What a file is, told by its content and never by its name; what is no checkpoint is named."""

from __future__ import annotations

import pickletools
import zipfile
from pathlib import Path
from typing import NoReturn

from repprobe.checkpoints.reading.budget import STEPS
from repprobe.errors import CheckpointError, files_near

HEAD = 4096
"""Bytes that are looked at."""

SUFFIXES = (".pt", ".pth", ".th", ".ckpt", ".bin", ".tar", ".safetensors", ".pt2")
_HEADER = 100_000_000
_TEXT_PICKLE = 64 << 20


def first_bytes(path: Path) -> bytes:
    """Return the first bytes of a regular file that is not empty.

    Raises CheckpointError for anything else, OSError where it cannot be read.
    """
    if path.is_dir():
        inside = sorted(p.name for p in path.iterdir() if p.suffix in SUFFIXES)
        hint = f", e.g. '{path / inside[0]}'" if inside else ""
        raise CheckpointError(f"'{path}' is a folder; give a checkpoint file{hint}.")
    if not path.exists():
        if path.is_symlink():
            raise CheckpointError(f"'{path}' is a symbolic link that leads nowhere.")
        raise CheckpointError(f"there is no file '{path}'{files_near(path)}")
    if not path.is_file():
        raise CheckpointError(f"'{path}' is not a regular file.")
    with path.open("rb") as stream:
        start = stream.read(HEAD)
    if not start:
        raise CheckpointError(f"'{path}' is empty; copy or download it again.")
    return start


def is_safetensors(path: Path) -> bool:
    """Whether a file that `read` has read is one of safetensors, not of torch.

    Raises CheckpointError where it cannot be read any more.
    """
    try:
        return opens_as_safetensors(path, first_bytes(path))
    except OSError as err:
        raise CheckpointError(f"'{path}' cannot be read: {err.strerror or err}.") from None


def opens_as_safetensors(path: Path, start: bytes) -> bool:
    """Whether the file opens with the length of a JSON header, then `{`, or is named so."""
    looks_so = start[8:9] == b"{" and int.from_bytes(start[:8], "little") < _HEADER
    named_so = path.suffix == ".safetensors" and not zipfile.is_zipfile(path)
    return looks_so or (named_so and not is_text(start))


def is_text(start: bytes) -> bool:
    """Whether these first bytes are text."""
    # a character may be cut in two at the end
    text = start.decode("utf-8", errors="ignore")
    whole = len(text.encode()) >= len(start) - 3
    return whole and all(c.isprintable() or c in "\r\n\t\f\ufeff" for c in text)


def is_text_pickle(path: Path) -> bool:
    """Whether a file of text is a complete pickle of protocol 0; nothing of it runs."""
    if path.stat().st_size > _TEXT_PICKLE:
        return False
    try:
        with path.open("rb") as stream:
            for count, _ in enumerate(pickletools.genops(stream)):
                if count > STEPS:
                    return False
            return not stream.read().strip()
    except Exception:  # text that is no pickle can raise anything
        return False


def refuse_text(path: Path, start: bytes) -> NoReturn:
    """Raise for a file of text, and say what it looks like."""
    if start.startswith(b"version https://git-lfs"):
        raise CheckpointError(
            f"'{path}' is a Git LFS pointer, not the file itself; run 'git lfs pull'."
        )
    page = start.lstrip()[:9].lower().startswith((b"<!doctype", b"<html"))
    kind = "a web page" if page else "text"
    raise CheckpointError(f"'{path}' is {kind}, not a checkpoint; download or save it again.")
