"""`read`: any checkpoint becomes data; nothing of it runs unless it is trusted."""

from __future__ import annotations

import hashlib
import struct
from pathlib import Path
from typing import NoReturn

from repprobe.checkpoints.reading import kinds
from repprobe.checkpoints.reading.contents import Contents
from repprobe.checkpoints.reading.problems import (
    CutShortError,
    DamagedError,
    DemandingError,
    ForeignError,
    ProblemError,
    UnsupportedError,
)
from repprobe.errors import CheckpointError, RepprobeError, UnsafeCheckpointError

_ENDS_EARLY = (EOFError, struct.error)
_INDEX = ".index.json"


def read(path: Path, *, trust: bool = False) -> Contents:
    """Read a checkpoint: of PyTorch (any age), Lightning, safetensors, TorchScript, torch.export.

    What the file is, is told by its content. Tensors and plain values are read, and whole
    pickled networks whose layers are those of torch.nn, torchvision, timm or torch-geometric.

    Parameters
    ----------
    path : a file, a folder with weights and config.json, or the index of files with weights.
    trust : whether what would be refused as unsafe is loaded by torch, which runs what the file
        asks for.

    Raises
    ------
    UnsafeCheckpointError
        Reading it would import or run something else; nothing of it ran.
    CheckpointError
        There is no such file, it cannot be read, is cut short, damaged or no checkpoint.
    """
    path = Path(path)
    try:
        try:
            return _read(path)
        except (ForeignError, UnsupportedError, DemandingError):
            if not trust:
                raise
            from repprobe.checkpoints.reading.trusted import read_trusted

            return read_trusted(path, digest(path))
    except RepprobeError:
        raise
    except OSError as err:
        raise CheckpointError(f"'{path}' cannot be read: {err.strerror or err}.") from None
    except ProblemError as err:
        _explain(path, err)
    except Exception as err:  # a damaged file can end in any error
        _explain(path, CutShortError() if isinstance(err, _ENDS_EARLY) else DamagedError())


def digest(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _read(path: Path) -> Contents:
    if path.is_dir():
        from repprobe.checkpoints.reading.folders import read_folder

        return read_folder(path)
    start = kinds.first_bytes(path)
    if path.name.endswith(_INDEX):
        from repprobe.checkpoints.reading.folders import read_index

        return read_index(path)
    if kinds.opens_as_safetensors(path, start):
        from repprobe.checkpoints.reading.safetensors_file import read_safetensors

        return Contents(read_safetensors(path), digest(path), "safetensors")
    if start.startswith(b"PK"):
        from repprobe.checkpoints.reading.exported import is_exported, read_exported

        _check_directory(path)
        if is_exported(path):
            return read_exported(path)
    elif kinds.is_text(start) and not kinds.is_text_pickle(path):
        kinds.refuse_text(path, start)
    from repprobe.checkpoints.reading.torch_files import read_torch

    return read_torch(path, start)


def _check_directory(path: Path) -> None:
    """Raise ProblemError for an archive whose directory is damaged or meant to exhaust."""
    from repprobe.checkpoints.reading.archive import Archive

    with path.open("rb") as file:
        Archive(file, path.stat().st_size)


def _explain(path: Path, problem: ProblemError) -> NoReturn:
    """Raise the error that the user sees."""
    reason = f" ({problem})" if str(problem) else ""
    if isinstance(problem, ForeignError):
        done = f"{problem.verb} {problem}"
        if problem.verb == "hold":
            done = f"take a file that holds '{problem}', which may be code"
        raise UnsafeCheckpointError(
            f"'{path}' was refused and nothing of it ran: reading it would {done}, and only "
            "tensors, plain values and the layers of torch.nn, torchvision, timm and "
            "torch-geometric are read; save model.state_dict() instead, or give --trust if the "
            "file is your own: it is run."
        ) from None
    if isinstance(problem, CutShortError):
        raise CheckpointError(
            f"'{path}' is cut short or damaged; copy or download it again."
        ) from None
    if isinstance(problem, DemandingError):
        raise CheckpointError(
            f"'{path}' was refused: it asks for more than a checkpoint of its size needs{reason}."
        ) from None
    if isinstance(problem, UnsupportedError):
        raise CheckpointError(f"'{path}' is not read: it holds {problem}.") from None
    raise CheckpointError(
        f"'{path}' is damaged or not a checkpoint{reason}; give a file that torch.save or "
        "safetensors wrote."
    ) from None
