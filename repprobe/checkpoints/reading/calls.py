"""What a pickle's calls give: a function of ours stands for each that data need."""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping
from typing import Any

from repprobe.checkpoints.reading import array_calls, tensor_calls
from repprobe.checkpoints.reading.budget import Budget
from repprobe.checkpoints.reading.names import FUNCTIONS, TORCH_FUNCTIONS, TUPLES
from repprobe.checkpoints.reading.problems import DamagedError, DemandingError, ForeignError
from repprobe.checkpoints.reading.records import (
    Array,
    Bound,
    Choice,
    Kind,
    Made,
    Name,
    NumpyType,
    Partial,
    TensorRecord,
)

_KEYS = (str, int, float, bool, type(None), bytes, Name)
_LARGEST_KEY = 1 << 60
_LONGEST_KEY = 16
_MOST_ARGUMENTS = 16


def call(function: Any, arguments: Any, budget: Budget) -> Any:
    """Return what `function(*arguments)` stands for.

    Raises
    ------
    ForeignError
        It would run code: a constructor, or a function that is no part of data.
    DamagedError
        Such a call makes no sense.
    """
    if not isinstance(function, Name) or type(arguments) is not tuple:
        raise DamagedError("a call of what is no function")
    if len(arguments) > _MOST_ARGUMENTS:
        raise DemandingError("a call with dozens of arguments")
    if function.kind is Kind.CALL:
        short = function.full.removeprefix("torch.jit._pickle.")
        if short != function.full:
            return _scripted(short, arguments)
        return _CALLS[function.full](arguments, budget)
    if function.kind is Kind.MAPPING:
        return _mapping({}, arguments, budget)
    if function.kind is Kind.SCRIPT:
        return Made(function, arguments)
    if function.kind is Kind.CHOICE and len(arguments) == 1 and isinstance(arguments[0], str):
        return Choice(function, arguments[0])
    raise ForeignError(function.full, "call")


def new(kind: Any, arguments: Any, budget: Budget) -> Any:
    """Return what `kind.__new__(kind, *arguments)` stands for; raises as `call` does."""
    if isinstance(kind, Name) and type(arguments) is tuple:
        bare = kind.kind is Kind.LAYER and not arguments
        told = kind.module == "torch_geometric.inspector" or kind.full in TUPLES
        if bare or told or kind.kind is Kind.SCRIPT:
            return Made(kind, arguments)
    return call(kind, arguments, budget)


def build(target: Any, state: Any, budget: Budget) -> None:
    """Give an object its state, as `__setstate__` would."""
    if isinstance(target, Made):
        if target.state is not None:
            raise DamagedError("an object with two states")
        if type(state) is tuple and len(state) == 2 and target.name.kind is not Kind.SCRIPT:
            own, slots = (part or {} for part in state)
            budget.take_steps(len(own) + len(slots))
            state = {**own, **slots}
        target.state = state
    elif isinstance(target, Array):
        array_calls.set_array(target, state, budget)
    elif isinstance(target, NumpyType):
        array_calls.set_type(target, state)
    elif isinstance(target, Partial):
        _set_partial(target, state)
    elif isinstance(target, TensorRecord):
        tensor_calls.set_variable(target, state)
    elif isinstance(target, OrderedDict):
        if isinstance(state, Mapping) and isinstance(state.get("_metadata"), Mapping):
            target._metadata = state["_metadata"]  # type: ignore[attr-defined]
    elif not isinstance(target, dict):
        raise DamagedError("a state for what has none")


def put(target: Any, items: list[Any], budget: Budget) -> None:
    """Set keys and values, one after the other in `items`, in a dictionary."""
    if not isinstance(target, dict) or len(items) % 2:
        raise DamagedError("items for what is no dictionary")
    for key in items[::2]:
        _check_key(key, budget)
    for key, value in zip(items[::2], items[1::2], strict=True):
        target[key] = value


def add(target: Any, items: list[Any], budget: Budget) -> None:
    """Add members to a set."""
    if type(target) is not set:
        raise DamagedError("members for what is no set")
    for item in items:
        _check_key(item, budget)
    target.update(items)


def shown(value: Any) -> str:
    """Return the dotted name of an import, or of the type of something else."""
    return value.full if isinstance(value, Name) else type(value).__name__


def _check_key(key: Any, budget: Budget) -> None:
    """Raise for keys that are no plain values, or made to collide and so take hours."""
    if isinstance(key, int) and abs(key) >= _LARGEST_KEY:
        raise DemandingError("a key of over 60 bits")
    if isinstance(key, _KEYS):
        return
    if _is_torch_value(key):
        return
    if not isinstance(key, tuple) or len(key) > _LONGEST_KEY:
        raise DamagedError("a key that is no plain value")
    budget.tuple_keys -= 1
    if budget.tuple_keys < 0:
        raise DemandingError("over 1,000 tuples as keys")
    for part in key:
        if not isinstance(part, _KEYS):
            raise DamagedError("a key that is no plain value")


def _is_torch_value(value: Any) -> bool:
    import torch

    return isinstance(value, torch.dtype | torch.device)


