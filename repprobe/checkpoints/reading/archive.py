"""The directory of a zip archive, and its records; nothing is extracted, all is checked."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from repprobe.checkpoints.reading.problems import (
    CutShortError,
    DamagedError,
    DemandingError,
    UnsupportedError,
)
from repprobe.checkpoints.reading.tensors import read_bytes

if TYPE_CHECKING:
    from torch import Tensor

_END, _ENTRY, _LOCAL = b"PK\x05\x06", b"PK\x01\x02", b"PK\x03\x04"
_END_64, _LOCATOR_64 = b"PK\x06\x06", b"PK\x06\x07"
_ENTRY_SIZE, _LOCAL_SIZE, _END_SIZE = 46, 30, 22
_FULL_32 = 0xFFFFFFFF
_STORED, _DEFLATED = 0, 8
_ENCRYPTED = 1

_MOST_RECORDS = 200_000
_DIRECTORY = 64 << 20
_INFLATED = 64 << 20
_RATIO = 200
"""Code and text shrink to a tenth or so; what shrinks more than this is made to burst."""


@dataclass(frozen=True)
class Record:
    """A record of the archive; `start` is the offset of its data."""

    name: str
    method: int
    crc: int
    packed: int
    size: int
    start: int


class Archive:
    """A zip archive whose directory has been checked.

    Attributes
    ----------
    records : by name.
    size : of the file, in bytes.

    Raises
    ------
    ProblemError
        The directory is missing or damaged, has names that lead elsewhere or twice the same,
        records overlap, are encrypted, or would burst.
    """

    def __init__(self, file: IO[bytes], size: int) -> None:
        self.file, self.size = file, size
        self.records: dict[str, Record] = {}
        start, length, count = self._end()
        if length > _DIRECTORY or count > _MOST_RECORDS:
            raise DemandingError("an archive of hundreds of thousands of records")
        entries = self._at(start, length)
        position = 0
        for _ in range(count):
            record, position = self._entry(entries, position, start)
            if record.name in self.records:
                raise DamagedError(f"two records named '{record.name}'")
            self.records[record.name] = record
        if position != length:
            raise DamagedError("a directory of another length")
        end = 0
        for record in sorted(self.records.values(), key=lambda r: r.start):
            if record.start < end:
                raise DamagedError("records that overlap")
            end = record.start + record.packed
        self.checked = any(record.crc for record in self.records.values())

    def read(self, name: str, limit: int = _INFLATED) -> bytes:
        """Return the bytes of a small record, once they fit its checksum."""
        record = self.records[name]
        if record.size > limit:
            raise DemandingError(f"a record '{name}' of {record.size} bytes")
        data = self._at(record.start, record.packed)
        if record.method == _DEFLATED:
            inflating = zlib.decompressobj(-zlib.MAX_WBITS)
            try:
                data = inflating.decompress(data, record.size + 1)
            except zlib.error:
                raise DamagedError(f"the record '{name}'") from None
        self._check(record, data)
        return data

    def tensor(self, name: str, size: int) -> Tensor:
        """Return a record's bytes as a uint8 tensor (size,), once they fit its checksum."""
        record = self.records.get(name)
        if record is None:
            raise DamagedError(f"no record '{name}'")
        if record.method != _STORED:
            raise UnsupportedError("compressed weights, which torch.save never writes")
        if record.size != size:
            raise DamagedError(f"{record.size} bytes in '{name}' where {size} are claimed")
        found = read_bytes(self.file, record.start, size)
        self._check(record, memoryview(found.numpy().data))
        return found

    def _check(self, record: Record, data: bytes | memoryview) -> None:
        if len(data) != record.size or (self.checked and zlib.crc32(data) != record.crc):
            raise DamagedError(f"the record '{record.name}' does not fit its checksum")

    def _at(self, start: int, count: int) -> bytes:
        if start < 0 or start + count > self.size:
            raise CutShortError
        self.file.seek(start)
        data = self.file.read(count)
        if len(data) != count:
            raise CutShortError
        return data

    def _end(self) -> tuple[int, int, int]:
        """Find the directory: where it starts, its length, and how many entries it has."""
        tail_start = max(0, self.size - _END_SIZE - 0xFFFF)
        tail = self._at(tail_start, self.size - tail_start)
        place = tail.rfind(_END)
        if place < 0 or len(tail) - place < _END_SIZE:
            raise CutShortError
        _, disk, first, here, count, length, start, comment = struct.unpack(
            "<4sHHHHIIH", tail[place : place + _END_SIZE]
        )
        if disk or first or here != count or place + _END_SIZE + comment != len(tail):
            raise DamagedError("an archive's end of another form")
        end = tail_start + place
        before = self._at(end - 20, 20) if end >= 20 else b""
        if before[:4] == _LOCATOR_64:
            at = struct.unpack("<4sIQI", before)[2]
            fields = struct.unpack("<4sQHHIIQQQQ", self._at(at, 56))
            if fields[0] != _END_64 or fields[6] != fields[7]:
                raise DamagedError("an archive's end of another form")
            count, length, start = fields[7:]
            end = at
        elif _FULL_32 in (length, start):
            raise DamagedError("an archive's end of another form")
        if start + length != end:
            raise DamagedError("a directory that is not where it is said to be")
        return start, length, count

    def _entry(self, entries: bytes, position: int, limit: int) -> tuple[Record, int]:
        head = entries[position : position + _ENTRY_SIZE]
        if len(head) != _ENTRY_SIZE or head[:4] != _ENTRY:
            raise DamagedError("a directory of another form")
        flags, method = struct.unpack("<HH", head[8:12])
        crc, packed, size, named, extra, comment = struct.unpack("<IIIHHH", head[16:34])
        local = struct.unpack("<I", head[42:46])[0]
        start = position + _ENTRY_SIZE
        name = _name(entries[start : start + named], named)
        more = entries[start + named : start + named + extra]
        size, packed, local = _wide(more, [size, packed, local])
        if flags & _ENCRYPTED:
            raise UnsupportedError("an encrypted record; decrypt the file first")
        if method not in (_STORED, _DEFLATED) or (method == _STORED and size != packed):
            raise DamagedError(f"the record '{name}' is packed in another way")
        if size > _RATIO * packed + (1 << 16):
            raise DemandingError(f"a record '{name}' that unpacks to {size} bytes")
        record = Record(name, method, crc, packed, size, self._data(local, name))
        if record.start + packed > limit:
            raise CutShortError
        return record, start + named + extra + comment

    def _data(self, local: int, name: str) -> int:
        """Return where a record's data start; its own header must bear the same name."""
        head = self._at(local, _LOCAL_SIZE)
        named, extra = struct.unpack("<HH", head[26:30])
        if head[:4] != _LOCAL or self._at(local + _LOCAL_SIZE, named) != name.encode():
            raise DamagedError(f"the record '{name}' has another header")
        found: int = local + _LOCAL_SIZE + named + extra
        return found


def _name(raw: bytes, length: int) -> str:
    try:
        name = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise DamagedError("a record whose name is no text") from None
    if len(raw) != length or not name.isprintable() or not name:
        raise DamagedError("a record whose name is no text")
    parts = name.replace("\\", "/").split("/")
    if name.startswith(("/", "\\")) or ".." in parts or ":" in parts[0]:
        raise DamagedError(f"a record named '{name[:60]}', which leads out of the archive")
    return name


def _wide(extra: bytes, values: list[int]) -> list[int]:
    """Replace the values that don't fit 32 bits by those of the zip64 field."""
    position = 0
    while position + 4 <= len(extra) and _FULL_32 in values:
        kind, length = struct.unpack("<HH", extra[position : position + 4])
        field = extra[position + 4 : position + 4 + length]
        if kind == 1:
            wide = iter(struct.unpack(f"<{len(field) // 8}Q", field[: len(field) // 8 * 8]))
            values = [next(wide, v) if v == _FULL_32 else v for v in values]
            break
        position += 4 + length
    return values
