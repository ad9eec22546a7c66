"""A digest of everything that shapes a data set, so that stale features are never reused."""

from __future__ import annotations

import hashlib
from pathlib import Path

from repprobe.data.dataset import ArrayPart
from repprobe.data.graphs.parts import GraphPart
from repprobe.data.source import Source
from repprobe.errors import DataError

HASHED_WHOLE = 2**30
"""Bytes up to which the files' contents are hashed; beyond, path, size and time of change."""


def fingerprint(source: Source, image_size: int | None, split_seed: int | None) -> str:
    """Return the SHA-256 (hexadecimal) of the source, the image size and the split's seed.

    `split_seed` is None where the source has a test part of its own. Paths enter relative to
    the source's root, so a folder may move as a whole.
    """
    digest = hashlib.sha256(f"image_size={image_size} split_seed={split_seed}\n".encode())
    digest.update(source.recipe.encode())
    try:
        sizes = [f.stat().st_size for f in source.files]
        whole = sum(sizes) <= HASHED_WHOLE
        for file, size in zip(source.files, sizes, strict=True):
            changed = "" if whole else f" {file.stat().st_mtime_ns}"
            digest.update(f"{_relative(file, source.root)} {size}{changed}\n".encode())
            if whole:
                with file.open("rb") as stream:
                    while block := stream.read(1 << 20):
                        digest.update(block)
    except OSError as err:
        raise DataError(f"cannot read '{err.filename}': {err.strerror}.") from err
    if not source.files:
        for part in (source.train, source.test):
            if isinstance(part, ArrayPart):
                digest.update(f"{part.array.dtype} {part.array.shape}\n".encode())
                digest.update(part.array.tobytes() + part.labels.tobytes())
            elif isinstance(part, GraphPart):
                for array in part.arrays():
                    digest.update(f"{array.dtype} {array.shape}\n".encode() + array.tobytes())
    return digest.hexdigest()


def _relative(file: Path, root: Path) -> str:
    return file.relative_to(root).as_posix() if file.is_relative_to(root) else file.name
