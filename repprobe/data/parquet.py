"""Parquet files in the Hugging Face image layout: which are which part, and their columns."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, cast

import numpy as np
from numpy.typing import NDArray

from repprobe.data.folders import TEST, TRAIN
from repprobe.data.image_column import ImageColumn, open_parquet, unreadable
from repprobe.data.images import Decoder
from repprobe.data.labels import Labels, as_labels, task_of
from repprobe.data.source import Source
from repprobe.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

IMAGE_COLUMNS = ("img", "image")
LABEL_COLUMNS = ("label", "fine_label", "labels")
_SPLIT = re.compile(rf"({'|'.join(sorted((*TRAIN, *TEST), key=len, reverse=True))})(?![a-z])", re.I)
_SHARD = re.compile(r"-(\d+)-of-(\d+)")


@dataclass(frozen=True)
class Columns:
    """Where a file keeps images and labels, and the names of the classes if it has them."""

    image: str
    label: str
    classes: tuple[str, ...]


def find_parquet(root: Path) -> dict[str, list[Path]]:
    """Return the files of each split ("train", "test"), found by file or folder name.

    Looked at are `root`, `root/data`, folders named like a split, and an only sub-folder. Files
    of no split are left alone, unless there is just one and it holds images: then it is
    everything there is, under "train". Empty where the folder holds no such files.
    """
    for folder in _places(root):
        files = sorted(folder.glob("*.parquet"))
        for name in (*TRAIN, *TEST):
            files += sorted((folder / name).glob("*.parquet"))
        by_split: dict[str, list[Path]] = {}
        for file in files:
            split = _split_of(file.stem) or _split_of(_below(file, folder))
            if split and _has_images(file):
                by_split.setdefault(split, []).append(file)
        train = next((by_split[s] for s in TRAIN if s in by_split), [])
        test = next((by_split[s] for s in TEST if s in by_split), [])
        if test and not train:
            raise DataError(f"'{folder}' has {test[0].name} but no train*.parquet beside it.")
        if train:
            return {"train": train, "test": test}
        whole = [f for f in files if _has_images(f)]
        if len(whole) == 1:
            return {"train": whole, "test": []}
        if len(whole) > 1:
            raise DataError(
                f"'{folder}' has {len(whole)} Parquet files with images, none of them named "
                "train*.parquet; rename them, or name one file."
            )
    return {}


def read_parquet(root: Path, splits: dict[str, list[Path]], image_size: int | None) -> Source:
    """Read the files of each split, as `find_parquet` gives them; `root` is for messages.

    Labels are read now, images when they are asked for. Raises DataError for a file that cannot
    be read, columns that cannot be told, a missing shard, an image that cannot be decoded.
    """
    for files in splits.values():
        _check_shards(files)
    first = splits["train"][0]
    columns = _columns(first)
    images = {s: ImageColumn(files, columns.image) for s, files in splits.items() if files}
    for column in images.values():
        if not len(column):
            raise DataError(f"no image was found in '{column.files[0]}'.")
    decoder = Decoder.like(images["train"].encoded(0), images["train"].name(0), image_size)
    parts = {
        split: ParquetPart(column, _labels(column.files, columns), decoder)
        for split, column in images.items()
    }
    train, test = parts["train"], parts.get("test")
    task = task_of(train.labels)
    if test is not None and task_of(test.labels) != task:
        raise DataError(f"training and test labels of '{root}' differ in type; store both alike.")
    classes = columns.classes if task == "classification" else ()
    every = (*splits["train"], *splits["test"])
    return Source(train, test, task, 255.0, root, every, classes)


@dataclass(frozen=True)
class ParquetPart:
    """Images in Parquet files, decoded when they are asked for."""

    images: ImageColumn
    labels: Labels
    decoder: Decoder
    whole: ClassVar[bool] = False

    def __len__(self) -> int:
        return len(self.labels)

    def inputs(self, indices: NDArray[np.int64]) -> NDArray[np.uint8]:
        rows = np.asarray(indices).tolist()
        found: dict[int, NDArray[np.uint8]] = {}
        # In the order of the file whatever the order asked for: the column is read forward.
        for row in sorted(set(rows)):
            found[row] = self.decoder.decode(self.images.encoded(row), self.images.name(row))
        return self.decoder.stack([found[row] for row in rows])


def _places(root: Path) -> list[Path]:
    below = [f for f in root.iterdir() if f.is_dir() and not f.name.startswith(".")]
    only = below if len(below) == 1 else []
    return list(dict.fromkeys((root, root / "data", *only)))


def _split_of(name: str) -> str | None:
    match = _SPLIT.match(name)
    return match[1].lower() if match else None


def _below(file: Path, folder: Path) -> str:
    """Return the name of the folder between the two, or "": their own names tell no split."""
    return "" if file.parent == folder else file.parent.name


def _check_shards(files: Sequence[Path]) -> None:
    shards = [(f, int(m[1]), int(m[2])) for f in files if (m := _SHARD.search(f.stem))]
    if not shards:
        return
    total = shards[0][2]
    numbers = sorted(number for _, number, _ in shards)
    if numbers != list(range(total)):
        raise DataError(
            f"'{files[0].parent}' has {len(numbers)} of the {total} files like {files[0].name}; "
            "every shard is needed, once."
        )


def _image_fields(schema: pa.Schema) -> list[str]:
    """Return the columns that hold encoded images, the usual names first."""
    import pyarrow as pa

    def holds_bytes(kind: pa.DataType) -> bool:
        return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind))

    fields = [
        field.name
        for field in schema
        if holds_bytes(field.type)
        or (
            pa.types.is_struct(field.type)
            and field.type.get_field_index("bytes") >= 0
            and holds_bytes(field.type.field("bytes").type)
        )
    ]
    return sorted(fields, key=lambda name: name not in IMAGE_COLUMNS)


def _has_images(file: Path) -> bool:
    with open_parquet(file) as parquet:
        return bool(_image_fields(parquet.schema_arrow))


def _columns(file: Path) -> Columns:
    import pyarrow as pa

    with open_parquet(file) as parquet:
        schema = parquet.schema_arrow
    features = _features(schema)
    images = _image_fields(schema)
    if not images or (len(images) > 1 and images[0] not in IMAGE_COLUMNS):
        raise DataError(
            f"'{file}' has the columns {', '.join(schema.names)}; need one with images, named img "
            "or image, a struct with 'bytes'."
        )
    named = [n for n, f in features.items() if f.get("_type") == "ClassLabel"]
    numeric = [
        f.name for f in schema if pa.types.is_integer(f.type) or pa.types.is_floating(f.type)
    ]
    usual = [n for n in LABEL_COLUMNS if n in schema.names]
    label = next((found[0] for found in (usual, named, numeric) if len(found) >= 1), None)
    if label is None or (not usual and len(named or numeric) > 1):
        raise DataError(
            f"'{file}' has the columns {', '.join(schema.names)}; name the labels 'label'."
        )
    names = features.get(label, {}).get("names")
    return Columns(images[0], label, tuple(map(str, names)) if isinstance(names, list) else ())


def _features(schema: pa.Schema) -> dict[str, dict[str, Any]]:
    """Return what Hugging Face's metadata say of each column; empty where there are none."""
    try:
        features = json.loads(schema.metadata[b"huggingface"])["info"]["features"]
    except (KeyError, TypeError, ValueError):
        return {}
    if not isinstance(features, dict):
        return {}
    return {name: about for name, about in features.items() if isinstance(about, dict)}


def _labels(files: Sequence[Path], columns: Columns) -> Labels:
    import pyarrow as pa

    parts = []
    for file in files:
        with open_parquet(file) as parquet:
            if columns.label not in parquet.schema_arrow.names:
                raise DataError(f"'{file}' lacks the column '{columns.label}' of the other files.")
            try:
                column = parquet.read(columns=[columns.label]).column(0).combine_chunks()
            except (pa.ArrowException, OSError) as err:
                raise DataError(unreadable(file, err)) from err
        origin = f"column '{columns.label}' of '{file}'"
        if column.null_count:
            row = int(np.argmax(column.is_null().to_numpy(zero_copy_only=False)))
            raise DataError(f"row {row} of {origin} has no value; leave such examples out.")
        if not (pa.types.is_integer(column.type) or pa.types.is_floating(column.type)):
            raise DataError(f"{origin} holds {column.type}; need one number per example.")
        # Not `to_numpy`, which imports pandas if it is there and takes longer than all the rest.
        parts.append(as_labels(np.from_dlpack(column), f"the labels in {origin}"))
    if len({task_of(labels) for labels in parts}) > 1:
        raise DataError(f"the labels of '{files[0].parent}' differ in type between files.")
    return cast("Labels", np.concatenate(parts))
