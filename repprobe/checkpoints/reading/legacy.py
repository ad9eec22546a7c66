"""Files of torch.save before PyTorch 1.6: several pickles, then the bytes of every storage."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

from repprobe.checkpoints.reading import opcodes
from repprobe.checkpoints.reading.budget import Budget
from repprobe.checkpoints.reading.problems import (
    CutShortError,
    DamagedError,
    ForeignError,
    UnsupportedError,
)
from repprobe.checkpoints.reading.records import Kind, Name, Storage
from repprobe.checkpoints.reading.tensors import Tensors, read_bytes, storage_of

if TYPE_CHECKING:
    from torch import Tensor

MAGIC, VERSION = 0x1950A86A20F9469CFC6C, 1001


@dataclass(eq=False, frozen=True)
class Inline:
    """The key of a storage whose bytes stand inside a pickle."""

    data: memoryview

    def tensor(self) -> Tensor:
        """Return its bytes, (n,)."""
        import torch

        return torch.frombuffer(bytearray(self.data), dtype=torch.uint8)


def inline_bytes(key: Any, _: int) -> Tensor:
    """Return the bytes under a key of a file all of whose storages are `Inline`."""
    if not isinstance(key, Inline):
        raise DamagedError("a storage that is nowhere")
    return key.tensor()


def no_persistent(_: Any) -> Any:
    """Stand for persistent ids where there are none."""
    raise DamagedError("a persistent id where there is none")


class LegacyFile:
    """What follows after the magic number, at which `file` stands.

    Attributes
    ----------
    saved : the object, as records.
    tensors : makes tensors of its storages.
    """

    def __init__(self, file: IO[bytes], end: int, budget: Budget) -> None:
        self._file, self._end, self._budget = file, end, budget
        self._storages: dict[str, Storage] = {}
        self._places: dict[str, tuple[int, int]] = {}
        if self._load(no_persistent) != VERSION:
            raise DamagedError("an unknown version of the format")
        system = self._load(no_persistent)
        if not isinstance(system, dict) or not system.get("little_endian", True):
            raise UnsupportedError("weights of a machine with another order of bytes")
        self.saved = self._load(self._persistent)
        self._find_bytes(self._load(no_persistent))
        self.tensors = Tensors(self._bytes, end)

    def place(self, key: str) -> tuple[int, int]:
        """Return where the bytes of a storage start, and how many they are."""
        return self._places[key]

    def _load(self, persistent: Callable[[Any], Any]) -> Any:
        return opcodes.load(self._file, self._end, persistent, budget=self._budget)

    def _persistent(self, saved: Any) -> Any:
        if type(saved) is tuple and len(saved) == 4 and saved[0] == "module":
            if not isinstance(saved[1], Name) or saved[1].kind is not Kind.LAYER:
                raise ForeignError("a class of layers that is none")
            return saved[1]  # what follows is its source code
        key, _, storage = storage_of(saved)
        known = self._storages.setdefault(key, storage)
        if (known.dtype, known.elements) != (storage.dtype, storage.elements):
            raise DamagedError("two storages of one name")
        view = saved[5] if len(saved) == 6 else None
        if view is None:
            return known
        _, offset, elements = view
        if type(offset) is not int or type(elements) is not int or min(offset, elements) < 0:
            raise DamagedError("a part of a storage of another form")
        return Storage(key, storage.dtype, elements, offset)

    def _find_bytes(self, keys: Any) -> None:
        if type(keys) is not list or len(keys) != len(self._storages):
            raise DamagedError("a list of storages of another length")
        position = self._file.tell()
        for key in keys:
            if not isinstance(key, str) or key not in self._storages or key in self._places:
                raise DamagedError("a storage that nothing uses")
            storage = self._storages[key]
            self._file.seek(position)
            head = self._file.read(8)
            size = storage.elements * (storage.dtype.itemsize if storage.dtype else 1)
            if len(head) != 8 or position + 8 + size > self._end:
                raise CutShortError
            if int.from_bytes(head, "little") != storage.elements:
                raise DamagedError("a storage of another size than is claimed")
            self._places[key] = position + 8, size
            position += 8 + size
        if position != self._end:
            raise DamagedError("bytes after the last storage")

    def _bytes(self, key: Any, _: int) -> Tensor:
        if isinstance(key, Inline):
            return key.tensor()
        return read_bytes(self._file, *self._places[key])


def storage_in(data: bytes, budget: Budget) -> Storage:
    """Read a storage that was saved into bytes, as a plain pickle of a tensor holds it."""
    file = io.BytesIO(data)
    if opcodes.load(file, len(data), no_persistent, budget=budget) != MAGIC:
        raise DamagedError("bytes that are no storage")
    saved = LegacyFile(file, len(data), budget)
    if not isinstance(saved.saved, Storage) or isinstance(saved.saved.key, Inline):
        raise DamagedError("bytes that are no storage")
    start, size = saved.place(saved.saved.key)
    budget.take_bytes(size)
    key = Inline(memoryview(data)[start : start + size])
    return Storage(key, saved.saved.dtype, saved.saved.elements, saved.saved.first)
