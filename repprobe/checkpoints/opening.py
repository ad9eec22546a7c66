"""`open_checkpoint`: a checkpoint is read, and the architectures that it may have are found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from repprobe.checkpoints import stated
from repprobe.checkpoints.filling import difference
from repprobe.checkpoints.opened import Alternative, Opened, built
from repprobe.checkpoints.preprocessing import Preprocessing
from repprobe.checkpoints.recognition.filling import arranged
from repprobe.checkpoints.recognition.fingerprints import Progress
from repprobe.errors import CheckpointError, UsageError

if TYPE_CHECKING:
    from repprobe.checkpoints.state_dict import StateDict

_BY_TF = ("torchvision:googlenet", "torchvision:inception_v3")
_TF_NOTE = (
    "torchvision's own weights of this network expect --preprocess 0.5/0.5: the input transform "
    "it has for them is off."
)


def open_checkpoint(
    path: Path,
    *,
    arch: str | None = None,
    arch_args: Mapping[str, Any] | None = None,
    entry: str | None = None,
    trust: bool = False,
    preprocess: str | None = None,
    together: bool = False,
    progress: Progress | None = None,
) -> Opened:
    """Read a checkpoint, and find what its networks may be.

    Parameters
    ----------
    together : whether networks that were trained together are all taken, not just the first.
    path, arch, arch_args, entry, trust, preprocess, progress : as in `load_model`.

    Raises
    ------
    RepprobeError
        As `load_model`, but for networks that nothing or several architectures fit.
    """
    if arch_args and not arch:
        raise UsageError("arch_args is for the builder that arch names, and arch is missing.")
    option = Preprocessing.parse(preprocess) if preprocess else None

    from repprobe.checkpoints import huggingface
    from repprobe.checkpoints.reading import read
    from repprobe.checkpoints.state_dict import find_state_dict, find_state_dicts

    contents, label = read(path, trust=trust), str(path)
    sizes = huggingface.input_size(contents.config) if contents.config else None
    opened = Opened(
        path,
        contents,
        states=[],
        alternatives=[],
        preprocessing=option,
        image_size=sizes[1] if sizes and sizes[1] == sizes[2] else None,
        notes=contents.left_out,
    )
    if contents.module is not None and arch is None and entry is None:
        return opened
    if together:
        states = find_state_dicts(contents.data, label, entry)
    else:
        states = [find_state_dict(contents.data, label, entry)]
    opened = replace(opened, contents=replace(contents, module=None), states=states)
    told = huggingface.architecture_of(contents.config) if contents.config else None
    known = stated.stated_architecture(states[0].beside, arch, arch_args or {}, label)
    if known is None and told is not None:
        known = told[:2]
    if option is None and told is not None and told[2] is not None:
        opened = replace(opened, preprocessing=Preprocessing.parse(told[2], found="config"))
    if known is not None:
        fitting = _fitting(*known, states[0], label)
        return replace(opened, alternatives=[fitting], stated=True)
    try:
        return replace(opened, alternatives=_recognized(states[0], label, progress))
    except CheckpointError as problem:
        return replace(opened, problem=_hinted(problem, states[0], label))


def _fitting(
    architecture: str, arguments: Mapping[str, Any], state: StateDict, label: str
) -> Alternative:
    """Return how the keys are read as those of a known architecture.

    Raises
    ------
    CheckpointError
        No way to read them fits; the message tells of the one that is nearest.
    """
    nearest: tuple[int, CheckpointError] | None = None
    for view in state.views():
        alternative = Alternative(architecture, arguments, view, notes=_notes_on(architecture))
        try:
            module, _ = built(alternative, state)
        except CheckpointError as error:
            nearest = nearest or (0, error)
            continue
        own, tensors, keys = module.state_dict(), state.seen(view), None
        if architecture.startswith("transformers:"):
            from repprobe.checkpoints.huggingface import transformers_keys

            keys = transformers_keys(module, tensors)
            tensors = {name: tensors[name] for name in keys.values()}
        given = arranged(own, tensors, keys)
        reason = difference(own, given)
        if not reason:
            return replace(alternative, keys=keys)
        common = len(own.keys() & given.keys())
        if nearest is None or common > nearest[0]:
            problem = CheckpointError(f"'{label}' does not fit {architecture}: {reason}.")
            nearest = (common, problem)
    assert nearest is not None  # there is always a first way to read them
    raise nearest[1]


def _recognized(state: StateDict, label: str, progress: Progress | None) -> list[Alternative]:
    """Return the architectures that the tensors fit, read in the first way that fits any."""
    from repprobe.checkpoints.blueprint import shapes_of
    from repprobe.checkpoints.recognition.identify import identify

    problem: CheckpointError | None = None
    function = stated.own_architecture(state.beside)
    told = _function_note(function) if stated.is_function(function) else ()
    for view in state.views():
        try:
            found = identify(shapes_of(state.seen(view)), label, progress)
        except CheckpointError as error:
            problem = problem or error
            continue
        return [
            Alternative(
                c.architecture,
                c.arguments,
                view,
                c.keys,
                c.detail,
                (*told, *_notes_on(c.architecture, recognized=True)),
                c.also,
            )
            for c in found
        ]
    assert problem is not None  # there is always a first way to read them
    raise problem


def _notes_on(architecture: str, recognized: bool = False) -> tuple[str, ...]:
    """Return what the user should be told of an architecture."""
    if architecture in _BY_TF:
        return (_TF_NOTE,)
    if recognized and architecture.startswith("pyg:"):
        from repprobe.checkpoints.recognition import pyg

        return (pyg.UNTOLD.format(architecture),)
    return ()


def _function_note(function: str) -> tuple[str, ...]:
    return (
        f"The file names the architecture {function}, which would run code and is not used; if it "
        "is yours, give it with --arch.",
    )


def _hinted(problem: CheckpointError, state: StateDict, label: str) -> CheckpointError:
    """Say more of an unknown architecture: the function that made it, or that it is plain."""
    from repprobe.checkpoints import recovery
    from repprobe.checkpoints.blueprint import shapes_of

    function = stated.own_architecture(state.beside)
    if not stated.is_function(function):
        try:
            plain = recovery.read_chain(shapes_of(state.seen(state.views()[0])), label)
        except CheckpointError:
            return problem
        return CheckpointError(
            f"'{label}' is a plain network of {len(plain)} layers with weights that no library "
            "has; its file does not tell activations, strides and poolings, which labelled data "
            "can; give data, or --arch."
        )
    return CheckpointError(
        f"'{label}' was trained with {function}; give --arch {function}, if you trust that file: "
        "it is run."
    )
