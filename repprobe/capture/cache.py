"""Features that are kept on disk, and used again only if nothing about them has changed."""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import json
import shutil
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from repprobe.capture.answers import OUTPUT
from repprobe.capture.features import Features
from repprobe.capture.outcome import Kept
from repprobe.capture.store import FileStore
from repprobe.errors import OutputError

if TYPE_CHECKING:
    from repprobe.capture.inputs import Inputs
    from repprobe.checkpoints.model import Model

MANIFEST = "manifest.json"
CHUNK = 1 << 20


def model_key(model: Model) -> dict[str, Any]:
    """Return everything about a network that shapes its features.

    The checkpoint's hash is not enough: a network may have been changed after it was loaded, and
    the code of its modules may have been.
    """
    state = hashlib.blake2b(digest_size=16)
    for name, tensor in model.module.state_dict().items():
        state.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        values = tensor.detach().cpu().contiguous()
        if values.is_floating_point():
            values = values.double() if values.element_size() > 4 else values.float()
        state.update(values.numpy().tobytes())
    code = hashlib.blake2b(digest_size=16)
    for kind in sorted({type(m) for m in model.module.modules()}, key=lambda t: t.__qualname__):
        code.update(f"{kind.__module__}.{kind.__qualname__}".encode())
        with contextlib.suppress(OSError, TypeError):  # no source, e.g. defined at a prompt
            code.update(inspect.getsource(kind).encode())
    return {
        "checkpoint": model.sha256,
        "architecture": model.architecture,
        "arguments": repr(sorted(model.arguments.items())),
        "state": state.hexdigest(),
        "modules": hashlib.blake2b(repr(model.module).encode(), digest_size=16).hexdigest(),
        "code": code.hexdigest(),
        "preprocessing": [
            model.preprocessing.name,
            list(model.preprocessing.mean),
            list(model.preprocessing.std),
        ],
    }


def inputs_key(inputs: Inputs) -> dict[str, Any]:
    """Return everything about the data that shapes features."""
    return {
        "data": inputs.data.fingerprint,
        "unit": inputs.data.unit,
        "input_shape": list(inputs.data.input_shape),
        "train_rows": _rows(inputs.train_rows),
        "test_rows": _rows(inputs.test_rows),
    }


def machine_key(device: str, of_graphs: bool = False) -> dict[str, Any]:
    """Return what changes the last digits: versions, device, and the number of threads."""
    import torch

    versions = {}
    packages = ("repprobe", "torch", "numpy", *(["torch-geometric"] if of_graphs else []))
    for package in packages:
        with contextlib.suppress(metadata.PackageNotFoundError):
            versions[package] = metadata.version(package)
    return {
        "versions": versions,
        "device": device,
        "threads": torch.get_num_threads(),
    }


def load(
    folder: Path, key: dict[str, Any], train_rows: NDArray[np.int64], test_rows: NDArray[np.int64]
) -> Features | None:
    """Return the features that were kept under this key; None unless every byte is as written."""
    entry = folder / _digest(key)
    try:
        manifest = json.loads((entry / MANIFEST).read_text("utf-8"))
        content = manifest["content"]
        if manifest["digest"] != _digest(content) or _digest(content["key"]) != _digest(key):
            return None
        with ThreadPoolExecutor(2) as pool:  # hashing releases the interpreter
            if not all(pool.map(lambda file: _is_sound(entry, file), content["files"])):
                return None
        return _opened(entry, content, train_rows, test_rows)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def keep(folder: Path, key: dict[str, Any], store: FileStore, features: Features) -> Features:
    """Move finished files to their place under the key, and return the features from there.

    The manifest is written last and the whole folder then moved, so that a reader sees all of it
    or nothing.

    Raises
    ------
    OutputError
        The folder cannot be written.
    """
    content = {
        "key": key,
        "files": [
            {
                "layer": name,
                "file": path.name,
                "bytes": path.stat().st_size,
                "digest": store.digest(name),
            }
            for name, path in store.files.items()
        ],
        "non_finite": features.non_finite,
        "skipped": features.skipped,
        "notes": list(features.notes),
    }
    entry = folder / _digest(key)
    manifest = {"digest": _digest(content), "content": content}
    try:
        (store.folder / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n", "utf-8")
        with contextlib.suppress(FileNotFoundError):  # stale or damaged, else it had been used
            shutil.rmtree(entry)
        store.folder.rename(entry)
    except OSError as error:
        raise OutputError(
            f"the features cannot be kept in '{folder}': {error.strerror or error}."
        ) from None
    return _opened(entry, content, features.train_rows, features.test_rows)


def _opened(
    entry: Path,
    content: dict[str, Any],
    train_rows: NDArray[np.int64],
    test_rows: NDArray[np.int64],
) -> Features:
    arrays: dict[str, Kept] = {
        file["layer"]: np.load(entry / file["file"], mmap_mode="r") for file in content["files"]
    }
    output = arrays.pop(OUTPUT, None)
    return Features(
        arrays,
        train_rows,
        test_rows,
        output=None if output is None else output.astype(np.float32, copy=False),
        non_finite=content["non_finite"],
        skipped=content["skipped"],
        notes=tuple(content["notes"]),
        folder=entry,
    )


def _rows(rows: NDArray[np.int64]) -> str:
    return hashlib.blake2b(rows.astype("<i8").tobytes(), digest_size=16).hexdigest()


def _is_sound(entry: Path, file: dict[str, Any]) -> bool:
    path = entry / file["file"]
    if path.stat().st_size != file["bytes"]:
        return False
    digest = hashlib.blake2b(digest_size=16)
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK):
            digest.update(chunk)
    return digest.hexdigest() == str(file["digest"])


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, separators=(",", ":"))
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
