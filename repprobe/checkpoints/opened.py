"""`Opened`: a checkpoint that was read, and the networks that it may hold."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from repprobe.checkpoints.filling import fill
from repprobe.checkpoints.model import Model
from repprobe.checkpoints.origin import Origin
from repprobe.checkpoints.preprocessing import Preprocessing
from repprobe.errors import CheckpointError, UsageError

if TYPE_CHECKING:
    from torch import nn

    from repprobe.checkpoints.keys import View
    from repprobe.checkpoints.reading import Contents
    from repprobe.checkpoints.state_dict import StateDict

DEFAULT = "default"
"""How a preprocessing was found that nothing tells of."""

_WRITTEN = ("torch zip", "torch legacy", "safetensors")
"""Formats that a network can be written back into."""

_OWN = ("architecture", "arguments", "preprocess")


@dataclass(frozen=True)
class Alternative:
    """An architecture that a state dict fits.

    Attributes
    ----------
    architecture, arguments : what builds it.
    view : how the keys are read.
    keys : the network's own key → the view's; None where they are the same.
    detail : what tells it from another alternative of the same architecture.
    notes : sentences the user should be told.
    also : other architectures that compute the same from the same weights.
    """

    architecture: str
    arguments: Mapping[str, Any]
    view: View
    keys: Mapping[str, str] | None = None
    detail: str = ""
    notes: tuple[str, ...] = ()
    also: tuple[str, ...] = ()


@dataclass(frozen=True, eq=False)
class Opened:
    """What a checkpoint file holds, before it is a network.

    Attributes
    ----------
    path : the file or folder.
    contents : as it was read.
    states : the state dict; of networks that were trained together, all of them. None where
        `contents` holds a ready network.
    alternatives : architectures that fit equally well; none where none is known.
    problem : why there are none.
    preprocessing : what the user, the file or the library tells; None where nobody does.
    image_size : side in pixels of the images it takes, where its config tells.
    notes : sentences the user should be told.
    stated : whether the user or the file names the architecture.
    """

    path: Path
    contents: Contents
    states: list[StateDict]
    alternatives: list[Alternative]
    problem: CheckpointError | None = None
    preprocessing: Preprocessing | None = None
    image_size: int | None = None
    notes: tuple[str, ...] = ()
    stated: bool = False

    @property
    def label(self) -> str:
        """The file's name in messages."""
        return str(self.path)

    def networks(self, which: Alternative | None = None) -> list[Model]:
        """Return the networks, as one of the alternatives; None takes the only one.

        Raises
        ------
        CheckpointError
            There is no alternative, or there are several.
        """
        if self.contents.module is not None:
            return [self._ready(self.contents.module)]
        if which is None and len(self.alternatives) != 1:
            raise self.problem or self._tie()
        chosen = which or self.alternatives[0]
        empty, arguments = built(chosen, self.states[0])
        models = []
        for number, state in enumerate(self.states, start=1):
            module = copy.deepcopy(empty) if number < len(self.states) else empty
            entry = fill(module, state, chosen.view, chosen.keys, chosen.architecture, self.label)
            told = state.beside.get("preprocess")
            model = Model(
                name=self.path.stem if number == 1 else f"{self.path.stem} {number}",
                module=module.cpu().eval(),
                architecture=chosen.architecture,
                preprocessing=self.preprocessing or Preprocessing.parse("unit", found=DEFAULT),
                arguments=arguments,
                sha256=self.contents.sha256,
                metadata={k: v for k, v in state.metadata.items() if k not in _OWN},
                notes=(*self.notes, *state.notes, *chosen.notes, *chosen.view.notes),
                origin=Origin.found(state.beside),
                entry=entry if self.contents.format in _WRITTEN else None,
                image_size=self.image_size,
            )
            if self.preprocessing is None and isinstance(told, str):
                model = _with_own(model, told, self.label)
            models.append(model)
        return models

    def _tie(self) -> CheckpointError:
        fitting = [a.architecture + a.detail for a in self.alternatives]
        shown = " and ".join(fitting[:4]) + (f" and {len(fitting) - 4} more" * (len(fitting) > 4))
        return CheckpointError(
            f"'{self.label}' fits {shown}, which differ in what they compute; say which it is with "
            f"--arch{' and --arch-arg' if self.alternatives[0].detail else ''}, or give labelled "
            "data, which tell."
        )

    def _ready(self, module: nn.Module) -> Model:
        """Return a network that the file holds whole."""
        kind = type(module)
        return Model(
            name=self.path.stem,
            module=module.cpu().eval(),
            architecture=f"{kind.__module__.partition('.')[0]} {kind.__qualname__}",
            preprocessing=self.preprocessing or Preprocessing.parse("unit", found=DEFAULT),
            sha256=self.contents.sha256,
            notes=self.notes,
            image_size=self.image_size,
        )


def built(alternative: Alternative, state: StateDict) -> tuple[nn.Module, dict[str, Any]]:
    """Build a network for a state dict, its weights not set; return its arguments, too.

    Errors are those of `architectures.build`.
    """
    from repprobe.checkpoints import architectures
    from repprobe.checkpoints.blueprint import shapes_of

    tensors = state.seen(alternative.view)
    if alternative.keys is not None:
        tensors = {own: tensors[name] for own, name in alternative.keys.items()}
    return architectures.build(alternative.architecture, alternative.arguments, shapes_of(tensors))


def _with_own(model: Model, told: str, label: str) -> Model:
    """Give a network the preprocessing that its file tells."""
    try:
        return replace(model, preprocessing=Preprocessing.parse(told, found="checkpoint"))
    except UsageError as err:
        raise CheckpointError(f"'{label}' says: {err} Give --preprocess.") from None
