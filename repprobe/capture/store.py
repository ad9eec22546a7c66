"""Where captured rows go while the network runs: arrays in memory, or files on disk."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import tempfile
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from repprobe.errors import OutputError

Array = NDArray[np.float32]

PREFIX = ".repprobe-"
"""Start of the names of folders that are still being written, or go when the features do."""

OUTPUT = "output"
"""The name under which the network's own answer is stored beside the layers."""


class Store(Protocol):
    """Takes the rows of every layer, batch by batch, in order."""

    def add(self, name: str, rows: Array) -> None:
        """Append rows (b, width) to a layer; the first call fixes its width."""
        ...

    def arrays(self) -> dict[str, Array]:
        """Return every layer (n, width), read-only."""
        ...

    def drop(self, name: str) -> None:
        """Forget a layer, if it is there."""
        ...

    def abort(self) -> None:
        """Forget everything, after an error."""
        ...


class MemoryStore:
    """Keeps every layer in one array (n, width)."""

    def __init__(self, rows: int) -> None:
        self._arrays: dict[str, Array] = {}
        self._rows = rows
        self._filled: dict[str, int] = {}

    def add(self, name: str, rows: Array) -> None:
        if name not in self._arrays:
            self._arrays[name] = np.empty((self._rows, rows.shape[1]), np.float32)
            self._filled[name] = 0
        start = self._filled[name]
        self._arrays[name][start : start + len(rows)] = rows
        self._filled[name] = start + len(rows)

    def arrays(self) -> dict[str, Array]:
        """Return every layer (n, width), read-only like those on disk."""
        for array in self._arrays.values():
            array.flags.writeable = False
        return self._arrays

    def drop(self, name: str) -> None:
        self._arrays.pop(name, None)

    def abort(self) -> None:
        self._arrays.clear()


class FileStore:
    """Appends every layer to a `.npy` file of its own, in a folder.

    Rows are written through the operating system's files and not through a memory map, so that
    the process stays small however many there are.

    Attributes
    ----------
    folder : made anew; the files are `000.npy`, `001.npy`, …
    files : layer name -> its file.
    """

    def __init__(self, rows: int, parent: Path | None = None) -> None:
        try:
            if parent is None:
                self.folder = Path(tempfile.mkdtemp(prefix=PREFIX))
            else:  # with the user's own permissions, since others may read a cache
                self.folder = parent / f"{PREFIX}{os.getpid()}-{secrets.token_hex(4)}"
                self.folder.mkdir(parents=True)
        except OSError as error:
            where = parent or tempfile.gettempdir()
            raise OutputError(f"no features can be kept in '{where}': {_said(error)}.") from None
        self.files: dict[str, Path] = {}
        self._digests: dict[str, hashlib.blake2b] = {}
        self._rows = rows

    def add(self, name: str, rows: Array) -> None:
        data = np.ascontiguousarray(rows, dtype="<f4")
        try:
            if name not in self.files:
                self._begin(name, data.shape[1])
            with self.files[name].open("ab") as file:
                file.write(data.data)
        except OSError as error:
            raise OutputError(
                f"the features cannot be written to '{self.folder}': {_said(error)}; raise "
                "--memory, lower --width, or make room."
            ) from None
        self._digests[name].update(data.data)

    def digest(self, name: str) -> str:
        """Return the hexadecimal digest of a layer's file, header included."""
        return self._digests[name].hexdigest()

    def arrays(self) -> dict[str, Array]:
        """Return every layer as a read-only memory map."""
        return {name: np.load(path, mmap_mode="r") for name, path in self.files.items()}

    def drop(self, name: str) -> None:
        if name in self.files:
            self.files.pop(name).unlink()

    def abort(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def _begin(self, name: str, width: int) -> None:
        path = self.folder / f"{len(self._digests):03d}.npy"
        with path.open("wb") as file:
            header = {"descr": "<f4", "fortran_order": False, "shape": (self._rows, width)}
            npy.write_array_header_2_0(file, header)
        self.files[name] = path
        self._digests[name] = hashlib.blake2b(path.read_bytes(), digest_size=16)


def default_memory() -> int:
    """Return a quarter of the machine's memory, in bytes (or of what its container may use)."""
    whole = 16 << 30
    if hasattr(os, "sysconf") and "SC_PHYS_PAGES" in os.sysconf_names:
        whole = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for name in ("memory.max", "memory/memory.limit_in_bytes"):
        limit = Path("/sys/fs/cgroup") / name
        if limit.is_file() and (text := limit.read_text().strip()).isdigit():
            whole = min(whole, int(text))
    return whole // 4


def _said(error: OSError) -> str:
    return error.strerror or str(error)
