"""Arrays in memory: what makes them images or plain inputs, and the `.npz` that holds them."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from repprobe.data.dataset import ArrayPart, Part
from repprobe.data.images import ResizedPart
from repprobe.data.labels import Labels, as_labels, task_of
from repprobe.data.source import Source
from repprobe.errors import DataError

Raw = NDArray[np.uint8] | NDArray[np.float32]
Named = tuple[str, NDArray[np.generic]]

KEYS = {
    "train": (("x_train", "y_train"), ("train_images", "train_labels"), ("x", "y")),
    "test": (("x_test", "y_test"), ("test_images", "test_labels"), ("x_val", "y_val")),
}
"""Names of inputs and labels in an `.npz`, the usual first; also as MedMNIST has them."""

_CHANNELS = (1, 3, 4)


def as_inputs(values: NDArray[np.generic], origin: str) -> tuple[Raw, float, str]:
    """Return inputs in the shape a network takes, their unit, and a note (mostly "").

    uint8 (n, h, w), (n, h, w, channels) and (n, channels, h, w) become images (n, channels, h,
    w) with unit 255; uint8 (n, d) becomes float32 with unit 255; floats are used as they are.

    Raises
    ------
    DataError
        Another type, a shape that is none of these, or a float that is NaN or infinite.
    """
    if values.dtype.kind == "f" and values.ndim >= 2:
        floats = values.astype(np.float32, copy=False)
        for start in range(0, len(floats), 1024):
            bad = ~np.isfinite(floats[start : start + 1024].reshape(-1, floats[0].size)).all(axis=1)
            if bad.any():
                raise DataError(
                    f"{origin} hold NaN or infinity at row {start + int(np.argmax(bad))}; leave "
                    "such examples out."
                )
        last = (
            floats.ndim == 4 and floats.shape[3] in _CHANNELS and floats.shape[1] not in _CHANNELS
        )
        return floats, 1.0, f"{origin} were used as they are, with channels last." if last else ""
    if values.dtype != np.uint8 or values.ndim not in (2, 3, 4):
        raise DataError(
            f"{origin} are {values.dtype} of shape {values.shape}; store images as uint8 (n, h, w) "
            "or (n, h, w, channels) and other inputs as floats (n, …)."
        )
    images = values.astype(np.uint8, copy=False)
    if images.ndim == 2:
        return images.astype(np.float32), 255.0, ""
    if images.ndim == 3:
        return images[:, None], 255.0, ""
    axis, note = _channel_axis(images.shape, origin)
    return images if axis == 1 else images.transpose(0, 3, 1, 2), 255.0, note


def array_part(inputs: Raw, labels: Labels, image_size: int | None, origin: str) -> Part:
    """Return the part, or a view of it that resizes images; raises DataError if none are."""
    if len(inputs) != len(labels):
        raise DataError(f"{origin} has {len(inputs)} inputs but {len(labels)} labels.")
    part = ArrayPart(inputs, labels)
    if image_size is None or inputs.shape[2:] == (image_size, image_size):
        return part
    if inputs.ndim != 4:
        raise DataError(
            f"--image-size needs images, but the inputs of {origin} have shape {inputs.shape[1:]}."
        )
    return ResizedPart(part, image_size)


def read_npz(path: Path, image_size: int | None) -> Source:
    """Read an `.npz` with `x_train, y_train` and, where there is one, `x_test, y_test`.

    `x, y` alone are split later; `classes` may hold the names. Nothing is unpickled. Raises
    DataError for a damaged file, missing arrays, and what `as_inputs` and `as_labels` refuse.
    """
    stored, names = _load(path)
    parts: dict[str, Part] = {}
    units: list[float] = []
    notes: list[str] = []
    for part, ((x_name, x), (y_name, y)) in stored.items():
        if not x.size:
            raise DataError(f"{x_name} of '{path}' is empty.")
        labels = as_labels(y, f"{y_name} of '{path}'")
        inputs, unit, note = as_inputs(x, f"{x_name} of '{path}'")
        parts[part] = array_part(inputs, labels, image_size, f"the {part} part of '{path}'")
        units.append(unit)
        notes += [note] if note else []
        if task_of(labels) == "regression" and (labels == np.round(labels)).all():
            notes.append(
                f"{y_name} are floats and taken as regression targets; store integers for classes."
            )
    train, test = parts["train"], parts.get("test")
    task = task_of(train.labels)
    if test is not None and (task_of(test.labels) != task or units[0] != units[1]):
        raise DataError(f"training and test arrays of '{path}' differ in type; store both alike.")
    classes = names if task == "classification" else ()
    return Source(train, test, task, units[0], path, (path,), classes, tuple(notes))


def _load(path: Path) -> tuple[dict[str, tuple[Named, Named]], tuple[str, ...]]:
    """Return inputs and labels of each part with their names, and the class names."""
    stored: dict[str, tuple[Named, Named]] = {}
    with open_npz(path) as archive:
        names = {name.lower(): name for name in archive.files}
        for part in KEYS:
            if (keys := _keys(part, names, path)) is not None:
                x, y = (names[key] for key in keys)
                stored[part] = (x, archive[x]), (y, archive[y])
        classes = archive[names["classes"]].ravel().tolist() if "classes" in names else []
    return stored, tuple(str(c) for c in classes)


@contextmanager
def open_npz(path: Path) -> Iterator[Any]:
    """Give the archive to read from; raises DataError if it is damaged or asks for a pickle."""
    if not zipfile.is_zipfile(path):
        raise DataError(f"'{path}' is no .npz archive, or it is cut off; save it again.")
    try:
        with np.load(path, allow_pickle=False) as archive:
            yield archive
    except DataError:
        raise
    # A damaged archive fails with almost any exception of zipfile, zlib and numpy.
    except Exception as err:
        reason = " ".join(str(err).split()).rstrip(".")
        if "allow_pickle" in reason:
            reason = "it holds Python objects, which are never unpickled; store plain arrays"
        raise DataError(f"cannot read '{path}' as .npz: {reason}.") from err


def _keys(part: str, names: dict[str, str], path: Path) -> tuple[str, str] | None:
    for x, y in KEYS[part]:
        if x in names and y in names:
            return x, y
        if (x in names) != (y in names):
            have, lacks = (x, y) if x in names else (y, x)
            raise DataError(f"'{path}' holds {have} but not {lacks}; it needs both.")
    if part == "test":
        return None
    raise DataError(
        f"'{path}' holds {', '.join(names.values()) or 'nothing'}; need x_train and y_train, and "
        "x_test and y_test for the test part."
    )


def _channel_axis(shape: tuple[int, ...], origin: str) -> tuple[int, str]:
    """Return 1 or 3, and a note where the shape leaves it open; (h, w) square tips the scale."""
    square = {1: shape[2] == shape[3], 3: shape[1] == shape[2]}
    likely = [axis for axis in (1, 3) if shape[axis] in _CHANNELS]
    if len(likely) != 1:
        likely = [axis for axis in likely or (1, 3) if square[axis]] or likely
    if not likely:
        raise DataError(
            f"{origin} have shape {shape}: neither axis 1 nor axis 3 looks like channels; store "
            "them as (n, h, w, 3) or as floats (n, channels, h, w)."
        )
    note = f"{origin} were taken as (n, channels, height, width)." if len(likely) > 1 else ""
    return likely[0], note
