"""`inspect`: what is this checkpoint? Format, entries, architecture, layers, what it tells."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from repprobe.errors import CaptureError, RepprobeError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from repprobe.checkpoints.model import Model
    from repprobe.checkpoints.opened import Alternative, Opened
    from repprobe.checkpoints.recognition.fingerprints import Progress

_SIDES = (32, 28, 224, 8, 64, 96, 16, 384)
"""Sides of images that a network is tried with where nothing tells it."""

_LONGEST = 200
_MOST = 50


@dataclass(frozen=True)
class InspectedLayer:
    """A layer of an inspected network.

    Attributes
    ----------
    name, type : dotted name and class name; the type is "" where the network is not known.
    shape : of what it puts out for one example; () where the network could not be run.
    weight : shape of its weight; () without one.
    """

    name: str
    type: str
    shape: tuple[int, ...]
    weight: tuple[int, ...]


@dataclass(frozen=True)
class Inspection:
    """What a checkpoint is.

    Attributes
    ----------
    path, format, bytes, sha256 : of the file; the digest is over all files with weights.
    entries : the state dicts in it, as `--entry` names them, with their numbers of tensors and
        parameters; the one that is taken first.
    entry, prefix : which was taken, and what was taken off its keys.
    architectures : that fit equally well, the plainest first, each with its arguments, others
        that compute the same, and `networks.own` names where keys were mapped; none if unknown.
    how : how sure the architecture is, in a sentence.
    parameters : number of parameters of the network, or of all values where it is not known.
    input_shape : (channels, height, width) or (features,) of the inputs it was run with; () where
        it could not be run.
    preprocessing : what the file or the library tells; "" where nobody does.
    layers : in the order of execution, or of the file.
    metadata : plain values beside the state dict: epoch, accuracy, hyper-parameters, …
    notes, left_out : sentences the user should be told, and what of the file was not taken.
    """

    path: str
    format: str
    bytes: int
    sha256: str
    entries: list[dict[str, Any]]
    entry: str
    prefix: str
    architectures: list[dict[str, Any]]
    how: str
    parameters: int
    input_shape: tuple[int, ...]
    preprocessing: str
    layers: list[InspectedLayer]
    metadata: dict[str, Any] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return asdict(self)


def inspect(
    path: str | os.PathLike[str],
    *,
    arch: str | None = None,
    arch_args: Mapping[str, Any] | None = None,
    entry: str | None = None,
    trust: bool = False,
    progress: Progress | None = None,
) -> Inspection:
    """Tell what a checkpoint is; nothing in it is run, and no data are needed.

    Parameters are those of `load_model`. An architecture that is not known, or is one of several,
    is no error here.

    Raises
    ------
    UnsafeCheckpointError
        The file asks to run code; the message names what.
    CheckpointError
        It cannot be read, or does not fit `arch`.
    """
    from repprobe.checkpoints.opening import open_checkpoint
    from repprobe.checkpoints.state_dict import entries

    file = Path(path)
    opened = open_checkpoint(
        file,
        arch=arch,
        arch_args=arch_args,
        entry=entry,
        trust=trust,
        progress=progress,
    )
    state = opened.states[0] if opened.states else None
    chosen = opened.alternatives[0] if opened.alternatives else None
    ready = opened.contents.module is not None
    model = opened.networks(chosen)[0] if chosen is not None or ready else None
    shape, layers = _layers(model, opened)
    tensors = {} if state is None else state.tensors
    return Inspection(
        path=str(file),
        format=opened.contents.format,
        bytes=_size(file),
        sha256=opened.contents.sha256,
        entries=[] if state is None else [asdict(e) for e in entries(opened.contents.data)],
        entry="" if state is None else state.place,
        prefix="" if chosen is None else chosen.view.prefix,
        architectures=[_architecture(one) for one in opened.alternatives] or _of_module(model),
        how=_how(opened, model),
        parameters=model.parameters if model else sum(t.numel() for t in tensors.values()),
        input_shape=shape,
        preprocessing=_preprocessing(model),
        layers=layers if model is not None else list(_by_keys(tensors)),
        metadata={} if state is None else _plain_entries(state.beside),
        notes=model.notes
        if model is not None
        else (*opened.notes, *(state.notes if state else ())),
        left_out=opened.contents.left_out,
    )


def _architecture(one: Alternative) -> dict[str, Any]:
    return {
        "architecture": one.architecture + one.detail,
        "arguments": {k: _plain(v) for k, v in one.arguments.items()},
        "same": list(one.also),
        "renamed": one.keys is not None,
    }


def _of_module(model: Model | None) -> list[dict[str, Any]]:
    if model is None:
        return []
    return [{"architecture": model.architecture, "arguments": {}, "same": [], "renamed": False}]


def _how(opened: Opened, model: Model | None) -> str:
    """Say how sure the architecture is."""
    found = opened.alternatives
    if not found:
        return "the file holds the network whole" if model is not None else str(opened.problem)
    if opened.stated:
        return "stated, and all keys and shapes fit"
    if len(found) > 1:
        return (
            f"{len(found)} architectures have these shapes and compute different things; labelled "
            "data tell which, or --arch"
        )
    if found[0].keys is not None:
        return "recognized by shapes in their order; the names are others"
    return "recognized: all keys and shapes fit, and no other known architecture has them"


def _preprocessing(model: Model | None) -> str:
    from repprobe.checkpoints.opened import DEFAULT
    from repprobe.checkpoints.recognition.pretrained import library_preprocessing

    if model is None:
        return ""
    if model.preprocessing.found != DEFAULT:
        return model.preprocessing.name
    library = library_preprocessing(model.architecture, model.arguments)
    return library[0] if library else ""


def _layers(model: Model | None, opened: Opened) -> tuple[tuple[int, ...], list[InspectedLayer]]:
    """Run a network on made inputs, and list its layers; without shapes where it cannot be run."""
    if model is None:
        return (), []
    from repprobe.capture import list_layers

    weights = {name: _weight(part) for name, part in model.module.named_modules()}
    for shape in _input_shapes(model, opened):
        try:
            rows = list_layers(model, _made(shape))
        except (CaptureError, RepprobeError):
            continue
        return shape, [
            InspectedLayer(r.name, r.type, r.shape, weights.get(r.name, ()))
            for r in rows
            if not r.name.endswith(".input")
        ]
    leaves = (
        (name, part) for name, part in model.module.named_modules() if not list(part.children())
    )
    return (), [InspectedLayer(n, type(p).__name__, (), weights[n]) for n, p in leaves]


def _input_shapes(model: Model, opened: Opened) -> Iterator[tuple[int, ...]]:
    """Yield shapes of an input, the likeliest first."""
    from repprobe.checkpoints.recognition.pretrained import input_size

    program = opened.contents.config.get("input_shape")
    if program:
        yield tuple(program)
    stated = input_size(model.architecture, model.arguments)
    if stated is not None:
        yield tuple(stated)
    first = next((p for p in model.module.parameters() if p.ndim in (2, 4)), None)
    if first is None or model.architecture.startswith("pyg:"):
        return
    if first.ndim == 2:
        yield (first.shape[1],)
        return
    channels = (first.shape[1], 3, 1)
    sides = (opened.image_size, *_SIDES) if opened.image_size else _SIDES
    for side in sides:
        for count in dict.fromkeys(channels):
            yield count, side, side


def _made(shape: tuple[int, ...]) -> Any:
    """Return data of made inputs, to run a network on."""
    from repprobe.data import ArrayPart, Data

    inputs = np.random.default_rng(0).random((8, *shape), np.float32)
    part = ArrayPart(inputs, np.arange(8) % 2)
    return Data("made inputs", part, part, "classification", ("0", "1"), 1.0, "")


def _weight(part: nn.Module) -> tuple[int, ...]:
    weight = getattr(part, "weight", None)
    return tuple(getattr(weight, "shape", ()))


def _by_keys(tensors: Mapping[str, Tensor]) -> Iterator[InspectedLayer]:
    """List what the keys tell of the layers of an unknown network."""
    names: dict[str, tuple[int, ...]] = {}
    for key, tensor in tensors.items():
        name, _, last = key.rpartition(".")
        if last == "weight" or name not in names:
            names[name] = tuple(tensor.shape)
    for name, shape in names.items():
        yield InspectedLayer(name, "", (), shape)


def _plain_entries(beside: Mapping[str, Any]) -> dict[str, Any]:
    """Return the plain values of a file, those in dictionaries too; long texts are cut."""
    found = {str(k): _plain(v) for k, v in list(beside.items())[:_MOST]}
    return {k: v for k, v in found.items() if v is not None}


def _plain(value: Any, depth: int = 0) -> Any:
    if isinstance(value, bool | int | str):
        return value[:_LONGEST] if isinstance(value, str) else value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, Mapping) and depth < 2:
        inner = {str(k): _plain(v, depth + 1) for k, v in list(value.items())[:_MOST]}
        return {k: v for k, v in inner.items() if v is not None} or None
    if isinstance(value, list | tuple) and len(value) <= _MOST:
        items = [_plain(v, depth + 1) for v in value]
        return items if all(item is not None for item in items) else None
    return None


def _size(path: Path) -> int:
    if path.is_dir():
        return sum(p.stat().st_size for p in path.iterdir() if p.is_file())
    return path.stat().st_size
