"""Files that PyTorch or pickle wrote: their kind is told, read as records, and made data."""

from __future__ import annotations

import os
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from repprobe.checkpoints.reading import opcodes, torchscript
from repprobe.checkpoints.reading.budget import Budget
from repprobe.checkpoints.reading.contents import Contents
from repprobe.checkpoints.reading.legacy import MAGIC, LegacyFile, inline_bytes, no_persistent
from repprobe.checkpoints.reading.modules import NotRebuiltError, rebuild
from repprobe.checkpoints.reading.problems import DamagedError
from repprobe.checkpoints.reading.settling import Settling
from repprobe.checkpoints.reading.tensors import Tensors
from repprobe.checkpoints.reading.torch_tar import TorchTar, is_tar
from repprobe.checkpoints.reading.torch_zip import TorchArchive

if TYPE_CHECKING:
    from torch import nn


def read_torch(path: Path, start: bytes) -> Contents:
    """Read a file of PyTorch or a plain pickle; `start` are its first bytes.

    Raises
    ------
    ProblemError
        Any of `problems`.
    """
    from repprobe.checkpoints.reading.reader import digest

    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        if start.startswith(b"PK"):
            return _read_zip(file, size, digest(path))
        if is_tar(start):
            tar = TorchTar(file, size, Budget())
            return _contents(tar.saved, tar.tensors, "torch tar", digest(path))
        budget = Budget()
        first = opcodes.load(file, size, no_persistent, budget=budget)
        if first == MAGIC:
            legacy = LegacyFile(file, size, budget)
            return _contents(legacy.saved, legacy.tensors, "torch legacy", digest(path))
        if file.tell() != size:
            raise DamagedError("bytes after the pickle")
        return _contents(first, Tensors(inline_bytes, size), "pickle", digest(path))


def _read_zip(file: IO[bytes], size: int, sha256: str) -> Contents:
    archive = TorchArchive(file, size)
    beside = archive.beside()
    left_out = (f"Records beside the weights were not read: {_listed(beside)}.",) if beside else ()
    if archive.is_script:
        found = torchscript.weights(archive)
        return Contents(found, sha256, "TorchScript", left_out=(torchscript.LEFT_OUT, *left_out))
    return _contents(archive.load(Budget()), archive.tensors, "torch zip", sha256, left_out)


def _contents(
    saved: Any, tensors: Tensors, kind: str, sha256: str, left_out: tuple[str, ...] = ()
) -> Contents:
    settling = Settling(tensors)
    data = settling.settle(saved)
    module: nn.Module | None = None
    if len(settling.networks) == 1:
        try:
            module = rebuild(settling.networks[0], tensors)
        except NotRebuiltError as err:
            left_out += (f"The pickled network was not rebuilt, its weights were read: {err}.",)
    elif settling.networks:
        left_out += ("Of several pickled networks only the weights were read.",)
    return Contents(data, sha256, kind, module, left_out=left_out)


def _listed(names: list[str]) -> str:
    return ", ".join(names[:3]) + (", …" if len(names) > 3 else "")
