"""Files of torch.save before PyTorch 0.1.10: a tar archive of storages, tensors and a pickle."""

from __future__ import annotations

import struct
from typing import IO, TYPE_CHECKING, Any

from repprobe.checkpoints.reading import opcodes
from repprobe.checkpoints.reading.budget import Budget
from repprobe.checkpoints.reading.legacy import no_persistent
from repprobe.checkpoints.reading.problems import CutShortError, DamagedError, UnsupportedError
from repprobe.checkpoints.reading.records import Kind, Name, Storage, TensorRecord
from repprobe.checkpoints.reading.tensor_calls import tensor_of
from repprobe.checkpoints.reading.tensors import Tensors, read_bytes, storage_of

if TYPE_CHECKING:
    from torch import Tensor

_BLOCK = 512
_MEMBERS = {"sys_info", "pickle", "tensors", "storages"}
_MOST_MEMBERS = 16
_DIMENSIONS = 32


def is_tar(start: bytes) -> bool:
    """Whether these first bytes of a file are a header of a tar archive."""
    return len(start) >= _BLOCK and start[257:262] == b"ustar" and _sum_is_right(start[:_BLOCK])


class TorchTar:
    """A tar archive of torch.save.

    Attributes
    ----------
    saved : the object, as records.
    tensors : makes tensors of its storages.
    """

    def __init__(self, file: IO[bytes], size: int, budget: Budget) -> None:
        self._file, self._budget = file, budget
        self._places: dict[int, tuple[int, int]] = {}
        self._objects: dict[int, Storage | TensorRecord] = {}
        self._members = _members(file, size)
        if not {"pickle", "tensors", "storages"} <= self._members.keys():
            raise UnsupportedError("a tar archive, but not one that torch.save writes")
        self.tensors = Tensors(self._bytes, size)
        self._read_storages(*self._members["storages"])
        self._read_tensors(*self._members["tensors"])
        start, end = self._members["pickle"]
        file.seek(start)
        self.saved = opcodes.load(file, end, self._persistent, budget=budget)
        if file.tell() != end:
            raise DamagedError("bytes after the pickle")

    def _plain(self, end: int) -> Any:
        found = opcodes.load(self._file, end, no_persistent, budget=self._budget)
        if self._file.tell() > end:
            raise CutShortError
        return found

    def _exactly(self, count: int, end: int) -> bytes:
        data = self._file.read(count) if self._file.tell() + count <= end else b""
        if len(data) != count:
            raise CutShortError
        return data

    def _read_storages(self, start: int, end: int) -> None:
        self._file.seek(start)
        for _ in range(_count(self._plain(end))):
            key, location, kind = _three(self._plain(end))
            (elements,) = struct.unpack("<q", self._exactly(8, end))
            storage = storage_of(("storage", kind, str(key), location, elements))[2]
            storage.key = key
            size = elements * (storage.dtype.itemsize if storage.dtype else 1)
            first = self._file.tell()
            if first + size > end:
                raise CutShortError
            self._remember(key, storage)
            self._places[key] = first, size
            self._file.seek(first + size)
        views = self._plain(end)
        if type(views) is not list or self._file.tell() != end:
            raise DamagedError("parts of storages of another form")
        for key, root, offset, elements in views:
            whole = self._objects.get(root)
            if not isinstance(whole, Storage) or not all(
                type(n) is int and n >= 0 for n in (offset, elements)
            ):
                raise DamagedError("a part of a storage of another form")
            self._remember(key, Storage(whole.key, whole.dtype, elements, whole.first + offset))

    def _read_tensors(self, start: int, end: int) -> None:
        self._file.seek(start)
        for _ in range(_count(self._plain(end))):
            key, storage, _kind = _three(self._plain(end))
            (sides,) = struct.unpack("<i", self._exactly(8, end)[:4])  # written as 8 bytes
            if not 0 <= sides <= _DIMENSIONS:
                raise DamagedError("a tensor of another form")
            numbers = struct.unpack(f"<{2 * sides + 1}q", self._exactly(8 * (2 * sides + 1), end))
            found = tensor_of(
                self._objects.get(storage),
                numbers[-1],
                numbers[:sides],
                numbers[sides:-1],
                False,
            )
            self._remember(key, found)
        if self._file.tell() != end:
            raise DamagedError("bytes after the tensors")

    def _remember(self, key: Any, found: Storage | TensorRecord) -> None:
        if type(key) is not int or key in self._objects:
            raise DamagedError("two tensors of one name")
        self._objects[key] = found

    def _persistent(self, saved: Any) -> Any:
        if type(saved) is tuple and saved and isinstance(saved[0], Name):
            if saved[0].kind is not Kind.LAYER:
                raise DamagedError("a class of layers that is none")
            return saved[0]
        return self._objects[int(saved)]

    def _bytes(self, key: Any, _: int) -> Tensor:
        return read_bytes(self._file, *self._places[key])


def _count(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise DamagedError("a number of tensors that is none")
    return value


def _three(value: Any) -> tuple[Any, Any, Any]:
    if type(value) is not tuple or len(value) != 3:
        raise DamagedError("a tensor of another form")
    return value


def _members(file: IO[bytes], size: int) -> dict[str, tuple[int, int]]:
    """Return where each member starts and ends; links, folders and other names are refused."""
    found: dict[str, tuple[int, int]] = {}
    position = 0
    for _ in range(_MOST_MEMBERS):
        file.seek(position)
        header = file.read(_BLOCK)
        if len(header) != _BLOCK:
            raise CutShortError
        if not header.strip(b"\0"):
            return found
        if not _sum_is_right(header):
            raise DamagedError("a member whose header does not fit its sum")
        name = header[:100].rstrip(b"\0").decode("latin-1")
        length = _octal(header[124:136])
        if name not in _MEMBERS or name in found or header[156:157] not in (b"0", b"\0"):
            raise UnsupportedError("a tar archive, but not one that torch.save writes")
        start = position + _BLOCK
        if start + length > size:
            raise CutShortError
        found[name] = start, start + length
        position = start + -(-length // _BLOCK) * _BLOCK
    raise UnsupportedError("a tar archive, but not one that torch.save writes")


def _sum_is_right(header: bytes) -> bool:
    try:
        told = _octal(header[148:156])
    except DamagedError:
        return False
    return told == sum(header[:148]) + 8 * ord(" ") + sum(header[156:])


def _octal(field: bytes) -> int:
    text = field.strip(b"\0 ")
    if not text or text.strip(b"01234567"):
        raise DamagedError("a number of a tar archive that is none")
    return int(text, 8)
