"""Arrays, scalars and dtypes of numpy, as a pickle describes them."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from repprobe.checkpoints.reading.budget import Budget
from repprobe.checkpoints.reading.problems import DamagedError, UnsupportedError
from repprobe.checkpoints.reading.records import Array, Name, NumpyType

if TYPE_CHECKING:
    import numpy as np

_CODES = {"b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16"}
"""What torch has, too."""

_ORDERS = {("<",), (">",), ("=",), ("|",)}
_BARE = (-1, -1, 0)
"""Size, alignment and flags of a number's dtype, which its code tells."""

_DIMENSIONS = 32


def set_array(target: Array, state: Any, budget: Budget) -> None:
    """Fill an array: (version, shape, dtype, whether in Fortran's order, bytes)."""
    if target.dtype is not None or type(state) is not tuple or len(state) != 5:
        raise DamagedError("an array of another form")
    version, target.shape, target.dtype, target.fortran, data = state
    if version != 1:
        raise DamagedError("an array of another version")
    if isinstance(data, list):
        raise UnsupportedError("an array of Python objects")
    target.data = data.encode("latin-1") if isinstance(data, str) else data
    _check(target, budget)


def set_type(target: NumpyType, state: Any) -> None:
    """Set the order of the bytes; dtypes with fields are not read."""
    if type(state) is not tuple or state[:1] != (3,) or state[1:2] not in _ORDERS:
        raise DamagedError("a dtype of another form")
    if any(part is not None for part in state[2:5]):
        raise UnsupportedError("an array with fields")
    if state[5:] != _BARE:
        raise DamagedError("a dtype of another form")
    target.order = state[1]


def array_of(record: Array) -> np.ndarray[Any, Any]:
    """Return the array in C order and the machine's own byte order, with memory of its own."""
    import numpy as np

    dtype = record.dtype
    if dtype is None:
        raise DamagedError("an array without elements")
    raw = np.frombuffer(record.data, np.dtype(dtype.order + dtype.code))
    shaped = raw.reshape(record.shape, order="F" if record.fortran else "C")
    return np.array(shaped, dtype=dtype.code, order="C")


def _check(array: Array, budget: Budget) -> None:
    dtype, shape = array.dtype, array.shape
    if not isinstance(dtype, NumpyType) or not isinstance(array.data, bytes):
        raise DamagedError("an array of another form")
    if (
        type(shape) is not tuple
        or len(shape) > _DIMENSIONS
        or not all(type(side) is int and 0 <= side < 1 << 40 for side in shape)
    ):
        raise DamagedError("an array of an impossible shape")
    if math.prod(shape) * int(dtype.code[1:]) != len(array.data):
        raise DamagedError("an array whose bytes don't fit its shape")
    budget.take_bytes(len(array.data))  # the array gets a copy


def _dtype(arguments: tuple[Any, ...], _: Budget) -> NumpyType:
    code = arguments[0]
    if isinstance(code, str) and code[:1] in "<>=|" and code:
        order, code = code[0], code[1:]
    else:
        order = "="
    if code in _CODES:
        return NumpyType(code, order)
    raise UnsupportedError("an array of other than numbers")


def _reconstruct(arguments: tuple[Any, ...], _: Budget) -> Array:
    kind, *_rest = arguments
    if not isinstance(kind, Name) or kind.full != "numpy.ndarray":
        raise DamagedError("an array of another class")
    return Array()


def _scalar(arguments: tuple[Any, ...], budget: Budget) -> Any:
    dtype, data = arguments
    found = Array((), dtype, False, data.encode("latin-1") if isinstance(data, str) else data)
    _check(found, budget)
    return array_of(found).item()


def _from_buffer(arguments: tuple[Any, ...], budget: Budget) -> Array:
    data, dtype, shape, order = arguments
    found = Array(shape, dtype, order == "F", data)
    _check(found, budget)
    return found


def _no_array(arguments: tuple[Any, ...], _: Budget) -> Any:
    raise DamagedError("an array made in another way")


CALLS: dict[str, Callable[[tuple[Any, ...], Budget], Any]] = {
    "numpy.dtype": _dtype,
    "numpy.ndarray": _no_array,
    "numpy._core.multiarray._reconstruct": _reconstruct,
    "numpy._core.multiarray.scalar": _scalar,
    "numpy._core.numeric._frombuffer": _from_buffer,
}
