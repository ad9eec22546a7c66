"""Puts a network's weights where its old ones stand in a checkpoint, and changes nothing else."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from repprobe.errors import CheckpointError

if TYPE_CHECKING:
    from repprobe.checkpoints.entry import Entry
    from repprobe.checkpoints.model import Model


def as_stored(model: Model) -> Model:
    """Return the model as its file can hold it: weights rounded to the types they have there.

    A network with weights that are stored as float16 answers a little differently after rounding;
    what is reported of a fixed network is to be that of the rounded one. Models that already
    are so, or come from no file, are returned as they are.
    """
    if model.entry is None:
        return model
    state = model.module.state_dict()
    rounded = {
        key: state[key].to(dtype).to(state[key].dtype)
        for key, dtype in model.entry.dtypes.items()
        if key in state
    }
    if all(_same(rounded[key], state[key]) for key in rounded):
        return model
    module = copy.deepcopy(model.module)
    own = module.state_dict()
    with torch.no_grad():
        for key, value in rounded.items():
            own[key].copy_(value)
    return replace(model, module=module)


def replaced(data: Any, models: Sequence[Model], label: str) -> Any:
    """Return what a checkpoint file holds with the weights of these models in it.

    Only tensors that differ are exchanged, for ones of the same type and shape; containers on the
    way to them are copied with their type, order and attributes, everything else is the same
    object. Tensors that were one, as tied weights are, stay one.

    Parameters
    ----------
    data : as `checkpoints.reading` reads it.
    models : with the entries they came from.
    label : names the file in messages.

    Raises
    ------
    CheckpointError
        The file does not hold these networks, e.g. since it was written anew in the meantime.
    """
    for model in models:
        assert model.entry is not None
        data = _at(data, model.entry.way, changes(data, model, label))
    return data


def changes(data: Any, model: Model, label: str) -> dict[str, Tensor]:
    """Return the file's key → new tensor, for those of a model's tensors that differ from it.

    They have the types of the file. Raises as `replaced` does.
    """
    assert model.entry is not None
    stored = _stored(data, model.entry, label)
    made: dict[Any, Tensor] = {}
    found: dict[str, Tensor] = {}
    state = model.module.state_dict()
    for key in model.entry.dtypes:
        old, new = stored[model.entry.name(key)], state[key].detach().cpu()
        if old.shape != new.shape:
            raise _other(label)
        if _same(old.to(new.dtype), new):
            continue
        same = (old.untyped_storage().data_ptr(), old.storage_offset(), old.shape, old.stride())
        if same not in made:
            made[same] = _like(old, new)
        found[model.entry.name(key)] = made[same]
    return found


def patched(content: bytes, changed: Mapping[str, Tensor]) -> bytes:
    """Return a safetensors file with other values at some keys; all else stays, byte for byte."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    out = bytearray(content)
    for key, tensor in changed.items():
        begin, end = (8 + length + offset for offset in header[key]["data_offsets"])
        out[begin:end] = tensor.contiguous().reshape(-1).view(torch.uint8).numpy().tobytes()
    return bytes(out)


def _stored(data: Any, entry: Entry, label: str) -> Mapping[str, Tensor]:
    for key in entry.way:
        data = _member(data, key)
    wanted = [entry.name(key) for key in entry.dtypes]
    if not isinstance(data, Mapping) or not all(
        isinstance(data.get(key), Tensor) for key in wanted
    ):
        raise _other(label)
    return data


def _member(data: Any, key: str) -> Any:
    """Return what a dictionary has at a key, or a list at "[1]"; None if there is nothing."""
    if isinstance(data, (list, tuple)):
        place = int(key.strip("[]")) if key.strip("[]").isdigit() else len(data)
        return data[place] if place < len(data) else None
    return data.get(key) if isinstance(data, Mapping) else None


def _other(label: str) -> CheckpointError:
    return CheckpointError(f"'{label}' no longer holds the network that was read from it.")


def _at(data: Any, way: tuple[str, ...], changed: Mapping[str, Tensor]) -> Any:
    """Copy the containers along the way, and exchange tensors in the last."""
    if way and isinstance(data, (list, tuple)):
        members, place = list(data), int(way[0].strip("[]"))
        members[place] = _at(members[place], way[1:], changed)
        return type(data)(members)
    data = copy.copy(data)  # with its attributes, e.g. the `_metadata` of a state dict
    if way:
        data[way[0]] = _at(data[way[0]], way[1:], changed)
    else:
        for key, tensor in changed.items():
            data[key] = tensor
    return data


def _like(old: Tensor, new: Tensor) -> Tensor:
    made = torch.empty_like(old, requires_grad=False).copy_(new)
    if isinstance(old, nn.Parameter):
        return nn.Parameter(made, old.requires_grad)
    return made.requires_grad_(old.requires_grad)


def _same(a: Tensor, b: Tensor) -> bool:
    if torch.equal(a, b):
        return True
    return a.is_floating_point() and torch.allclose(a, b, 0, 0, equal_nan=True)
