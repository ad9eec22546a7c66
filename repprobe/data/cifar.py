"""CIFAR's "python version": batches that are pickles, read without letting a pickle run."""

from __future__ import annotations

import math
import pickle
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from repprobe.data.arrays import array_part
from repprobe.data.dataset import Part
from repprobe.data.labels import as_labels
from repprobe.data.source import Source
from repprobe.errors import DataError

FOLDERS = ("cifar-10-batches-py", "cifar-100-python")
_SHAPE = (3, 32, 32)


def find_cifar(root: Path) -> Path | None:
    """Return the folder of batches: `root` itself, or the one torchvision unpacks below it."""
    for folder in (root, *(root / name for name in FOLDERS)):
        if _batches(folder)["train"]:
            return folder
    return None


def read_cifar(root: Path, image_size: int | None) -> Source:
    """Read CIFAR-10 or CIFAR-100 (fine labels); raises DataError for missing or damaged files."""
    folder = find_cifar(root)
    assert folder is not None
    batches = _batches(folder)
    if not batches["test"]:
        raise DataError(f"'{folder}' lacks the file 'test_batch' or 'test'.")
    numbers = [int(f.name[-1]) for f in batches["train"] if f.name != "train"]
    if numbers and numbers != [1, 2, 3, 4, 5]:
        raise DataError(f"'{folder}' has {len(numbers)} of the 5 files data_batch_1…5.")
    parts: dict[str, Part] = {}
    for part, paths in batches.items():
        images, labels = zip(*(_read_batch(p) for p in paths), strict=True)
        stacked = np.concatenate(images)
        parts[part] = array_part(
            stacked, as_labels(np.concatenate(labels), f"labels of '{folder}'"), image_size, part
        )
    meta = next((folder / n for n in ("batches.meta", "meta") if (folder / n).is_file()), None)
    classes: tuple[str, ...] = ()
    if meta is not None:
        content = _unpickle(meta)
        names = content.get("fine_label_names", content.get("label_names", ()))
        classes = tuple(str(n) for n in names)
    files = (*batches["train"], *batches["test"], *([meta] if meta else []))
    return Source(parts["train"], parts["test"], "classification", 255.0, root, files, classes)


def _batches(folder: Path) -> dict[str, list[Path]]:
    train = [f for f in sorted(folder.glob("data_batch_?")) if f.name[-1].isdigit()]
    tests = [f for f in (folder / "test_batch",) if f.is_file()]
    if not train and (folder / "train").is_file():
        train, tests = [folder / "train"], [f for f in (folder / "test",) if f.is_file()]
    return {"train": train, "test": tests}


def _read_batch(path: Path) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    content = _unpickle(path)
    data, labels = content.get("data"), content.get("fine_labels", content.get("labels"))
    try:
        if not isinstance(data, _Array):
            raise ValueError("no array of images")
        images = data.uint8().reshape(-1, *_SHAPE)
        classes = np.asarray(labels, dtype=np.int64)
    except (TypeError, ValueError, OverflowError) as err:
        raise DataError(f"'{path}' is no batch of CIFAR images ({err}); fetch it again.") from err
    if len(images) != len(classes):
        raise DataError(f"'{path}' has {len(images)} images but {len(classes)} labels.")
    return images, classes


def _unpickle(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as stream:
            content = _Unpickler(stream, encoding="latin1").load()
    except DataError as err:
        raise DataError(f"'{path}' {err}") from None
    # A damaged pickle fails with almost any exception; none of the file's own code can run.
    except Exception as err:
        raise DataError(f"'{path}' is damaged or no CIFAR batch; fetch it again.") from err
    if not isinstance(content, dict):
        raise DataError(f"'{path}' is no CIFAR batch; fetch it again.")
    return content


class _Array:
    """Stands in for numpy's array in a pickle: keeps the state, interprets nothing."""

    def __init__(self, *_: object) -> None:
        self.state: tuple[Any, ...] = ()

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.state = state

    def uint8(self) -> NDArray[np.uint8]:
        """Return the array; raises ValueError unless it holds bytes and its shape fits."""
        if len(self.state) != 5:
            raise ValueError("not an array's state")
        _, shape, dtype, by_column, raw = self.state
        if not isinstance(dtype, _Dtype) or dtype.name != "u1":
            raise ValueError("not an array of bytes")
        content = raw.encode("latin1") if isinstance(raw, str) else bytes(raw)
        if math.prod(shape) != len(content):
            raise ValueError("shape and content differ")
        return np.frombuffer(content, np.uint8).reshape(shape, order="F" if by_column else "C")


class _Dtype:
    """Stands in for numpy's dtype in a pickle."""

    def __init__(self, name: str = "", *_: object) -> None:
        self.name = name

    def __setstate__(self, state: object) -> None:
        pass


def _encode(text: str, *_: object) -> bytes:
    return text.encode("latin1")


class _Unpickler(pickle.Unpickler):
    """Knows the names that CIFAR's batches use, each as a stand-in, and refuses all others."""

    _STAND_INS: ClassVar[dict[tuple[str, str], Any]] = {
        ("numpy.core.multiarray", "_reconstruct"): _Array,
        ("numpy._core.multiarray", "_reconstruct"): _Array,
        ("numpy", "ndarray"): _Array,
        ("numpy", "dtype"): _Dtype,
        ("_codecs", "encode"): _encode,
    }

    def find_class(self, module: str, name: str) -> Any:
        try:
            return self._STAND_INS[module, name]
        except KeyError:
            raise DataError(
                f"asks for '{module}.{name}', which no CIFAR batch needs; it was refused and "
                "nothing of it ran."
            ) from None
