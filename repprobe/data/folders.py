"""Images in one sub-folder per class, with `train/` and `test/` above them or without."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from repprobe.data.images import Decoder
from repprobe.data.source import Source
from repprobe.errors import DataError

SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
TRAIN = ("train", "training")
TEST = ("test", "val", "validation", "valid")
"""Folder names of the two parts; of several test parts the first one is taken."""


@dataclass(frozen=True)
class FilePart:
    """Image files, decoded when they are asked for."""

    files: tuple[Path, ...]
    labels: NDArray[np.int64]
    decoder: Decoder
    whole: ClassVar[bool] = False

    def __len__(self) -> int:
        return len(self.files)

    def inputs(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        files = [self.files[i] for i in indices]
        return self.decoder.stack([self.decoder.decode(f, f"'{f}'") for f in files])


def holds_images(root: Path) -> bool:
    """Say whether the folder has sub-folders at all: the layout that is tried last."""
    return bool(_folders(root))


def read_folders(root: Path, image_size: int | None) -> Source:
    """Read a folder with one sub-folder per class.

    Classes are numbered by the sorted names of their folders, as torchvision's `ImageFolder`
    does; images are looked for below them at any depth. Raises DataError for a class without
    images, a test class that the training part lacks, or an image that cannot be decoded.
    """
    train_root, test_root = _parts(root)
    classes = tuple(f.name for f in _folders(train_root))
    train_files, train_labels = _files(train_root, classes)
    empty = np.setdiff1d(np.arange(len(classes)), train_labels)
    if len(empty) == len(classes):
        raise DataError(f"no image was found in the sub-folders of '{train_root}'.")
    if len(empty):
        raise DataError(
            f"class folder '{train_root / classes[empty[0]]}' holds no image; fill or remove it."
        )
    decoder = Decoder.like(train_files[0], f"'{train_files[0]}'", image_size)
    train = FilePart(train_files, train_labels, decoder)
    test, files = None, train_files
    if test_root is not None:
        strange = [f for f in _folders(test_root) if f.name not in classes]
        if strange:
            raise DataError(f"test class '{strange[0]}' has no folder in '{train_root}'.")
        test_files, test_labels = _files(test_root, classes)
        if not test_files:
            raise DataError(f"no image was found in the sub-folders of '{test_root}'.")
        test = FilePart(test_files, test_labels, decoder)
        files += test_files
    return Source(train, test, "classification", 255.0, root, files, classes)


def _parts(root: Path) -> tuple[Path, Path | None]:
    """Return the folders of the two parts; the root itself where it has no training part.

    A part holds folders of classes: a folder `train` of images alone is a class, as in CIFAR-100.
    """
    parts = {f.name.lower(): f for f in _folders(root) if _folders(f)}
    train = next((parts[name] for name in TRAIN if name in parts), None)
    test = next((parts[name] for name in TEST if name in parts), None)
    if train is None and test is not None:
        raise DataError(f"'{root}' has the part '{test.name}' but no 'train' beside it.")
    return (train, test) if train is not None else (root, None)


def _folders(root: Path) -> list[Path]:
    """Return the visible sub-folders, sorted by name."""
    return sorted(f for f in root.iterdir() if f.is_dir() and not f.name.startswith("."))


def _files(root: Path, classes: tuple[str, ...]) -> tuple[tuple[Path, ...], NDArray[np.int64]]:
    files: list[Path] = []
    labels: list[int] = []
    for label, name in enumerate(classes):
        found = _images(root / name) if (root / name).is_dir() else []
        files += found
        labels += [label] * len(found)
    return tuple(files), np.array(labels, np.int64)


def _images(folder: Path) -> list[Path]:
    def refuse(err: OSError) -> None:
        raise err

    return sorted(
        Path(parent, name)
        for parent, _, names in os.walk(folder, onerror=refuse, followlinks=True)
        for name in names
        if name.lower().endswith(SUFFIXES) and not name.startswith(".")
    )
