"""Tensors are made of the bytes in the file, once their numbers fit them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import IO, TYPE_CHECKING, Any

from repprobe.checkpoints.reading.problems import (
    CutShortError,
    DamagedError,
    DemandingError,
    UnsupportedError,
)
from repprobe.checkpoints.reading.records import Storage, TensorRecord

if TYPE_CHECKING:
    from torch import Tensor

_SHARED = 32
"""So many times may a file's bytes be seen by its tensors, all together."""

_SMALL = 64 << 20


class Tensors:
    """Makes each tensor of a file once; tensors that share a storage there share it here.

    Parameters
    ----------
    read : gives the bytes under a key, as a uint8 tensor (n,), for a key and the number of bytes
        that the first storage there claims; raises DamagedError unless the file has just as many.
    size : of the file, in bytes.
    """

    def __init__(self, read: Callable[[Any, int], Tensor], size: int) -> None:
        self._read = read
        self._left = _SHARED * size + _SMALL
        self._bytes: dict[Any, Tensor] = {}
        self._truths: set[tuple[Any, int, int]] = set()
        self._made: dict[int, tuple[TensorRecord, Tensor]] = {}

    def make(self, record: TensorRecord) -> Tensor:
        """Return the tensor of a record, always the same one for the same record.

        Raises
        ------
        ProblemError
            It reaches beyond its storage, repeats its elements, or the file lacks its bytes.
        """
        if id(record) not in self._made:
            try:
                self._made[id(record)] = record, self._tensor(record)
            except (RuntimeError, TypeError, OverflowError):
                raise DamagedError("a tensor that torch does not take") from None
        return self._made[id(record)][1]

    def whole(self, storage: Storage) -> Tensor:
        """Return all elements of a storage, (n,)."""
        import torch

        return self._view(storage, storage.dtype or torch.uint8)

    def _tensor(self, record: TensorRecord) -> Tensor:
        import torch
        from torch import nn

        numel = math.prod(record.size)
        storage = record.storage
        if numel == 0:
            found = torch.empty(record.size, dtype=record.dtype)
        else:
            self._left -= numel * record.dtype.itemsize
            if self._left < 0:
                raise DemandingError("tensors that see the same bytes over and over")
            steps = zip(record.size, record.stride, strict=True)
            last = record.offset + sum((side - 1) * stride for side, stride in steps)
            own = storage.dtype.itemsize if storage.dtype else 1
            elements = storage.elements * own // record.dtype.itemsize
            if numel > elements and last < elements:
                raise DemandingError("a tensor that repeats its elements")
            if last >= elements:
                raise DamagedError("a tensor that reaches beyond its storage")
            flat = self._view(storage, record.dtype)
            found = flat.as_strided(
                record.size, record.stride, flat.storage_offset() + record.offset
            )
        graded = record.requires_grad and (found.is_floating_point() or found.is_complex())
        return nn.Parameter(found, graded) if record.is_parameter else found

    def _view(self, storage: Storage, dtype: Any) -> Tensor:
        import torch

        own = storage.dtype.itemsize if storage.dtype else 1
        key = storage.key
        if key not in self._bytes:
            self._bytes[key] = self._read(key, (storage.first + storage.elements) * own)
        first, count = storage.first * own, storage.elements * own
        if first + count > len(self._bytes[key]):
            raise DamagedError("a storage that is larger than what the file has of it")
        part = self._bytes[key][first : first + count]
        if dtype == torch.bool and (key, first, count) not in self._truths:
            if len(part) and int(part.max()) > 1:
                raise DamagedError("truth values that are neither 0 nor 1")
            self._truths.add((key, first, count))
        return part.view(dtype)


def read_bytes(file: IO[bytes], start: int, size: int) -> Tensor:
    """Return the bytes of a file from `start` on, as a uint8 tensor (size,)."""
    import torch

    found = torch.empty(size, dtype=torch.uint8)
    view: Any = found.numpy()
    file.seek(start)
    if file.readinto(view) != size:  # type: ignore[attr-defined]
        raise CutShortError
    return found


def storage_of(saved: Any) -> tuple[Any, str, Storage]:
    """Read the persistent id of a storage; return its key, its location and the storage."""
    from repprobe.checkpoints.reading.names import STORAGES
    from repprobe.checkpoints.reading.records import Kind, Name

    if type(saved) is not tuple or not 5 <= len(saved) <= 6 or saved[0] != "storage":
        raise DamagedError("a persistent id of another form")
    _, kind, key, location, elements = saved[:5]
    if not isinstance(kind, Name) or kind.kind is not Kind.STORAGE:
        raise UnsupportedError("a storage of another kind")
    if not isinstance(key, str) or not isinstance(location, str):
        raise DamagedError("a storage of another form")
    if type(elements) is not int or not 0 <= elements < 1 << 60:
        raise DamagedError("a storage of an impossible size")
    import torch

    name = STORAGES[kind.full.replace("torch.cuda.", "torch.", 1)]
    return key, location, Storage(key, getattr(torch, name) if name else None, elements)
