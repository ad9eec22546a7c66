"""The places in a checkpoint file where state dicts lie, and which of them belong together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from repprobe.checkpoints.keys import part, wrapper_prefixes
from repprobe.errors import UnknownNameError

if TYPE_CHECKING:
    from torch import Tensor

PREFERRED = (
    "state_dict",
    "model_state_dict",
    "model_state",
    "model",
    "net_state_dict",
    "net",
    "network",
    "module",
    "weights",
    "params",
    "state_dict_ema",
    "model_ema",
    "ema_state_dict",
    "ema",
    "teacher",
    "student",
)
"""Where training code keeps its weights, the first choice first."""

ITSELF = "."
"""The place of a state dict that is the whole file."""

_NEVER = ("opt", "sched", "scaler", "criterion", "loss", "metric", "method")
_NETWORK = re.compile(
    r"_?(model|net|network|module|ema|teacher|student|backbone|encoder|target|online)"
    r"([_\d]\w*)?",
    re.IGNORECASE,
)
_COPY = re.compile(r"ema|teacher|student|target|online", re.IGNORECASE)
_DEPTH = 3
_TWIN_KEYS = 3


@dataclass(frozen=True)
class Candidate:
    """A dictionary of tensors, the way to it, and the dictionary or list it was found in."""

    way: tuple[str, ...]
    values: Mapping[Any, Any]
    holder: Mapping[Any, Any]

    @property
    def place(self) -> str:
        """Where it was found, as `entry` names it."""
        return place_of(self.way)


def place_of(way: Sequence[str]) -> str:
    """Return the keys that lead to a state dict as one name: "nets[1].model", "." for none."""
    return ".".join(way).replace(".[", "[") or ITSELF


@dataclass(frozen=True)
class Listed:
    """A state dict of a file in a list of them.

    Attributes
    ----------
    place : what `entry` is to be to have it: "ema", "nets[1]", "state_dict.student"; "." for the
        file itself.
    tensors : how many it has.
    parameters : how many values all of them have together, batch statistics included.
    """

    place: str
    tensors: int
    parameters: int


def entries(data: Any) -> list[Listed]:
    """List the state dicts in `data`, the one that is taken without `entry` first.

    Where several networks share a state dict under names of their own (`model.` and `ema.` with
    the same keys), each of them is listed too.
    """
    found = []
    for candidate in candidates(data):
        found.append(candidate)
        found += twins(candidate)
    return [Listed(c.place, len(tensors_of(c.values)), size(c.values)) for c in found]


def chosen_by(found: list[Candidate], entry: str, label: str) -> Candidate:
    """Return the state dict at a place, or the part of one whose keys begin with its end."""
    for candidate in found:
        if candidate.place == entry:
            return candidate
    for candidate in sorted(found, key=lambda c: -len(c.way)):
        start = "" if candidate.place == ITSELF else f"{candidate.place}."
        if entry.startswith(start) and entry != start:
            inside = part(tensors_of(candidate.values), entry[len(start) :])
            if inside:
                return replace(candidate, values={key: candidate.values[key] for key in inside})
    places = [c.place for candidate in found for c in (candidate, *twins(candidate))]
    shown = ", ".join(places[:8]) + (", …" if len(places) > 8 else "")
    raise UnknownNameError.near(f"entry of '{label}'", entry, places, f"It holds {shown}.")


def twins(candidate: Candidate) -> list[Candidate]:
    """Return the networks that share a state dict: parts under names of networks, alike in keys."""
    keys = [str(k) for k in tensors_of(candidate.values)]
    shared = wrapper_prefixes(keys)[-1]
    parts: dict[str, set[str]] = {}
    for key in keys:
        first, dot, rest = key[len(shared) :].partition(".")
        if dot and _NETWORK.fullmatch(first):
            parts.setdefault(first, set()).add(rest)
    alike = [n for n, own in parts.items() if list(parts.values()).count(own) > 1]
    alike = [n for n in alike if len(parts[n]) >= _TWIN_KEYS]
    return [
        replace(
            candidate,
            way=(*candidate.way, *f"{shared}{name}".split(".")),
            values={k: candidate.values[k] for k in part(keys, f"{shared}{name}")},
        )
        for name in sorted(alike, key=lambda n: (_rank(n), alike.index(n)))
    ]


def copies(candidate: Candidate) -> list[Candidate]:
    """Return the twins of which one is to be taken: some are averages or teachers of others.

    Other twins may be branches of one network, which is not to be taken apart.
    """
    found = twins(candidate)
    return found if any(_COPY.search(twin.way[-1]) for twin in found) else []


def mates(chosen: Candidate, others: Iterable[Candidate]) -> dict[int, Candidate]:
    """Return the networks trained together with one, by number, itself not among them."""
    if not chosen.way:
        return {}
    base, own = numbered(chosen)
    if base not in PREFERRED and not _NETWORK.fullmatch(base):
        return {}
    found = {}
    for other in others:
        if other.holder is not chosen.holder or other.way[:-1] != chosen.way[:-1] or not other.way:
            continue
        name, number = numbered(other)
        if name == base and number != own and other.values.keys() == chosen.values.keys():
            found[number] = other
    return found


def numbered(candidate: Candidate) -> tuple[str, int]:
    """Split `net_2` into its name and number; a name without one is the first."""
    name = candidate.way[-1]
    found = re.fullmatch(r"(.*?[^\d_])_?(\d+)", name)
    return (found[1], int(found[2])) if found else (name, 1)


def held(chosen: Candidate, data: Any) -> tuple[str, ...]:
    """Return the way to the dictionary that holds the tensors; names of keys are not part of it."""
    way: list[str] = []
    for step in chosen.way:
        if isinstance(data, Mapping) and isinstance(data.get(step), Mapping | list | tuple):
            data = data[step]
        elif isinstance(data, list | tuple):
            data = data[int(step[1:-1])]
        else:
            break
        way.append(step)
    return tuple(way)


def candidates(
    data: Any,
    way: tuple[str, ...] = (),
    holder: Mapping[Any, Any] = MappingProxyType({}),
    seen: set[int] | None = None,
) -> list[Candidate]:
    """List the state dicts in `data`, the best first.

    What holds them is looked into once, wherever it lies: a file may hold itself.
    """
    seen = set() if seen is None else seen
    state_dict = _is_state_dict(data)
    if id(data) in seen and not state_dict:
        return []
    seen.add(id(data))
    if isinstance(data, list | tuple):
        inside = [(f"[{i}]", value) for i, value in enumerate(data)]
        parent: Mapping[Any, Any] = dict(inside)
    elif isinstance(data, Mapping):
        inside = [(key, data.get(key)) for key in sorted(map(str, data), key=_rank)]
        parent = data
    else:
        return []
    named: list[Candidate] = []
    others: list[Candidate] = []
    for key, value in inside:
        if (
            isinstance(value, Mapping | list | tuple)
            and len(way) < _DEPTH
            and not key.lower().startswith(_NEVER)
        ):
            found = candidates(value, (*way, key), parent, seen)
            (named if key in PREFERRED else others).extend(found)
    itself = [Candidate(way, data, holder)] if state_dict else []
    return named + itself + sorted(others, key=lambda c: -size(c.values))


def _rank(key: str) -> int:
    return PREFERRED.index(key) if key in PREFERRED else len(PREFERRED)


def _is_state_dict(value: Any) -> bool:
    from torch import Tensor

    if not isinstance(value, Mapping) or not all(isinstance(k, str) for k in value):
        return False
    return 2 * sum(isinstance(v, Tensor) for v in value.values()) > len(value)


def tensors_of(values: Mapping[Any, Any]) -> dict[str, Tensor]:
    """Return those values that are tensors."""
    from torch import Tensor

    return {key: value for key, value in values.items() if isinstance(value, Tensor)}


def size(values: Mapping[Any, Any]) -> int:
    """Return how many numbers all tensors have together."""
    return sum(t.numel() for t in tensors_of(values).values())
