"""From a checkpoint file to a `Model`: read, find the architecture, put the weights in."""

from __future__ import annotations

import os
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from repprobe.checkpoints.fingerprints import Progress
from repprobe.checkpoints.model import Model
from repprobe.checkpoints.origin import Origin
from repprobe.checkpoints.preprocessing import Preprocessing
from repprobe.errors import CheckpointError, UsageError

if TYPE_CHECKING:
    from torch import Tensor, nn

    from repprobe.checkpoints.state_dict import StateDict

_OWN = ("architecture", "arguments", "preprocess")
_TF_NOTE = (
    "torchvision's own weights of this network expect --preprocess 0.5/0.5: the input transform "
    "it has for them is off."
)


def load_model(
    path: str | os.PathLike[str],
    *,
    arch: str | None = None,
    arch_args: Mapping[str, Any] | None = None,
    preprocess: str | None = None,
    progress: Progress | None = None,
) -> Model:
    """Open a checkpoint; nothing in the file is run.

    Parameters
    ----------
    path : a file written by `torch.save` or safetensors.
    arch : torchvision:NAME, timm:NAME, pyg:NAME, zoo:NAME or file.py:function; without it the
        file's own entry is used (if repprobe wrote it), or the architecture is found by the
        names and shapes of the tensors.
    arch_args : keyword arguments for the builder that `arch` names. Where the file says that it
        was trained with that function of that file, they are added to those it has.
    preprocess : imagenet, cifar10, unit, none or MEAN/STD; without it the file's own entry is
        used, or "unit".
    progress : called with (stage, done, total) where something takes long.

    Returns
    -------
    Model
        In evaluation mode, on the CPU.

    Raises
    ------
    UnsafeCheckpointError
        The file asks to run code.
    CheckpointError
        The file cannot be read, its architecture is unknown, or it does not fit `arch`.
    UsageError
        `arch`, `arch_args` or `preprocess` cannot be used.
    """
    path = Path(path)
    if arch_args and not arch:
        raise UsageError("arch_args is for the builder that arch names, and arch is missing.")
    option = Preprocessing.parse(preprocess) if preprocess else None

    from repprobe.checkpoints.reading import read
    from repprobe.checkpoints.state_dict import find_state_dict

    contents = read(path)
    state = find_state_dict(contents.data, str(path))
    module, architecture, arguments, notes = _network(state, arch, arch_args, str(path), progress)
    notes += _fill(module, state, architecture, str(path))
    return Model(
        name=path.stem,
        module=module.cpu().eval(),
        architecture=architecture,
        preprocessing=option or _own_preprocessing(state, str(path)),
        arguments=arguments,
        sha256=contents.sha256,
        metadata={k: v for k, v in state.metadata.items() if k not in _OWN},
        notes=(*state.notes, *notes),
        origin=Origin.found(state.beside),
    )


def _network(
    state: StateDict,
    arch: str | None,
    arch_args: Mapping[str, Any] | None,
    label: str,
    progress: Progress | None,
) -> tuple[nn.Module, str, dict[str, Any], list[str]]:
    """Build the network: as the user says, as the file says, or as the tensors tell."""
    from repprobe.checkpoints import architectures, identify, pyg
    from repprobe.checkpoints.blueprint import shapes_of

    # but for `convs`, no named network has all its keys under one name: the rest is a wrapper's
    wrappers = [prefix for prefix in state.levels() if pyg.ROUNDS not in prefix]
    shapes = shapes_of(state.without(wrappers[-1]))
    notes: list[str] = []
    given = dict(arch_args or {})
    own = state.beside.get("architecture")
    own = own if isinstance(own, str) and own.isprintable() else ""
    function = own if own.rpartition(":")[0].endswith(".py") else ""
    if not arch and own.partition(":")[0] in architectures.LIBRARIES and ":" in own:
        arch, given = own, _own_arguments(state, label)
    elif arch and function and _is_same(arch, function):
        given = {**_plain_arguments(state, label), **given}
    if not arch:
        try:
            found = identify.identify(shapes, label, progress)
        except CheckpointError:
            if not function:
                raise
            raise CheckpointError(
                f"'{label}' was trained with {function}; give --arch {function}, if you trust "
                "that file: it is run."
            ) from None
        if function:
            notes.append(
                f"The file names the architecture {function}, which would run code and is not "
                "used; if it is yours, give it with --arch."
            )
        arch, given = found.architecture, found.arguments
        if arch.startswith("pyg:"):
            notes.append(pyg.UNTOLD.format(arch))
    module, arguments = architectures.build(arch, given, shapes)
    if arch in ("torchvision:googlenet", "torchvision:inception_v3"):
        notes.append(_TF_NOTE)
    return module, arch, arguments, notes


def _own_arguments(state: StateDict, label: str) -> dict[str, Any]:
    """Return the builder's arguments from the file, unless they would read another file."""
    from repprobe.checkpoints import architectures

    arguments = _named_arguments(state, label)
    for name in arguments:
        if name.startswith(architectures.LOADS_MORE):
            raise CheckpointError(
                f"'{label}': its entry 'arguments' sets {name}, which only the user may do; give "
                "--arch."
            )
    return arguments


def _plain_arguments(state: StateDict, label: str) -> dict[str, Any]:
    """Return the arguments from the file, without those that would read another file."""
    from repprobe.checkpoints.architectures import LOADS_MORE

    named = _named_arguments(state, label)
    return {name: value for name, value in named.items() if not name.startswith(LOADS_MORE)}


def _named_arguments(state: StateDict, label: str) -> dict[str, Any]:
    arguments = state.beside.get("arguments", {})
    if not isinstance(arguments, dict) or not all(isinstance(k, str) for k in arguments):
        raise CheckpointError(f"'{label}': its entry 'arguments' is not a dictionary of names.")
    return arguments


def _is_same(given: str, own: str) -> bool:
    """Say whether two FILE.py:FUNCTION have the same names, wherever the files lie."""
    return Path(given).name == Path(own).name


def _own_preprocessing(state: StateDict, label: str) -> Preprocessing:
    own = state.beside.get("preprocess")
    if not isinstance(own, str):
        return Preprocessing.parse("unit", found="default")
    try:
        return Preprocessing.parse(own, found="checkpoint")
    except UsageError as err:
        raise CheckpointError(f"'{label}' says: {err} Give --preprocess.") from None


def _fill(module: nn.Module, state: StateDict, architecture: str, label: str) -> list[str]:
    """Put the tensors into the network; returns what should be said about it."""
    own = module.state_dict()
    prefix = max(state.levels(), key=lambda p: len(own.keys() & state.without(p).keys()))
    tensors = OrderedDict(state.without(prefix))
    for key, value in own.items():
        if key.endswith("num_batches_tracked"):
            tensors.setdefault(key, value)
    # without it torchvision's MNASNet takes the weights for those of its first version
    tensors._metadata = getattr(own, "_metadata", {})  # type: ignore[attr-defined]
    try:
        module.load_state_dict(tensors)
    except Exception as err:
        reason = _difference(own, tensors) or _first_line(err)
        raise CheckpointError(f"'{label}' does not fit {architecture}: {reason}.") from None
    return [f"The prefix '{prefix}' was taken off the keys."] if prefix else []


def _difference(own: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> str:
    """Say which keys are missing, unexpected, or of another shape."""
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
