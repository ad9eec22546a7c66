"""Data for networks that were trained on some: read alike, and compared with what they saw."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from repprobe.data import Data, known_names
from repprobe.data.class_order import renumbered
from repprobe.data.sized import SizedData
from repprobe.errors import UsageError

if TYPE_CHECKING:
    from repprobe.checkpoints import Model
    from repprobe.checkpoints.origin import Origin


def data_for(
    models: Sequence[Model],
    source: str | os.PathLike[str] | Data | SizedData,
    image_size: int | None,
) -> tuple[Data, int | None]:
    """Return the data, and the size that images were brought to: by default that of training.

    Where a checkpoint does not tell it, it is the size that was found for the network, if one
    was. Data without a test part are split in the same way as for training, whatever the seed.

    Raises
    ------
    DataError, UnknownNameError
        As in `load_data`.
    UsageError
        No size is given, and the networks were trained on images of several.
    """
    sized = source if isinstance(source, SizedData) else SizedData(source)
    if not sized.has_sizes or image_size is not None:
        return sized.at(image_size), image_size
    size = _size_of(models)
    data = sized.at(size)
    if size is None:
        return data, None
    trained = any(model.origin is not None for model in models)
    why = "as for training" if trained else "which the network takes"
    note = f"images are resized to {size} pixels, {why}; --image-size says otherwise."
    return replace(data, notes=(*data.notes, note)), size


def in_class_order(data: Data, classes: str | None) -> tuple[Data, tuple[int, ...] | None]:
    """Number the classes of the data as the user says that networks number their outputs.

    Parameters
    ----------
    classes : as `--classes` takes them; None leaves the data as they are.

    Returns
    -------
    data, columns
        For each class its output, where there are more outputs than classes: then the data are
        as they were. None elsewhere.

    Raises
    ------
    UsageError, UnknownNameError
        As `parse_classes`, or the data have no classes.
    """
    if classes is None:
        return data, None
    if data.task == "regression":
        raise UsageError(f"--classes is for classes, and '{data.name}' has none; leave it out.")
    from repprobe.checkpoints.evidence import parse_classes

    order = parse_classes(classes, data.classes)
    if max(order) < len(data.classes):
        return renumbered(data, order), None
    return data, order


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


def _size_of(models: Sequence[Model]) -> int | None:
    """Return the size of images that the networks have in common; raises UsageError if none."""
    trained = {m.origin.image_size: m.name for m in models if m.origin is not None}
    sizes = trained or {m.image_size: m.name for m in models}
    if len(sizes) > 1:
        (one, first), (other, second), *_ = sizes.items()
        how = "was trained on" if trained else "takes"
        raise UsageError(
            f"'{first}' {how} images {_in_words(one)}, '{second}' images "
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
