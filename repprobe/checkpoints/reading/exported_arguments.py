"""The arguments of an exported program's operators, from the file's unions to plain values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_LARGEST = 2**62
_FLOATS = {"Infinity": float("inf"), "-Infinity": float("-inf"), "NaN": float("nan")}
_DTYPES = {
    1: "uint8", 2: "int8", 3: "int16", 4: "int32", 5: "int64", 6: "float16", 7: "float32",
    8: "float64", 9: "complex32", 10: "complex64", 11: "complex128", 12: "bool", 13: "bfloat16",
    28: "uint16",
}  # fmt: skip
_FORMATS = {1: "contiguous_format", 2: "channels_last", 3: "channels_last_3d", 4: "preserve_format"}
_STRIDED = 7


class Unread(Exception):
    """Why a program is not read."""


@dataclass(frozen=True)
class Ref:
    """The value of a name."""

    name: str


@dataclass(frozen=True)
class Here:
    """The device that the network is on, wherever it was exported."""


DEVICE = Here()


def argument(given: Any, literals: Mapping[str, Any] = {}) -> Any:
    """Return what one of the unions says: a plain value, a `Ref`, `DEVICE`, or a list of these.

    Names of `literals` are replaced by their values. Raises `Unread` for what is none of these.
    """
    if not isinstance(given, dict) or len(given) != 1:
        raise Unread("one of its arguments has not exactly one kind")
    kind, value = next(iter(given.items()))
    read = _READ.get(kind)
    if read is None:
        raise Unread(f"an argument is of the kind '{short(kind)}'")
    found = read(value)
    if isinstance(found, Ref):
        return literals.get(found.name, found)
    return found


def references(value: Any) -> Iterator[str]:
    """Yield the names that a value refers to, in order."""
    if isinstance(value, Ref):
        yield value.name
    elif isinstance(value, list | tuple):
        for one in value:
            yield from references(one)


def dtype_of(number: Any) -> Any:
    """Return the type of torch that a number stands for; raises `Unread` for others."""
    import torch

    name = _DTYPES.get(number) if isinstance(number, int) else None
    if name is None:
        raise Unread(f"it has the type {short(str(number))}, which is not read")
    return getattr(torch, name)


def is_strided(number: Any) -> bool:
    """Whether a number stands for the usual layout of tensors."""
    return bool(number == _STRIDED)


def short(text: str) -> str:
    """Return a text from a file as it can stand in a message."""
    shown = text if len(text) <= 80 else f"{text[:77]}…"
    return shown if shown.isprintable() else ascii(shown)[1:-1][:80]


def _bool(value: Any) -> bool:
    if not isinstance(value, bool):
        raise Unread("an argument is not the truth value that it is said to be")
    return value


def _int(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int) or abs(value) > 2 * _LARGEST:
        raise Unread("an argument is not the whole number that it is said to be")
    return value


def _float(value: Any) -> float:
    if isinstance(value, str) and value in _FLOATS:
        return _FLOATS[value]
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unread("an argument is not the number that it is said to be")
    return float(value)


def _str(value: Any) -> str:
    if not isinstance(value, str) or len(value) > 1000:
        raise Unread("an argument is not the text that it is said to be")
    return value


def _ref(value: Any) -> Ref:
    if not isinstance(value, dict) or not isinstance(value.get("name"), str):
        raise Unread("an argument does not name a tensor")
    return Ref(value["name"])


def _list(read: Callable[[Any], Any]) -> Callable[[Any], list[Any]]:
    def all_of(values: Any) -> list[Any]:
        if not isinstance(values, list):
            raise Unread("an argument is not the list that it is said to be")
        return [read(value) for value in values]

    return all_of


def _symbolic(value: Any) -> Any:
    """Read a size: a number, or the name of one."""
    if not isinstance(value, dict) or len(value) != 1:
        raise Unread("a size is neither a number nor a name")
    kind, told = next(iter(value.items()))
    if kind == "as_name" and isinstance(told, str):
        return Ref(told)
    read = {"as_int": _int, "as_float": _float, "as_bool": _bool}.get(kind)
    if read is None:
        raise Unread("a size is neither a number nor a name")
    return read(told)


def _optional(value: Any) -> Ref | None:
    if isinstance(value, dict) and "as_none" in value:
        return None
    return _ref(value.get("as_tensor") if isinstance(value, dict) else None)


def _complex(value: Any) -> complex:
    if not isinstance(value, dict):
        raise Unread("an argument is not the complex number that it is said to be")
    return complex(_float(value.get("real")), _float(value.get("imag")))


def _format(value: Any) -> Any:
    import torch

    name = _FORMATS.get(value) if isinstance(value, int) else None
    if name is None:
        raise Unread("an argument has an unknown memory format")
    return getattr(torch, name)


def _layout(value: Any) -> Any:
    import torch

    if not is_strided(value):
        raise Unread("an argument has a layout that is not read")
    return torch.strided


_READ: dict[str, Callable[[Any], Any]] = {
    "as_none": lambda _: None,
    "as_tensor": _ref,
    "as_tensors": _list(_ref),
    "as_int": _int,
    "as_ints": _list(_int),
    "as_int_lists": _list(_list(_int)),
    "as_float": _float,
    "as_floats": _list(_float),
    "as_complex": _complex,
    "as_bool": _bool,
    "as_bools": _list(_bool),
    "as_string": _str,
    "as_strings": _list(_str),
    "as_sym_int": _symbolic,
    "as_sym_ints": _list(_symbolic),
    "as_sym_float": _symbolic,
    "as_sym_floats": _list(_symbolic),
    "as_sym_bool": _symbolic,
    "as_sym_bools": _list(_symbolic),
    "as_optional_tensor": _optional,
    "as_optional_tensors": _list(_optional),
    "as_scalar_type": dtype_of,
    "as_memory_format": _format,
    "as_layout": _layout,
    "as_device": lambda _: DEVICE,
}
"""How each kind is read; graphs inside graphs, custom objects and operators are not."""
