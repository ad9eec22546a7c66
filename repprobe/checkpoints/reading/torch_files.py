"""Reads a checkpoint file as data: tensors and plain values, never anything that runs."""

from __future__ import annotations

import hashlib
import re
import struct
import warnings
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from repprobe.checkpoints.reading import pickles
from repprobe.errors import CheckpointError, UnsafeCheckpointError, files_near

_SUFFIXES = (".pt", ".pth", ".th", ".ckpt", ".bin", ".safetensors")
_REFUSED_IMPORT = re.compile(r"GLOBAL (\S+) (?:was not|whose)")
_WEIGHTS_ONLY = "Weights only load failed"
_ENDS_EARLY = (EOFError, IndexError, struct.error)


@dataclass(frozen=True)
class Contents:
    """What a checkpoint file holds, as it was saved.

    Attributes
    ----------
    data : mostly a dictionary, a bare state dict or one with a state dict inside.
    sha256 : hexadecimal digest of the file.
    """

    data: Any
    sha256: str


def read(path: Path) -> Contents:
    """Read a file that `torch.save` or safetensors wrote.

    Raises
    ------
    UnsafeCheckpointError
        Reading it would import or run something other than tensors and plain values.
    CheckpointError
        There is no such file, it cannot be read, is cut short or is no checkpoint.
    """
    try:
        start, size = _first_bytes(path), path.stat().st_size
        if _is_safetensors(path, start, size):
            data: Any = _read_safetensors(path)
        else:
            _check_kind(path, start)
            data = _read_torch(path)
        with path.open("rb") as stream:
            return Contents(data, hashlib.file_digest(stream, "sha256").hexdigest())
    except OSError as err:
        raise CheckpointError(f"'{path}' cannot be read: {err.strerror or err}.") from None


def is_safetensors(path: Path) -> bool:
    """Whether a file that `read` has read is one of safetensors, not of torch.

    Raises CheckpointError where it cannot be read any more.
    """
    try:
        return _is_safetensors(path, _first_bytes(path), path.stat().st_size)
    except OSError as err:
        raise CheckpointError(f"'{path}' cannot be read: {err.strerror or err}.") from None


def _first_bytes(path: Path) -> bytes:
    if path.is_dir():
        inside = sorted(p.name for p in path.iterdir() if p.suffix in _SUFFIXES)
        hint = f", e.g. '{path / inside[0]}'" if inside else ""
        raise CheckpointError(f"'{path}' is a folder; give a checkpoint file{hint}.")
    if not path.exists():
        raise CheckpointError(f"there is no file '{path}'{files_near(path)}")
    if not path.is_file():
        raise CheckpointError(f"'{path}' is not a regular file.")
    with path.open("rb") as stream:
        start = stream.read(4096)
    if not start:
        raise CheckpointError(f"'{path}' is empty; copy or download it again.")
    return start


def _is_safetensors(path: Path, start: bytes, size: int) -> bool:
    """A safetensors file opens with the length of its JSON header, then `{`."""
    length = int.from_bytes(start[:8], "little")
    looks_so = start[8:9] == b"{" and length < 100_000_000
    named_so = path.suffix == ".safetensors" and not zipfile.is_zipfile(path)
    return looks_so or (named_so and not _is_text(start))


def _read_safetensors(path: Path) -> dict[str, Any]:
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            return {**(file.metadata() or {}), "state_dict": tensors}
    except SafetensorError as err:
        raise CheckpointError(
            f"'{path}' is cut short or damaged ({_first_line(err)}); copy or download it again."
        ) from None


def _check_kind(path: Path, start: bytes) -> None:
    """Raise for files that are plainly something else than `torch.save` writes."""
    if start.startswith(b"PK"):
        _check_archive(path)
    elif _is_text(start):
        if names := pickles.imports(path):
            _refuse(path, names)
        if start.startswith(b"version https://git-lfs"):
            raise CheckpointError(
                f"'{path}' is a Git LFS pointer, not the file itself; run 'git lfs pull'."
            )
        page = start.lstrip()[:9].lower().startswith((b"<!doctype", b"<html"))
        kind = "a web page" if page else "text"
        raise CheckpointError(f"'{path}' is {kind}, not a checkpoint; download or save it again.")


def _check_archive(path: Path) -> None:
    try:
        with zipfile.ZipFile(path) as archive:
            names = [name.rpartition("/")[2] for name in archive.namelist()]
    except zipfile.BadZipFile:  # its directory stands at the end
        raise CheckpointError(
            f"'{path}' is cut short or damaged; copy or download it again."
        ) from None
    if "constants.pkl" in names:
        raise UnsafeCheckpointError(
            f"'{path}' was refused: it is a TorchScript archive, which holds code; save "
            "model.state_dict() instead."
        )
    if "data.pkl" not in names:
        raise CheckpointError(f"'{path}' is a zip archive, but not one that torch.save writes.")


def _is_text(start: bytes) -> bool:
    # a character may be cut in two at the end
    text = start.decode("utf-8", errors="ignore")
    whole = len(text.encode()) >= len(start) - 3
    return whole and all(c.isprintable() or c in "\r\n\t\f\ufeff" for c in text)


def _read_torch(path: Path) -> Any:
    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except Exception as err:  # a damaged file can end in any error
        _explain(path, err)


def _explain(path: Path, err: Exception) -> NoReturn:
    names = pickles.imports(path)
    refused = _REFUSED_IMPORT.search(str(err))
    if refused or pickles.suspect(names):
        _refuse(path, [refused[1], *names] if refused else names)
    if isinstance(err, _ENDS_EARLY) or "EOF" in str(err):
        raise CheckpointError(f"'{path}' is cut short; copy or download it again.") from None
    if "Unsupported operand" in str(err) and pickles.is_pickle(path):
        raise CheckpointError(
            f"'{path}' is a pickle that weights-only loading does not read; save it again with "
            "torch.save(model.state_dict(), …)."
        ) from None
    if _WEIGHTS_ONLY in str(err):  # of what torch then advises, nothing helps
        raise CheckpointError(
            f"'{path}' is damaged or not a checkpoint; give a file that torch.save or safetensors "
            "wrote."
        ) from None
    raise CheckpointError(
        f"'{path}' is damaged or not a checkpoint ({type(err).__name__}: {_first_line(err)})."
    ) from None


def _refuse(path: Path, names: list[str]) -> NoReturn:
    """Raise UnsafeCheckpointError; the first of the names is what it asked for."""
    name = (pickles.suspect(names) or names)[0]
    what = "a whole pickled model; " if pickles.is_whole_model(names) else ""
    raise UnsafeCheckpointError(
        f"'{path}' was refused and nothing of it ran: {what}reading it would import {name}, and "
        "only tensors and plain values are read; save model.state_dict() instead."
    ) from None


def _first_line(err: Exception) -> str:
    lines = str(err).strip().splitlines() or ["no reason given"]
    return lines[0][:120].strip()
