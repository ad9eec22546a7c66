"""Records become what the caller gets: plain values, containers and tensors."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterable
from typing import Any

from repprobe.checkpoints.reading.array_calls import array_of
from repprobe.checkpoints.reading.problems import DamagedError, DemandingError
from repprobe.checkpoints.reading.records import (
    Array,
    Bound,
    Choice,
    Kind,
    Made,
    Name,
    NumpyType,
    Partial,
    Storage,
    TensorRecord,
)
from repprobe.checkpoints.reading.states import state_dict, unwrapped
from repprobe.checkpoints.reading.tensors import Tensors

_DEPTH = 100
_ITEMS = 3_000_000
_PLAIN = frozenset({str, int, float, bool, type(None), bytes, complex})


class Settling:
    """One file's records; `networks` are the pickled ones met on the way.

    A container that is met twice becomes one, as it was one in the file.
    """

    def __init__(self, tensors: Tensors) -> None:
        self.tensors = tensors
        self.networks: list[Made] = []
        self._done: dict[int, tuple[Any, Any, int]] = {}
        self._open: set[int] = set()

    def settle(self, value: Any) -> Any:
        """Return the value without records; a pickled network becomes its state dict.

        Raises
        ------
        DemandingError
            Written out, it would be too deep or too long: containers that hold one another.
        """
        return self._settle(value, 0)[0]

    def _settle(self, value: Any, depth: int) -> tuple[Any, int]:
        """Return the value, and how many items it has where shared ones count as often as met."""
        if type(value) in _PLAIN:
            return value, 1
        if id(value) in self._done:
            return self._done[id(value)][1:]
        if depth > _DEPTH or id(value) in self._open:
            raise DemandingError(f"values inside one another, over {_DEPTH} deep")
        self._open.add(id(value))
        found, items = self._made(value, depth + 1)
        self._open.discard(id(value))
        if items > _ITEMS:
            raise DemandingError(f"over {_ITEMS} values")
        self._done[id(value)] = value, found, items  # the value is kept, and so is its id
        return found, items

    def _made(self, value: Any, depth: int) -> tuple[Any, int]:
        if isinstance(value, dict):
            return self._mapping(value, depth)
        if type(value) in (list, tuple, set, frozenset):
            found, items = self._each(value, depth)
            return type(value)(found), items
        if isinstance(value, Made):
            return self._network(value, depth)
        return self._leaf(value), 1

    def _mapping(self, value: dict[Any, Any], depth: int) -> tuple[dict[Any, Any], int]:
        found: dict[Any, Any] = OrderedDict() if isinstance(value, OrderedDict) else {}
        if isinstance(value, Counter):
            found = Counter()
        values, items = self._each(value.values(), depth)
        for key, settled in zip(value, values, strict=True):
            found[self._key(key)] = settled
        own = getattr(value, "_metadata", None)
        if own is not None:
            found._metadata = self._settle(own, depth)[0]  # type: ignore[attr-defined]
        return found, items

    def _key(self, key: Any) -> Any:
        if isinstance(key, tuple):
            return tuple(self._key(part) for part in key)
        return key.full if isinstance(key, Name) else key

    def _each(self, values: Iterable[Any], depth: int) -> tuple[list[Any], int]:
        found, items = [], 1
        for value in values:
            settled, more = self._settle(value, depth)
            found.append(settled)
            items += more
        return found, items

    def _network(self, made: Made, depth: int) -> tuple[Any, int]:
        if made.name.kind is not Kind.LAYER:
            return made.name.full, 1
        made = unwrapped(made)
        self.networks.append(made)
        return self._mapping(state_dict(made), depth)

    def _leaf(self, value: Any) -> Any:
        import torch

        if isinstance(value, TensorRecord):
            return self.tensors.make(value)
        if isinstance(value, Storage):
            return self.tensors.whole(value)
        if isinstance(value, Array):
            return torch.from_numpy(array_of(value))
        if isinstance(value, Name):
            return value.full
        if isinstance(value, Partial):
            return self._leaf(value.function)
        if isinstance(value, Choice):
            return value.value
        if isinstance(value, NumpyType):
            return value.code
        if isinstance(value, Bound):
            return value.method
        if isinstance(value, torch.dtype | torch.device | torch.Size | slice):
            return value
        raise DamagedError("a value of an unknown kind")
