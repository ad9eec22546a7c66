"""Data for networks that were trained on some: read alike, and compared with what they saw."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from repprobe.data import Data, known_names, load_data
from repprobe.errors import UsageError

if TYPE_CHECKING:
    from repprobe.checkpoints import Model
    from repprobe.checkpoints.origin import Origin


def data_for(
    models: Sequence[Model], source: str | os.PathLike[str] | Data, image_size: int | None
) -> tuple[Data, int | None]:
    """Return the data, and the size that images were brought to: by default that of training.

    Data without a test part are split in the same way as for training, whatever the seed.

    Raises
    ------
    DataError, UnknownNameError
        As in `load_data`.
    UsageError
        No size is given, and the networks were trained on images of several.
    """
    if isinstance(source, Data):
        return source, image_size
    if image_size is not None or (trained := _trained_size(models)) is None:
        return load_data(source, image_size=image_size), image_size
    data = load_data(source, image_size=trained)
    note = f"images are resized to {trained} pixels, as for training; --image-size says otherwise."
    return replace(data, notes=(*data.notes, note)), trained


def notes_on_seen(
    origin: Origin | None, data: Data, image_size: int | None, clean: NDArray[np.int64]
) -> list[str]:
    """Return what the user must know of data that the network may have been trained on.

    Parameters
    ----------
    origin : of the network; None where its file tells nothing.
    image_size : that the data were read with.
    clean : (n,) rows of the training part whose labels the probes are fitted on.
    """
    if origin is None:
        return []
    if origin.fingerprint == data.fingerprint:
        if len(origin.rows) == len(data.train):
            return []
        seen = int(np.isin(clean, origin.rows).sum())
        return [f"{seen:,} of {len(clean):,} clean labels are of examples it was trained on."]
    # the size enters the fingerprint
    if image_size == origin.image_size and _may_be_alike(origin, data):
        return [
            f"it was trained on other data than '{data.name}' holds now, or on another split of "
            "them (the fingerprints differ): test examples may be among those it was trained on."
        ]
    return []


def _trained_size(models: Sequence[Model]) -> int | None:
    sizes = {m.origin.image_size: m.name for m in models if m.origin is not None}
    if len(sizes) > 1:
        (one, first), (other, second), *_ = sizes.items()
        raise UsageError(
            f"'{first}' was trained on images {_in_words(one)}, '{second}' on images "
            f"{_in_words(other)}; give --image-size, or probe one network at a time."
        )
    return next(iter(sizes), None)


def _in_words(size: int | None) -> str:
    return "as they are" if size is None else f"of {size} pixels"


def _may_be_alike(origin: Origin, data: Data) -> bool:
    """Say whether the data have the same name, or as many examples and no well-known name."""
    if origin.data == data.name:
        return True
    if {origin.data, data.name} <= set(known_names()):
        return False
    return len(origin.rows) == len(data.train)