def _mapping(found: dict[Any, Any], arguments: tuple[Any, ...], budget: Budget) -> dict[Any, Any]:
    """Fill a dictionary from another, or from pairs."""
    if arguments:
        (given,) = arguments
        budget.take_steps(len(given))
        pairs = list(given.items()) if isinstance(given, dict) else given
        if not isinstance(pairs, list | tuple) or not all(
            isinstance(p, list | tuple) and len(p) == 2 for p in pairs
        ):
            raise DamagedError("a dictionary of what are no pairs")
        put(found, [part for pair in pairs for part in pair], budget)
    return found


def _members(arguments: tuple[Any, ...], budget: Budget) -> set[Any]:
    found: set[Any] = set()
    if arguments:
        (given,) = arguments
        if not isinstance(given, list | tuple | set | frozenset):
            raise DamagedError("a set of what is no list")
        budget.take_steps(len(given))
        add(found, list(given), budget)
    return found


def _items(arguments: tuple[Any, ...], budget: Budget) -> list[Any]:
    if not arguments:
        return []
    (given,) = arguments
    if not isinstance(given, list | tuple):
        raise DamagedError("a list of what is no list")
    budget.take_steps(len(given))
    return list(given)


def _bytes(arguments: tuple[Any, ...], budget: Budget) -> bytes:
    if not arguments:
        return b""
    given, *encoding = arguments
    if isinstance(given, list) and not encoding:  # protocols 0 to 2 write them as numbers
        budget.take_steps(len(given))
        return bytes(given)
    if isinstance(given, bytes) and not encoding:
        return given
    return _encoded((given, *encoding), budget)


def _encoded(arguments: tuple[Any, ...], budget: Budget) -> bytes:
    text, encoding = arguments
    if not isinstance(text, str) or encoding not in ("latin1", "latin-1", "utf-8", "ascii"):
        raise DamagedError("text in an unknown encoding")
    budget.take_bytes(len(text))
    return text.encode(encoding)


def _counter(arguments: tuple[Any, ...], budget: Budget) -> dict[Any, Any]:
    found: dict[Any, Any] = Counter()
    return _mapping(found, arguments, budget)


def _default(arguments: tuple[Any, ...], budget: Budget) -> dict[Any, Any]:
    return _mapping({}, arguments[1:], budget)


def _complex(arguments: tuple[Any, ...], _: Budget) -> complex:
    real, imaginary = arguments
    return complex(float(real), float(imaginary))


def _attribute(arguments: tuple[Any, ...], _: Budget) -> Any:
    owner, name = arguments
    if isinstance(owner, Made) and isinstance(name, str) and name.startswith("forward"):
        return Bound(owner, name)
    if isinstance(owner, Name) and owner.full == TORCH_FUNCTIONS and f"torch.{name}" in FUNCTIONS:
        return Name("torch", name, Kind.FUNCTION)
    raise ForeignError("builtins.getattr", "call")


def _annotation(arguments: tuple[Any, ...], _: Budget) -> Name:
    generic, _of = arguments
    if not isinstance(generic, Name) or generic.module != "typing":
        raise ForeignError("_operator.getitem", "call")
    return generic


def _type_of(arguments: tuple[Any, ...], _: Budget) -> Name:
    if arguments != (None,):
        raise ForeignError("builtins.type", "call")
    return Name("types", "NoneType", Kind.INERT)


def _reconstructed(arguments: tuple[Any, ...], budget: Budget) -> Any:
    kind, base, state = arguments
    if state is not None or shown(base) not in ("builtins.object", "builtins.dict"):
        raise ForeignError(shown(kind), "call")
    return new(kind, (), budget)


def _partial(arguments: tuple[Any, ...], _: Budget) -> Partial:
    (function,) = arguments
    return Partial(function)


def _set_partial(target: Partial, state: Any) -> None:
    function, arguments, keywords, more = state
    if type(arguments) is not tuple or not isinstance(keywords, dict) or more:
        raise DamagedError("a partial function of another form")
    target.function, target.arguments, target.keywords = function, arguments, keywords


def _scripted(short: str, arguments: tuple[Any, ...]) -> Any:
    if short == "restore_type_tag" and len(arguments) == 2:
        return arguments[0]
    if len(arguments) != 1 or type(arguments[0]) is not list:
        raise DamagedError("a list of another form")
    return arguments[0]


_CALLS: dict[str, Callable[[tuple[Any, ...], Budget], Any]] = {
    "builtins.bytearray": _bytes,
    "builtins.bytes": _bytes,
    "builtins.complex": _complex,
    "builtins.dict": lambda a, b: _mapping({}, a, b),
    "builtins.frozenset": lambda a, b: frozenset(_members(a, b)),
    "builtins.getattr": _attribute,
    "builtins.list": _items,
    "builtins.set": _members,
    "builtins.slice": lambda a, b: slice(*a),
    "builtins.tuple": lambda a, b: tuple(_items(a, b)),
    "builtins.type": _type_of,
    "_codecs.encode": _encoded,
    "_operator.getitem": _annotation,
    "collections.Counter": _counter,
    "collections.OrderedDict": lambda a, b: _mapping(OrderedDict(), a, b),
    "collections.defaultdict": _default,
    "copyreg._reconstructor": _reconstructed,
    "functools.partial": _partial,
    **array_calls.CALLS,
    **tensor_calls.CALLS,
}
