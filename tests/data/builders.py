"""Small data sets on disk, in every layout that is read."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
from PIL import Image


def picture(label: int, number: int, size=(8, 8), mode: str = "RGB") -> Image.Image:
    """A noisy image whose brightness tells its class."""
    rng = np.random.default_rng(1000 * label + number)
    channels = {"RGB": (3,), "L": (), "RGBA": (4,)}[mode]
    values = rng.integers(0, 40, (*size, *channels)) + 60 * label
    return Image.fromarray(values.astype(np.uint8), mode)


def png(image: Image.Image) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def write_folders(root: Path, counts: dict[str, int], **how) -> None:
    """Write `counts[name]` images into each folder `name`; classes count up in that order."""
    for label, (name, count) in enumerate(counts.items()):
        folder = root / name
        folder.mkdir(parents=True)
        for number in range(count):
            picture(label, number, **how).save(folder / f"{number:03}.png")


def write_parquet(
    path: Path,
    labels,
    *,
    image="img",
    label="label",
    names=None,
    images=None,
    label_type=None,
    row_group_size=4,
) -> None:
    """Write a table in the Hugging Face image layout."""
    import json

    import pyarrow as pa
    import pyarrow.parquet as pq

    path.parent.mkdir(parents=True, exist_ok=True)
    if images is None:
        images = [png(picture(max(int(c), 0) % 4, i)) for i, c in enumerate(labels)]
    struct_type = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    table = pa.table(
        {
            image: pa.array([{"bytes": b, "path": None} for b in images], struct_type),
            label: pa.array(labels, label_type),
        }
    )
    if names is not None:
        features = {
            image: {"_type": "Image"},
            label: {"names": list(names), "_type": "ClassLabel"},
        }
        about = json.dumps({"info": {"features": features}})
        table = table.replace_schema_metadata({"huggingface": about})
    pq.write_table(table, path, row_group_size=row_group_size)


def write_idx(path: Path, array: np.ndarray) -> None:
    """Write unsigned bytes in the IDX format; gzipped where the name ends in .gz."""
    import gzip

    head = b"\x00\x00\x08" + bytes([array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    path.parent.mkdir(parents=True, exist_ok=True)
    content = head + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)


def write_mnist(root: Path, train: int = 30, test: int = 10, suffix: str = "") -> None:
    """Write the four files of MNIST with a few images of ten classes."""
    rng = np.random.default_rng(0)
    for stem, count in (("train", train), ("t10k", test)):
        images = rng.integers(0, 256, (count, 28, 28))
        write_idx(root / f"{stem}-images-idx3-ubyte{suffix}", images)
        write_idx(root / f"{stem}-labels-idx1-ubyte{suffix}", np.arange(count) % 10)
