"""Finds the state dict in what a checkpoint file holds, and what else it could have been."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from repprobe.checkpoints import places
from repprobe.checkpoints.keys import View, views, wrapper_prefixes
from repprobe.checkpoints.places import ITSELF, PREFERRED, Candidate, Listed, entries
from repprobe.errors import CheckpointError

if TYPE_CHECKING:
    import torch
    from torch import Tensor

__all__ = [
    "ITSELF",
    "PREFERRED",
    "Listed",
    "StateDict",
    "View",
    "entries",
    "find_state_dict",
    "find_state_dicts",
    "wrapper_prefixes",
]


@dataclass(frozen=True)
class StateDict:
    """A state dict as it was saved, with what stood beside it.

    Attributes
    ----------
    tensors : key → tensor; half-precision ones are turned into float32.
    dtypes : key → the type of the tensor in the file.
    way : the keys that lead to it, e.g. ("state_dict",); none where it is the file itself. The
        second element of a list is "[1]".
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

    @property
    def place(self) -> str:
        """Where it was found, as `entry` names it, e.g. "nets[1]"; "." for the file itself."""
        return places.place_of(self.way)

    def levels(self) -> list[str]:
        """Return the wrapper prefixes that can be taken off: "", "module.", "module.net.", …"""
        return wrapper_prefixes(self.tensors)

    def without(self, prefix: str) -> dict[str, Tensor]:
        """Return the tensors with a prefix of all keys taken off."""
        return {key[len(prefix) :]: tensor for key, tensor in self.tensors.items()}

    def views(self) -> list[View]:
        """Return the ways to read the keys, those that leave nothing out first; see `keys`.

        Each is to be tried in turn until an architecture fits `seen(view)`.
        """
        return views(self.tensors)

    def seen(self, view: View) -> dict[str, Tensor]:
        """Return the tensors that a view takes, by the network's keys."""
        return {own: self.tensors[key] for own, key in view.keys.items()}


def find_state_dict(data: Any, label: str, entry: str | None = None) -> StateDict:
    """Find the state dict in `data`; `label` names the file in messages.

    A dictionary under one of the `PREFERRED` names wins, in their order; then comes the file
    itself if most of its values are tensors; then the largest other dictionary of tensors.
    Dictionaries of optimizers, schedulers, methods and losses are never taken.

    Parameters
    ----------
    entry : the place of the one to take, as `entries` lists it. It may go on into the names of
        the keys: "state_dict.student" are the tensors of `state_dict` under `student.`.

    Raises
    ------
    CheckpointError
        There is no dictionary of tensors in it.
    UnknownNameError
        There is none at `entry`.
    """
    found = _found(data, label)
    if entry is not None:
        return _made(places.chosen_by(found, entry, label), data, [])
    chosen, *others = found
    copies = places.copies(chosen)
    if copies:
        chosen, others = copies[0], [*copies[1:], *others]
    rivals = [c for c in others if 10 * places.size(c.values) > places.size(chosen.values)]
    notes = []
    if rivals:
        together = len(places.mates(chosen, others)) == len(rivals)
        which = ", the first of the networks that were trained together" if together else ""
        shown = [_words(c) for c in (chosen, *rivals[:5])] + ["…"] * (len(rivals) > 5)
        notes.append(
            f"The file holds several state dicts ({', '.join(shown)}); {_words(chosen)} is "
            f"used{which}."
        )
    return _made(chosen, data, notes)


def find_state_dicts(data: Any, label: str, entry: str | None = None) -> list[StateDict]:
    """Find the state dicts of all networks that were trained together, as `find_state_dict` does.

    They stand beside the first under its name with another number: `state_dict`, `state_dict_2`,
    or `net1`, `net2`. Most files hold one network; with `entry` it is one.
    """
    if entry is None:
        chosen, *others = _found(data, label)
        mates = places.mates(chosen, others)
        if mates:
            mates[places.numbered(chosen)[1]] = chosen
            return [_made(mates[number], data, []) for number in sorted(mates)]
    return [find_state_dict(data, label, entry)]


def _words(candidate: Candidate) -> str:
    return "the file itself" if candidate.place == ITSELF else candidate.place


def _found(data: Any, label: str) -> list[Candidate]:
    found = places.candidates(data)
    if not found and not isinstance(data, Mapping):
        raise CheckpointError(
            f"'{label}' holds a {type(data).__name__}, not a state dict; save model.state_dict()."
        )
    if not found:
        keys = ", ".join(map(str, list(data)[:5])) or "nothing"
        raise CheckpointError(
            f"'{label}' holds no state dict, only {keys}; save model.state_dict()."
        )
    return found


def _made(chosen: Candidate, data: Any, notes: list[str]) -> StateDict:
    tensors, more = _as_float32(chosen.values)
    dtypes = {key: chosen.values[key].dtype for key in tensors}
    beside = {
        str(k): v
        for source in (data, chosen.holder, chosen.values)
        if isinstance(source, Mapping)
        for k, v in source.items()
        if v is not chosen.values and str(k) not in tensors
    }
    return StateDict(tensors, dtypes, places.held(chosen, data), beside, (*more, *notes))


def _as_float32(values: Mapping[Any, Any]) -> tuple[dict[str, Tensor], list[str]]:
    """Return the tensors, floating ones as float32, and what should be said about them."""
    tensors = {k: v.detach() for k, v in places.tensors_of(values).items()}
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
