"""From a checkpoint file to its `Model`s: read, find the architecture, put the weights in."""

from __future__ import annotations

import copy
import os
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from repprobe.checkpoints.entry import Entry
from repprobe.checkpoints.model import Model
from repprobe.checkpoints.origin import Origin
from repprobe.checkpoints.preprocessing import Preprocessing
from repprobe.checkpoints.recognition.fingerprints import Progress
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

    Of networks that were trained together it is the first.

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
    return _load(path, arch, arch_args, preprocess, progress, together=False)[0]


def load_networks(
    path: str | os.PathLike[str],
    *,
    arch: str | None = None,
    arch_args: Mapping[str, Any] | None = None,
    preprocess: str | None = None,
    progress: Progress | None = None,
) -> list[Model]:
    """Open a checkpoint and return all networks in it that were trained together.

    Mostly it is one; the methods `co-teaching` and `dividemix` train two, and theirs are the
    entries `state_dict` and `state_dict_2`. Parameters and errors are those of `load_model`.
    """
    return _load(path, arch, arch_args, preprocess, progress, together=True)


def _load(
    path: str | os.PathLike[str],
    arch: str | None,
    arch_args: Mapping[str, Any] | None,
    preprocess: str | None,
    progress: Progress | None,
    together: bool,
) -> list[Model]:
    path = Path(path)
    if arch_args and not arch:
        raise UsageError("arch_args is for the builder that arch names, and arch is missing.")
    option = Preprocessing.parse(preprocess) if preprocess else None

    from repprobe.checkpoints.reading import read
    from repprobe.checkpoints.state_dict import find_state_dict, find_state_dicts

    contents, label = read(path), str(path)
    if together:
        states = find_state_dicts(contents.data, label)
    else:
        states = [find_state_dict(contents.data, label)]
    empty, architecture, arguments, notes = _network(states[0], arch, arch_args, label, progress)
    models = []
    for number, state in enumerate(states, start=1):
        module = copy.deepcopy(empty) if number < len(states) else empty
        entry = _fill(module, state, architecture, label)
        prefix = [f"The prefix '{entry.prefix}' was taken off the keys."] if entry.prefix else []
        model = Model(
            name=path.stem if number == 1 else f"{path.stem} {number}",
            module=module.cpu().eval(),
            architecture=architecture,
            preprocessing=option or _own_preprocessing(state, label),
            arguments=arguments,
            sha256=contents.sha256,
            metadata={k: v for k, v in state.metadata.items() if k not in _OWN},
            notes=(*state.notes, *notes, *prefix),
            origin=Origin.found(state.beside),
            entry=entry,
        )
        models.append(model)
    return models


def _network(
    state: StateDict,
    arch: str | None,
    arch_args: Mapping[str, Any] | None,
    label: str,
    progress: Progress | None,
) -> tuple[nn.Module, str, dict[str, Any], list[str]]:
    """Build the network: as the user says, as the file says, or as the tensors tell."""
    from repprobe.checkpoints import architectures
    from repprobe.checkpoints.blueprint import shapes_of
    from repprobe.checkpoints.recognition import identify, pyg

    # but for `convs`, no named network has all its keys under one name: the rest is a wrapper's
    wrappers = [prefix for prefix in state.levels() if pyg.ROUNDS not in prefix]
    shapes = shapes_of(state.without(wrappers[-1]))
    notes: list[str] = []
    own = state.beside.get("architecture")
    own = own if isinstance(own, str) and own.isprintable() else ""
    function = own if _is_function(own) else ""
    known = _known(own, state.beside.get("arguments", {}), arch, dict(arch_args or {}), label)
    if known is not None:
        arch, given = known
    else:
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


def _known(
    own: str, stated: Any, arch: str | None, given: dict[str, Any], label: str
) -> tuple[str, dict[str, Any]] | None:
    """Return architecture and arguments as the user says, or as the file says; None if neither.

    Where the file holds a network that was cut, the user speaks of the one it was cut from.

    Parameters
    ----------
    own, stated : the entries `architecture` ("" if there is none) and `arguments` of the file.
    """
    from repprobe.checkpoints.architectures import CUT, LIBRARIES, LOADS_MORE

    if own.startswith(CUT):
        entries = _named_arguments(stated, label)
        whole = own.removeprefix(CUT)
        base = _known(whole, entries.get("base", {}), arch, given, label)
        if base is None:
            raise CheckpointError(
                f"'{label}' holds a network that was cut from {whole}; give --arch {whole}, if you "
                "trust that file: it is run."
            )
        return CUT + base[0], {**entries, "base": base[1]}
    if arch:
        if _is_function(own) and Path(arch).name == Path(own).name:  # wherever the files lie
            named = _named_arguments(stated, label).items()
            given = {**{k: v for k, v in named if not k.startswith(LOADS_MORE)}, **given}
        return arch, given
    if own.partition(":")[0] not in LIBRARIES or ":" not in own:
        return None
    arguments = _named_arguments(stated, label)
    for name in arguments:
        if name.startswith(LOADS_MORE):
            raise CheckpointError(
                f"'{label}': its entry 'arguments' sets {name}, which only the user may do; give "
                "--arch."
            )
    return own, arguments


def _is_function(architecture: str) -> bool:
    """Whether an architecture is FILE.py:FUNCTION."""
    return architecture.rpartition(":")[0].endswith(".py")


def _named_arguments(arguments: Any, label: str) -> dict[str, Any]:
    if not isinstance(arguments, dict) or not all(isinstance(k, str) for k in arguments):
        raise CheckpointError(f"'{label}': its entry 'arguments' is not a dictionary of names.")
    return arguments


def _own_preprocessing(state: StateDict, label: str) -> Preprocessing:
    own = state.beside.get("preprocess")
    if not isinstance(own, str):
        return Preprocessing.parse("unit", found="default")
    try:
        return Preprocessing.parse(own, found="checkpoint")
    except UsageError as err:
        raise CheckpointError(f"'{label}' says: {err} Give --preprocess.") from None


def _fill(module: nn.Module, state: StateDict, architecture: str, label: str) -> Entry:
    """Put the tensors into the network; returns where they came from."""
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
    dtypes = {key: state.dtypes[prefix + key] for key in own if prefix + key in state.dtypes}
    return Entry(state.way, prefix, dtypes)


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
