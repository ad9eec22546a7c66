"""The networks that a call names, opened: those to probe, and what they are compared with."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from repprobe.errors import UnknownNameError, nearest
from repprobe.pipeline.lineup import INPUT, RANDOM
from repprobe.settings import Settings

if TYPE_CHECKING:
    from repprobe.checkpoints import Model
    from repprobe.data.sized import SizedData

Progress = Callable[[str, int, int], None]

_NAMES = (RANDOM, INPUT)


@dataclass(frozen=True, eq=False)
class Loaded:
    """The networks of a call.

    Attributes
    ----------
    models : to be probed.
    references : what they are compared with.
    random : whether they are compared with networks with fresh weights, too.
    earlier : what blocks are rewound to; None where nothing was named.
    """

    models: list[Model]
    references: list[Model]
    random: bool
    earlier: Model | None

    @property
    def all(self) -> list[Model]:
        """Every network there is."""
        return [*self.models, *self.references, *([self.earlier] if self.earlier else [])]


def load_all(
    wanted: Sequence[Any], settings: Settings, data: SizedData, progress: Progress
) -> Loaded:
    """Open the networks to be probed, and those that the settings name beside them.

    What their files leave open is told by the data.

    Raises
    ------
    UnknownNameError
        A reference is neither a file nor the name of one there is without a file.
    RepprobeError
        As `load_model`.
    """
    models = [_load(model, settings, data, progress) for model in wanted]
    references = [r for r in settings.references if not _is_name(r)]
    return Loaded(
        models,
        [_load(reference, settings, data, progress) for reference in references],
        RANDOM in settings.references,
        None if settings.rewind is None else _load(settings.rewind, settings, data, progress),
    )


def _is_name(reference: Any) -> bool:
    """Say whether a reference is one without a file; raises UnknownNameError for a near miss."""
    if not isinstance(reference, str) or reference in _NAMES:
        return isinstance(reference, str)
    path = Path(reference)
    if not path.exists() and path.name == path.stem == reference and nearest(reference, _NAMES):
        hint = "A checkpoint file can be named, too."
        raise UnknownNameError.near("reference", reference, _NAMES, hint)
    return False


def _load(model: Any, settings: Settings, data: SizedData, progress: Progress) -> Model:
    from repprobe.checkpoints import Model, load_model

    if isinstance(model, Model):
        return model
    if isinstance(model, (str, os.PathLike)):
        return load_model(
            Path(model),
            data=data,
            image_size=settings.image_size,
            progress=progress,
            **settings.opening,
        )
    return Model.of_module(model, settings.preprocess)
