"""Puts the tensors of a state dict into a network that was built for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from repprobe.checkpoints.entry import Entry
from repprobe.checkpoints.recognition.filling import arranged
from repprobe.errors import CheckpointError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from repprobe.checkpoints.keys import View
    from repprobe.checkpoints.state_dict import StateDict


def fill(
    module: nn.Module,
    state: StateDict,
    view: View,
    keys: Mapping[str, str] | None,
    architecture: str,
    label: str,
) -> Entry:
    """Put the tensors into the network; returns where they came from.

    Parameters
    ----------
    view : how the keys of the state dict are read.
    keys : the network's own key → the view's; None where they are the same.
    architecture, label : of the network and of the file, for messages.

    Raises
    ------
    CheckpointError
        A key is missing, unexpected, or of another shape.
    """
    own = module.state_dict()
    tensors = arranged(own, state.seen(view), keys)
    try:
        module.load_state_dict(tensors)
    except Exception as err:
        reason = difference(own, tensors) or _first_line(err)
        raise CheckpointError(f"'{label}' does not fit {architecture}: {reason}.") from None
    names = dict(keys or {key: key for key in own})
    return _entry(state, view, {k: view.keys[n] for k, n in names.items() if n in view.keys})


def _entry(state: StateDict, view: View, places: Mapping[str, str]) -> Entry:
    """Describe where each of the network's keys lies in the state dict."""
    dtypes = {own: state.dtypes[place] for own, place in places.items()}
    if all(place == view.prefix + own for own, place in places.items()):
        return Entry(state.way, view.prefix, dtypes)
    shared = all(place.startswith(view.prefix) for place in places.values())
    prefix = view.prefix if shared else ""
    names = {own: place[len(prefix) :] for own, place in places.items()}
    return Entry(state.way, prefix, dtypes, {k: n for k, n in names.items() if k != n})


def difference(own: Mapping[str, Any], given: Mapping[str, Tensor]) -> str:
    """Say which keys are missing, unexpected, or of another shape; "" if none is."""
    shapes = {
        key: f"{key} is {_shape(given[key])}, not {_shape(value)}"
        for key, value in own.items()
        if key in given and _shape(value) != _shape(given[key])
    }
    kinds = {
        "missing": [k for k in own if k not in given],
        "unexpected": [k for k in given if k not in own],
        "of another shape": list(shapes.values()),
    }
    return "; ".join(
        f"{len(keys)} {'key' if len(keys) == 1 else 'keys'} {kind} ("
        f"{', '.join(keys[:3])}{', …' if len(keys) > 3 else ''})"
        for kind, keys in kinds.items()
        if keys
    )


def _shape(value: Any) -> tuple[int, ...] | None:
    try:
        return tuple(value.shape)
    except (AttributeError, RuntimeError):  # an extra state, or a lazy layer
        return None


def _first_line(err: Exception) -> str:
    return (str(err).strip().splitlines() or [type(err).__name__])[0].rstrip(".")
