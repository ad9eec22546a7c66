"""WebVision 1.0 as it is distributed: lists of images with their classes, in `info`."""

from __future__ import annotations

from pathlib import Path

from repprobe.data.file_lists import list_parts, read_entries, read_lines, refuse
from repprobe.data.source import Source
from repprobe.errors import DataError

MINI = 50
"""Classes of "mini WebVision" (Jiang et al. 2018): the first of the thousand."""

TRAIN = tuple(f"train_filelist_{source}.txt" for source in ("google", "all", "flickr"))
"""Lists of training images; of several the first one is taken, which the literature uses."""

TEST, CLASSES = "val_filelist.txt", "synsets.txt"
TEST_FOLDERS = ("val_images_256", "val_images")

_NOTE = (
    "the training labels are those of web searches, many of them wrong; only the test part's were "
    "checked by people."
)


def find_webvision(path: Path) -> Path | None:
    """Return the folder of WebVision, given itself or one of its lists of images."""
    if path.is_file():
        within = path.parent.name == "info" and path.name.startswith("train_filelist")
        return path.parent.parent if within else None
    lists = (*TRAIN, TEST)
    return path if any((path / "info" / name).is_file() for name in lists) else None


def read_webvision(path: Path, image_size: int | None, classes: int | None = None) -> Source:
    """Read WebVision (Li et al. 2017), given its folder or one of its lists of images.

    The training part is `info/train_filelist_google.txt`, or the list that is named in its
    place, with the labels of the web searches; images lie below the folder. The test part is
    `info/val_filelist.txt`, whose images lie in `val_images_256` or `val_images`.

    Parameters
    ----------
    path : the folder, or a list `info/train_filelist*.txt`.
    image_size : as in `load_data`.
    classes : how many classes are read, the first; None for all that the training list has.

    Raises
    ------
    DataError
        A file or an image is missing, or a line of a list cannot be used; it is named.
    """
    root = find_webvision(path) or path
    info = root / "info"
    given = path if path.is_file() else None
    train_list = given or next((f for n in TRAIN if (f := info / n).is_file()), info / TRAIN[0])
    names = _class_names(info / CLASSES)
    train = list(read_entries(train_list, len(names)))
    if not train:
        raise DataError(f"'{train_list}' lists no image.")
    count = min(len(names), classes or 1 + max(entry.label for entry in train))
    train = [entry for entry in train if entry.label < count]
    every = list(read_entries(info / TEST, len(names)))
    test = [entry for entry in every if entry.label < count]
    if not train or not test:
        missing = info / TEST if train else train_list
        raise DataError(f"'{missing}' lists no image of the first {count} classes.")
    below = next((f for name in TEST_FOLDERS if (f := root / name).is_dir()), root)
    parts = list_parts(train, test, (root, below), image_size)
    files = (info / CLASSES, train_list, info / TEST, *parts[0].files, *parts[1].files)
    notes = [_NOTE]
    if count < len(names):
        notes.append(
            f"only the first {count} of {len(names):,} classes were read: "
            f"{len(every) - len(test):,} test examples are of the others."
        )
    return Source(*parts, "classification", 255.0, root, files, names[:count], tuple(notes))


def read_webvision_mini(root: Path, image_size: int | None) -> Source:
    """Read the first 50 classes of WebVision; raises DataError as `read_webvision` does."""
    return read_webvision(root, image_size, MINI)


def _class_names(file: Path) -> tuple[str, ...]:
    """Return the first name of every synset, with its number where two have the same."""
    synsets = []
    for number, text in read_lines(file):
        synset, _, words = text.partition(" ")
        if not words:
            raise refuse(file, number, f"is '{text[:80]}', not a synset and its names")
        synsets.append((synset, words.split(",")[0].strip()))
    firsts = [name for _, name in synsets]
    return tuple(f"{n} ({synset})" if firsts.count(n) > 1 else n for synset, n in synsets)
