"""`load_data`: from a name or path to checked `Data` with a training and a test part."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np

from repprobe.data import cifar_easy
from repprobe.data.dataset import Data, SubsetPart
from repprobe.data.digits import read_digits
from repprobe.data.download import advice, fetch, fetch_tu, tu_advice
from repprobe.data.fingerprint import fingerprint
from repprobe.data.graphs.graphs import Graphs
from repprobe.data.graphs.names import NAMES, collection_of, is_task
from repprobe.data.graphs.tasks import read_task
from repprobe.data.labels import check_classes, check_targets, class_names
from repprobe.data.layouts import read_path
from repprobe.data.names import EMBEDDED, KNOWN, VARIABLE, known_names, places
from repprobe.data.source import Source
from repprobe.data.splits import split_off_test
from repprobe.data.webvision import read_webvision_mini
from repprobe.errors import DataError, UnknownNameError, UsageError


def load_data(
    name_or_path: str | os.PathLike[str],
    *,
    seed: int = 0,
    image_size: int | None = None,
    download: bool = True,
) -> Data:
    """Open a data set; labels are read and checked, images are read when they are asked for.

    Parameters
    ----------
    name_or_path : a name (`known_names()` lists them; `max-degree:2000` has 2,000 training graphs,
        `tu:NAME` is any TU Dortmund collection), looked for in `$REPPROBE_DATA` first; or a
        path: a folder with one sub-folder per class, Parquet files in the Hugging Face image
        layout, an `.npz` of arrays or of graphs, IDX files, CIFAR's python batches, Clothing1M or
        WebVision (or one of their lists of training images), a TU collection of graphs. Text with
        a separator or a suffix is a path; `./digits` is the folder of that name.
    seed : of the split of data that have no test part.
    image_size : pixels; the shorter side of every image is resized to it, the centre cropped.
    download : whether a named data set that is nowhere on this machine may be fetched.

    Raises
    ------
    UnknownNameError
        There is no data set of that name.
    DataError
        The data cannot be read, or labels or shapes make no sense.
    UsageError
        `image_size` is below 1, or no name was given.
    """
    if image_size is not None and image_size < 1:
        raise UsageError(f"the image size is {image_size}; it has to be 1 pixel or more.")
    text = os.fspath(name_or_path)
    if not text:
        raise UsageError(
            f"no data set was named; give a path or one of {', '.join((*KNOWN, *NAMES))}."
        )
    if isinstance(name_or_path, str) and _is_name(text):
        source, names = _read_named(text, image_size, download), _names_of(text)
    else:
        source, names = read_path(Path(text).expanduser(), image_size), ()
    return _complete(text, replace(source, classes=source.classes or names), seed, image_size)


def _is_name(text: str) -> bool:
    if os.sep in text or (os.altsep and os.altsep in text) or text in (".", "..", "~"):
        return False
    if text in known_names() or is_task(text) or collection_of(text):
        return True
    return not (Path(text).suffix or _lies_here(text))


def _lies_here(text: str) -> bool:
    try:
        return Path(text).exists()
    except OSError:  # too long for a file name, or a folder that may not be read
        return False


def _names_of(name: str) -> tuple[str, ...]:
    return KNOWN[name].classes if name in KNOWN else ()


def _read_named(name: str, image_size: int | None, may_download: bool) -> Source:
    source = _find_named(name, image_size, may_download)
    if _lies_here(name):
        note = f"'{name}' was taken as the data set's name; for the folder here write ./{name}."
        source = replace(source, notes=(*source.notes, note))
    return source


def _find_named(name: str, image_size: int | None, may_download: bool) -> Source:
    found = next((place for place in places(name) if place.is_dir()), None)
    if found is not None:
        read = read_webvision_mini if name == "webvision-mini" else read_path
        return read(found, image_size)
    if name == EMBEDDED:
        return read_digits(image_size)
    if is_task(name):
        return read_task(name)
    if name == cifar_easy.NAME:
        cifar = _find_named(cifar_easy.BASE, None, may_download)
        return cifar_easy.read_cifar_easy(cifar, image_size)
    if collection := collection_of(name):
        if not may_download:
            raise DataError(f"{collection} is not on this machine. {tu_advice(collection)}")
        return read_path(fetch_tu(collection), image_size)
    if name not in KNOWN:
        raise UnknownNameError.near(
            "data set",
            name,
            known_names(),
            f"Give a path, one of {', '.join((*KNOWN, *NAMES))}, or a folder in ${VARIABLE}.",
        )
    if not may_download or not KNOWN[name].torchvision:
        raise DataError(f"{name} is not on this machine. {advice(name)}")
    return read_path(fetch(name), image_size)


def _complete(name: str, source: Source, seed: int, image_size: int | None) -> Data:
    """Check the source, split off a test part where it has none, and give it its names."""
    origin = str(source.root)
    if not len(source.train) or (source.test is not None and not len(source.test)):
        raise DataError(f"'{origin}' has a part without examples.")
    train_labels = source.train.labels
    test_labels = source.test.labels if source.test is not None else None
    classes: tuple[str, ...] = ()
    if source.task == "classification":
        classes = class_names(train_labels, source.classes)
        check_classes(train_labels, test_labels, classes, origin)
    else:
        check_targets(train_labels, test_labels, origin)
    _check_shapes(source, origin, image_size)

    train, notes, other = source.train, source.notes, source.instance_labels
    if source.test is not None:
        test = source.test
    else:
        rows, test_rows = split_off_test(train_labels, seed, source.task, origin)
        train, test = SubsetPart(source.train, rows), SubsetPart(source.train, test_rows)
        other = None if other is None else other[rows]
        how = ", stratified by class" if classes else ""
        notes += (
            f"no test part was found: {len(test_rows):,} of {len(source.train):,} examples were "
            f"split off as one{how} (seed {seed}).",
        )
    if classes:
        untested = np.setdiff1d(np.arange(len(classes)), test.labels)
        if len(untested):
            which = ", ".join(classes[c] for c in untested[:5])
            more = f" and {len(untested) - 5} more" if len(untested) > 5 else ""
            notes += (f"the test part has no example of: {which}{more}.",)
    return Data(
        name=name,
        train=train,
        test=test,
        task=source.task,
        classes=classes,
        unit=source.unit,
        fingerprint=fingerprint(source, image_size, seed if source.test is None else None),
        notes=notes,
        instance_labels=other,
        may_augment=source.may_augment,
    )


def _check_shapes(source: Source, origin: str, image_size: int | None) -> None:
    """Raise DataError unless the first inputs of both parts have one shape."""
    first = np.zeros(1, np.int64)
    train = source.train.inputs(first)
    test = train if source.test is None else source.test.inputs(first)
    if isinstance(train, Graphs) or isinstance(test, Graphs):
        if image_size is not None:
            raise DataError(f"--image-size needs images, but '{origin}' holds graphs.")
        return
    if train.shape != test.shape:
        sizes = "; pass --image-size N to bring them to one" if train.ndim == 4 else ""
        raise DataError(
            f"training inputs of '{origin}' have shape {train.shape[1:]}, test inputs "
            f"{test.shape[1:]}{sizes}."
        )
