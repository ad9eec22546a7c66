"""Finds the state dict in what a checkpoint file holds, and the names it is wrapped in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from repprobe.errors import CheckpointError

if TYPE_CHECKING:
    import torch
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

_NEVER = ("opt", "sched", "scaler", "criterion", "loss", "metric", "method")
_DEPTH = 3


@dataclass(frozen=True)
class StateDict:
    """A state dict as it was saved, with what stood beside it.

    Attributes
    ----------
    tensors : key → tensor; half-precision ones are turned into float32.
    dtypes : key → the type of the tensor in the file.
    way : the keys that lead to it, e.g. ("state_dict",); none where it is the file itself.
    beside : everything else in the file and in the dictionary that held it, by key.
    notes : sentences the user should be told.
    """

    tensors: dict[str, Tensor]
    dtypes: dict[str, torch.dtype]
    way: tuple[str, ...]
    beside: dict[str, Any]
    notes: tuple[str, ...]

    @property
    def metadata(self) -> dict[str, Any]:
        """The plain values beside the state dict, e.g. {"best_prec1": 91.8}."""
        return {k: v for k, v in self.beside.items() if isinstance(v, str | int | float | bool)}

    def levels(self) -> list[str]:
        """Return the wrapper prefixes that can be taken off: "", "module.", "module.net.", …"""
        return wrapper_prefixes(self.tensors)

    def without(self, prefix: str) -> dict[str, Tensor]:
        """Return the tensors with a prefix of all keys taken off."""
        return {key[len(prefix) :]: tensor for key, tensor in self.tensors.items()}


def find_state_dict(data: Any, label: str) -> StateDict:
    """Find the state dict in `data`; `label` names the file in messages.

    A dictionary under one of the `PREFERRED` names wins, in their order; then comes the file
    itself if most of its values are tensors; then the largest other dictionary of tensors.
    Dictionaries of optimizers, schedulers, methods and losses are never taken.

    Raises
    ------
    CheckpointError
        There is no dictionary of tensors in it.
    """
    chosen, *others = _found(data, label)
    rivals = [c.place for c in others if 10 * _size(c.values) > _size(chosen.values)]
    notes = []
    if rivals:
        together = all(re.fullmatch(rf"{re.escape(chosen.place)}_\d+", other) for other in rivals)
        which = ", the first of the networks that were trained together" if together else ""
        notes.append(
            f"The file holds several state dicts ({', '.join([chosen.place, *rivals])}); "
            f"{chosen.place} is used{which}."
        )
    return _made(chosen, data, notes)


def find_state_dicts(data: Any, label: str) -> list[StateDict]:
    """Find the state dicts of all networks that were trained together, as `find_state_dict` does.

    They stand beside the first under its name with a number: `state_dict_2`, … Most files hold
    one network.
    """
    chosen, *others = _found(data, label)
    numbered = {
        int(number[1]): other
        for other in others
        if other.holder is chosen.holder
        and (number := re.fullmatch(rf"{re.escape(chosen.place)}_(\d+)", other.place))
        and other.values.keys() == chosen.values.keys()
    }
    mates = [_made(numbered[number], data, []) for number in sorted(numbered)]
    if not mates:
        return [find_state_dict(data, label)]
    return [_made(chosen, data, []), *mates]


def wrapper_prefixes(keys: Iterable[str]) -> list[str]:
    """Return "", then every prefix of whole names that all keys share, the shortest first.

    DataParallel (`module.`), torch.compile (`_orig_mod.`), Lightning (`model.`) and the like
    put a network under such names, one inside the other.
    """
    split = [key.split(".") for key in keys]
    prefixes = [""]
    for names in zip(*(parts[:-1] for parts in split), strict=False):
        if len(set(names)) > 1:
            break
        prefixes.append(f"{prefixes[-1]}{names[0]}.")
    return prefixes


@dataclass(frozen=True)
class _Candidate:
    """A dictionary of tensors, the way to it, and the dictionary it was found in."""

    way: tuple[str, ...]
    values: Mapping[Any, Any]
    holder: Mapping[Any, Any]

    @property
    def place(self) -> str:
        """Where it was found, in words."""
        return ".".join(self.way) or "the file itself"


def _found(data: Any, label: str) -> list[_Candidate]:
    if not isinstance(data, Mapping):
        raise CheckpointError(
            f"'{label}' holds a {type(data).__name__}, not a state dict; save model.state_dict()."
        )
    found = _candidates(data)
    if not found:
        keys = ", ".join(map(str, list(data)[:5])) or "nothing"
        raise CheckpointError(
            f"'{label}' holds no state dict, only {keys}; save model.state_dict()."
        )
    return found


def _made(chosen: _Candidate, data: Mapping[Any, Any], notes: list[str]) -> StateDict:
    tensors, more = _as_float32(chosen.values)
    dtypes = {key: chosen.values[key].dtype for key in tensors}
    beside = {
        str(k): v
        for source in (data, chosen.holder, chosen.values)
        for k, v in source.items()
        if v is not chosen.values and str(k) not in tensors
    }
    return StateDict(tensors, dtypes, chosen.way, beside, (*more, *notes))


def _candidates(
    data: Mapping[Any, Any],
    way: tuple[str, ...] = (),
    holder: Mapping[Any, Any] = MappingProxyType({}),
    depth: int = 0,
) -> list[_Candidate]:
    """List the state dicts in `data`, the best first."""
    named: list[_Candidate] = []
    others: list[_Candidate] = []
    for key in sorted(map(str, data), key=_rank):
        value = data.get(key)
        if isinstance(value, Mapping) and depth < _DEPTH and not key.lower().startswith(_NEVER):
            found = _candidates(value, (*way, key), data, depth + 1)
            (named if key in PREFERRED else others).extend(found)
    itself = [_Candidate(way, data, holder)] if _is_state_dict(data) else []
    return named + itself + sorted(others, key=lambda c: -_size(c.values))


def _rank(key: str) -> int:
    return PREFERRED.index(key) if key in PREFERRED else len(PREFERRED)


def _is_state_dict(value: Any) -> bool:
    from torch import Tensor

    if not isinstance(value, Mapping) or not all(isinstance(k, str) for k in value):
        return False
    return 2 * sum(isinstance(v, Tensor) for v in value.values()) > len(value)


def _size(tensors: Mapping[Any, Any]) -> int:
    from torch import Tensor

    return sum(t.numel() for t in tensors.values() if isinstance(t, Tensor))


def _as_float32(values: Mapping[Any, Any]) -> tuple[dict[str, Tensor], list[str]]:
    """Return the tensors, floating ones as float32, and what should be said about them."""
    import torch

    tensors = {k: v.detach() for k, v in values.items() if isinstance(v, torch.Tensor)}
    halves = {t.dtype for t in tensors.values() if t.is_floating_point() and t.itemsize < 4}
    notes = []
    if halves:
        kinds = " and ".join(sorted(str(d).removeprefix("torch.") for d in halves))
        notes.append(f"Weights stored as {kinds} are loaded as float32.")
        tensors = {k: t.float() if t.dtype in halves else t for k, t in tensors.items()}
    bad = [k for k, t in tensors.items() if t.is_floating_point() and not t.isfinite().all()]
    if bad:
        shown = ", ".join(bad[:3]) + (", …" if len(bad) > 3 else "")
        notes.append(f"NaN or infinity in {len(bad)} of the {len(tensors)} tensors: {shown}.")
    return tensors, notes
