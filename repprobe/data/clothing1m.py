"""Clothing1M as it is distributed: lists of images, and their clean and noisy labels."""

from __future__ import annotations

from pathlib import Path

from repprobe.data.file_lists import Entry, list_parts, read_entries, read_lines, refuse
from repprobe.data.source import Source
from repprobe.errors import DataError

CLASSES = "category_names_eng.txt"
CLEAN, NOISY = "clean_label_kv.txt", "noisy_label_kv.txt"
TRAIN, TEST = "clean_train_key_list.txt", "clean_test_key_list.txt"
SUFFIX = "_key_list.txt"

_NOISY_NOTE = (
    "the training labels are Clothing1M's noisy ones; name its folder, not a list, for the clean."
)


def find_clothing1m(path: Path) -> Path | None:
    """Return the folder of Clothing1M, given itself or one of its lists of images."""
    if path.is_file():
        if not path.name.endswith(SUFFIX):
            return None
        path = path.parent.parent if path.parent.name == "annotations" else path.parent
    return path if _annotations(path) else None


def read_clothing1m(path: Path, image_size: int | None) -> Source:
    """Read Clothing1M (Xiao et al. 2015), given its folder or one of its lists of images.

    The folder is that of the clean labels: the training part is `clean_train_key_list.txt`. A
    list, such as `noisy_train_key_list.txt`, is the training part in its place; its labels are
    the noisy ones if its name begins with "noisy". The test part is always
    `clean_test_key_list.txt`. The lists and the labels lie in the folder or in `annotations`
    below it, images below the folder.

    Raises
    ------
    DataError
        A file or an image is missing, or a line of a list cannot be used; it is named.
    """
    root = find_clothing1m(path) or path
    folder = _annotations(root) or root
    train, test = path if path.is_file() else folder / TRAIN, folder / TEST
    if train.name == TEST:
        raise DataError(f"'{train}' is the test part; name another list, or the folder.")
    noisy = train.name.startswith("noisy")
    sources = (folder / (NOISY if noisy else CLEAN), folder / CLEAN)
    names = tuple(name for _, name in read_lines(folder / CLASSES))
    entries = [
        _labelled(keys, labels, len(names))
        for keys, labels in zip((train, test), sources, strict=True)
    ]
    parts = list_parts(entries[0], entries[1], (root, root), image_size)
    lists = (folder / CLASSES, train, test, *dict.fromkeys(sources))
    files = (*lists, *parts[0].files, *parts[1].files)
    notes = (_NOISY_NOTE,) if noisy else ()
    return Source(*parts, "classification", 255.0, root, files, names, notes)


def _annotations(root: Path) -> Path | None:
    """Return the folder of the lists: the root itself, or `annotations` in it."""
    for folder in (root, root / "annotations"):
        if (folder / CLEAN).is_file() or (folder / NOISY).is_file():
            return folder
    return None


def _labelled(keys: Path, labels: Path, classes: int) -> list[Entry]:
    """Return the images of a list with their labels from another file."""
    known = {entry.image: entry.label for entry in read_entries(labels, classes)}
    entries = []
    for number, image in read_lines(keys):
        if image not in known:
            raise refuse(keys, number, f"names '{image}', which has no label in '{labels}'")
        entries.append(Entry(keys, number, image, known[image]))
    if not entries:
        raise DataError(f"'{keys}' lists no image.")
    return entries
