"""Where captured rows go while the network runs: arrays in memory, or files on disk."""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from numpy.lib import format as npy
from numpy.typing import NDArray
from torch import Tensor

from repprobe.capture.outcome import Kept
from repprobe.capture.precision import fits_half
from repprobe.capture.sink import Sink
from repprobe.errors import OutputError

PREFIX = ".repprobe-"
"""Start of the names of folders that are still being written, or go when the features do."""


SINGLE, HALF = "<f4", "<f2"

COPIED_ROWS = 1024
"""Rows that are read at a time when a file is written anew."""


class Store(Sink, Protocol):
    """A sink that keeps what it is given; layers may also begin later than others.

    In half precision a layer goes on in float32 from the batch on that float16 cannot hold.
    """

    def begin(self, widths: Mapping[str, int], exact: bool = False) -> None:
        """Make room for layers; `exact` ones are float32 in every store."""
        ...

    def arrays(self) -> dict[str, Kept]:
        """Return every layer (n, width), read-only."""
        ...

    def abort(self) -> None:
        """Forget everything, after an error."""
        ...


class MemoryStore:
    """Keeps every layer in one array (n, width)."""

    def __init__(self, rows: int, half: bool = False) -> None:
        self._arrays: dict[str, Kept] = {}
        self._rows = rows
        self._half = half
        self._filled: dict[str, int] = {}

    def begin(self, widths: Mapping[str, int], exact: bool = False) -> None:
        dtype = np.float16 if self._half and not exact else np.float32
        for name, width in widths.items():
            self._arrays[name] = np.empty((self._rows, width), dtype)
            self._filled[name] = 0

    def add(self, name: str, rows: Tensor) -> None:
        array = self._arrays[name]
        if array.dtype == np.float16 and not fits_half(rows):
            array = self._arrays[name] = array.astype(np.float32)
        start = self._filled[name]
        end = self._filled[name] = start + len(rows)
        torch.from_numpy(array[start:end]).copy_(rows)

    def arrays(self) -> dict[str, Kept]:
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

    def __init__(self, rows: int, parent: Path | None = None, half: bool = False) -> None:
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
        self._types: dict[str, str] = {}
        self._digests: dict[str, hashlib.blake2b] = {}
        self._rows = rows
        self._half = half

    def begin(self, widths: Mapping[str, int], exact: bool = False) -> None:
        with self._writing():
            for name, width in widths.items():
                self.files[name] = self.folder / f"{len(self._digests):03d}.npy"
                self._begin(name, width, HALF if self._half and not exact else SINGLE)

    def add(self, name: str, rows: Tensor) -> None:
        with self._writing():
            if self._types[name] == HALF and not fits_half(rows):
                self._go_on_in_single(name)
            self._append(name, rows.cpu().numpy())

    def digest(self, name: str) -> str:
        """Return the hexadecimal digest of a layer's file, header included."""
        return self._digests[name].hexdigest()

    def arrays(self) -> dict[str, Kept]:
        """Return every layer as a read-only memory map."""
        return {name: np.load(path, mmap_mode="r") for name, path in self.files.items()}

    def drop(self, name: str) -> None:
        if name in self._types:
            del self._types[name]
            self.files.pop(name).unlink()

    def abort(self) -> None:
        shutil.rmtree(self.folder, ignore_errors=True)

    def _begin(self, name: str, width: int, dtype: str) -> None:
        path = self.files[name]
        with path.open("wb") as file:
            header = {"descr": dtype, "fortran_order": False, "shape": (self._rows, width)}
            npy.write_array_header_2_0(file, header)
        self._types[name] = dtype
        self._digests[name] = hashlib.blake2b(path.read_bytes(), digest_size=16)

    def _append(self, name: str, rows: NDArray[Any]) -> None:
        data = np.ascontiguousarray(rows, dtype=self._types[name])
        with self.files[name].open("ab") as file:
            file.write(data.data)
        self._digests[name].update(data.data)

    def _go_on_in_single(self, name: str) -> None:
        begun = self.files[name].rename(self.files[name].with_suffix(".half"))
        with begun.open("rb") as file:
            npy.read_magic(file)
            (_, width), _, _ = npy.read_array_header_2_0(file)
            self._begin(name, width, SINGLE)
            while chunk := file.read(COPIED_ROWS * width * 2):
                self._append(name, np.frombuffer(chunk, HALF).reshape(-1, width))
        begun.unlink()

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise OutputError(
                f"the features cannot be written to '{self.folder}': {_said(error)}; raise "
                "--memory, lower --width, or make room."
            ) from None


def memory_bound(given: int | None) -> int:
    """Return the bound on memory in bytes: the given one, or a quarter of the machine's.

    What a container may use counts as the machine's.
    """
    if given is not None:
        return given
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
