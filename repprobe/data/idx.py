"""IDX files, the form in which MNIST and Fashion-MNIST are handed on."""

from __future__ import annotations

import gzip
import math
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from repprobe.data.arrays import array_part, as_inputs
from repprobe.data.dataset import Part
from repprobe.data.labels import as_labels
from repprobe.data.source import Source
from repprobe.errors import DataError

_NAMES = {
    "train": (("train-images", 3), ("train-labels", 1)),
    "test": (("t10k-images", 3), ("t10k-labels", 1)),
}


def find_idx(root: Path) -> dict[str, Path]:
    """Return the IDX files found, by stem ("train-images", …); torchvision's folders included."""
    for folder in (root, root / "raw", *sorted(root.glob("*/raw"))):
        found = {
            stem: file
            for pair in _NAMES.values()
            for stem, dims in pair
            if (file := _file(folder, stem, dims)) is not None
        }
        if found:
            return found
    return {}


def read_idx_folder(root: Path, image_size: int | None) -> Source:
    """Read MNIST's four files, gzipped or not; raises DataError for missing or damaged ones."""
    found = find_idx(root)
    parts: dict[str, Part] = {}
    for part, pair in _NAMES.items():
        missing = [stem for stem, _ in pair if stem not in found]
        if len(missing) == 2 and part == "test":
            continue
        if missing:
            raise DataError(f"'{root}' lacks the IDX file {missing[0]}-idx…-ubyte[.gz].")
        (images, _), (labels, _) = pair
        origin = f"'{found[images]}'"
        inputs, _, _ = as_inputs(read_idx(found[images]), f"the images of {origin}")
        classes = as_labels(read_idx(found[labels]), f"the labels of '{found[labels]}'")
        parts[part] = array_part(inputs, classes, image_size, origin)
    files = tuple(found.values())
    return Source(parts["train"], parts.get("test"), "classification", 255.0, root, files)


def read_idx(path: Path) -> NDArray[np.uint8]:
    """Return the array of one IDX file of unsigned bytes; raises DataError if it is damaged.

    Format: two zero bytes, type (0x08), number of axes, each axis as big-endian uint32, values.
    """
    try:
        with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
            content = stream.read()
    except (OSError, EOFError, zlib.error) as err:
        raise DataError(f"cannot read '{path}': {' '.join(str(err).split())}.") from err
    axes = content[3] if content[:3] == b"\x00\x00\x08" and len(content) > 3 else 0
    head = 4 + 4 * axes
    shape = tuple(np.frombuffer(content[4:head], ">u4").tolist()) if len(content) >= head else ()
    if not axes or len(shape) != axes or len(content) - head != math.prod(shape):
        raise DataError(f"'{path}' is not a whole IDX file of unsigned bytes; fetch it again.")
    return np.frombuffer(content, np.uint8, offset=head).reshape(shape)


def _file(folder: Path, stem: str, dims: int) -> Path | None:
    names = (f"{stem}{dot}idx{dims}-ubyte{gz}" for gz in ("", ".gz") for dot in "-.")
    return next((folder / n for n in names if (folder / n).is_file()), None)
