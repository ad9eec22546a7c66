"""Which layout a folder or file has, and the reader for it."""

from __future__ import annotations

from pathlib import Path

from repprobe.data.arrays import read_npz
from repprobe.data.cifar import find_cifar, read_cifar
from repprobe.data.clothing1m import find_clothing1m, read_clothing1m
from repprobe.data.folders import holds_images, read_folders
from repprobe.data.graphs.archive import holds_graphs, read_graph_npz
from repprobe.data.graphs.tu import find_tu, read_tu
from repprobe.data.idx import find_idx, read_idx_folder
from repprobe.data.parquet import find_parquet, read_parquet
from repprobe.data.source import Source
from repprobe.data.webvision import find_webvision, read_webvision
from repprobe.errors import DataError, files_near


def read_path(path: Path, image_size: int | None) -> Source:
    """Read whatever lies at `path`; raises DataError if nothing known does."""
    try:
        if path.is_dir():
            return _read_folder(path, image_size)
        if path.is_file():
            return _read_file(path, image_size)
        if path.exists():
            raise DataError(f"'{path}' is neither a file nor a folder.")
    except OSError as err:
        raise DataError(f"cannot read '{err.filename or path}': {err.strerror}.") from err
    raise DataError(f"there is no file or folder '{path}'{files_near(path, folders=True)}")


def _read_file(path: Path, image_size: int | None) -> Source:
    suffix = path.suffix.lower()
    if suffix == ".npz":
        return _read_npz(path, image_size)
    if suffix == ".parquet":
        return read_parquet(path, {"train": [path], "test": []}, image_size)
    if find_clothing1m(path):
        return read_clothing1m(path, image_size)
    if find_webvision(path):
        return read_webvision(path, image_size)
    raise DataError(
        f"'{path}' is neither .npz nor .parquet; data are one of these, or a folder of images."
    )


def _read_npz(path: Path, image_size: int | None) -> Source:
    return read_graph_npz(path) if holds_graphs(path) else read_npz(path, image_size)


def _read_folder(root: Path, image_size: int | None) -> Source:
    if splits := find_parquet(root):
        return read_parquet(root, splits, image_size)
    archives = sorted(root.glob("*.npz"))
    if len(archives) > 1:
        raise DataError(
            f"'{root}' holds {len(archives)} .npz files; name one, such as '{archives[0]}'."
        )
    if archives:
        return _read_npz(archives[0], image_size)
    if find_idx(root):
        return read_idx_folder(root, image_size)
    if find_cifar(root):
        return read_cifar(root, image_size)
    if find_clothing1m(root):
        return read_clothing1m(root, image_size)
    if find_webvision(root):
        return read_webvision(root, image_size)
    if find_tu(root):
        return read_tu(root)
    if holds_images(root):
        return read_folders(root, image_size)
    raise DataError(
        f"'{root}' holds no data in a known layout: Parquet files, an .npz, IDX files, CIFAR "
        "batches, Clothing1M or WebVision, a TU collection of graphs, or one sub-folder of images "
        "per class."
    )
