"""Makes small checkpoints of every format, damages them by seed, and says what reading gives.

    python mutated.py FIRST COUNT FORMAT …

A line of JSON per mutation. A process of its own, since what it reads may kill it.
"""

from __future__ import annotations

import io
import json
import pickle
import resource
import sys
import tempfile
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

SLOW = 5.0
"""Seconds of the processor that reading any of these small files may take."""

MEMORY = 16 << 30
"""Address space of the process, bytes: far above what torch maps, far below absurd requests."""


def network() -> nn.Module:
    """Return a small network, always the same."""
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Linear(4, 5)).eval()


def saved() -> dict[str, Any]:
    """Return what most files hold."""
    return {"state_dict": dict(network().state_dict()), "epoch": 3, "lr": [0.1, 0.01], "arch": "x"}


def torch_zip(path: Path) -> None:
    """Write a file of torch.save."""
    torch.save(saved(), path)


def legacy(path: Path) -> None:
    """Write a file of torch.save as before PyTorch 1.6."""
    torch.save(saved(), path, _use_new_zipfile_serialization=False)


def tar(path: Path) -> None:
    """Write a file as before PyTorch 0.1.10."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "checkpoints" / "reading"))
    from old_tar import save_as_tar

    tensors = {k: v for k, v in network().state_dict().items() if v.dtype == torch.float32}
    save_as_tar({**tensors, "epoch": 3}, path)


def plain(protocol: int) -> Callable[[Path], None]:
    """Return what writes arrays of numpy as a plain pickle."""

    def write(path: Path) -> None:
        arrays = {k: v.numpy() for k, v in network().state_dict().items()}
        path.write_bytes(pickle.dumps({**arrays, "epoch": 3}, protocol))

    return write


def whole(archive: bool) -> Callable[[Path], None]:
    """Return what writes a whole pickled network."""

    def write(path: Path) -> None:
        torch.save(network(), path, _use_new_zipfile_serialization=archive)

    return write


def script(path: Path) -> None:
    """Write a TorchScript archive."""
    torch.jit.trace(network(), torch.ones(2, 1, 6, 6)).save(str(path))


def safetensors(path: Path) -> None:
    """Write a file of safetensors."""
    from safetensors.torch import save_file

    save_file(network().state_dict(), path, metadata={"arch": "x"})


def exported(path: Path) -> None:
    """Write an exported program."""
    torch.export.save(torch.export.export(network(), (torch.ones(2, 1, 6, 6),)), path)


FORMATS: dict[str, tuple[Callable[[Path], None], str, str]] = {
    "torch zip": (torch_zip, ".pt", ""),
    "whole network, zip": (whole(True), ".pt", ""),
    "TorchScript": (script, ".pt", ""),
    "torch.export": (exported, ".pt2", ""),
    "torch legacy": (legacy, ".pt", "torch"),
    "whole network, legacy": (whole(False), ".pt", "torch, trusted"),
    "torch tar": (tar, ".tar", "torch, trusted"),
    "pickle, protocol 0": (plain(0), ".pkl", "pickle"),
    "pickle, protocol 2": (plain(2), ".pkl", "pickle"),
    "pickle, protocol 5": (plain(5), ".pkl", "pickle"),
    "safetensors": (safetensors, ".safetensors", "safetensors"),
}
"""Format → what writes a file, its suffix, and the loader to compare with ("": checksums)."""


def mutate(data: bytes, seed: int) -> bytes:
    """Damage a file in one to four places."""
    random = np.random.default_rng(seed)
    found = bytearray(data)
    for _ in range(int(random.integers(1, 5))):
        at = int(random.integers(0, max(1, len(found))))
        length = int(random.integers(1, 17))
        kind = random.choice(["flip", "set", "delete", "insert", "copy", "cut", "zero"])
        if kind == "flip" and found:
            found[at] ^= 1 << int(random.integers(8))
        elif kind == "set" and found:
            found[at] = int(random.integers(256))
        elif kind == "delete":
            del found[at : at + length]
        elif kind == "insert":
            found[at:at] = random.bytes(length)
        elif kind == "copy":
            source = int(random.integers(0, max(1, len(found))))
            found[at:at] = found[source : source + length * 8]
        elif kind == "zero":
            found[at : at + length] = bytes(len(found[at : at + length]))
        elif random.random() < 0.3:
            del found[at:]
    return bytes(found)


class _Harmless(pickle.Unpickler):
    """The standard library's, for the names that these files have."""

    def find_class(self, module: str, name: str) -> Any:
        if module.split(".")[0] in ("numpy", "_codecs", "collections", "torch"):
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"{module}.{name}")


def by_its_loader(path: Path, loader: str) -> Any:
    """Read a file with the loader of its format."""
    if loader.startswith("torch"):
        found = torch.load(path, map_location="cpu", weights_only="trusted" not in loader)
        return found.state_dict() if isinstance(found, nn.Module) else found
    if loader == "safetensors":
        from safetensors import safe_open

        with safe_open(path, framework="pt") as file:
            tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
            return {**(file.metadata() or {}), "state_dict": tensors}
    return _Harmless(io.BytesIO(path.read_bytes())).load()


def same(one: Any, other: Any) -> bool:
    """Whether two values are equal, tensors bit by bit; arrays are as tensors."""
    one, other = (torch.from_numpy(v) if isinstance(v, np.ndarray) else v for v in (one, other))
    if isinstance(one, torch.Tensor):
        return (
            isinstance(other, torch.Tensor)
            and (one.dtype, one.shape) == (other.dtype, other.shape)
            and one.detach().numpy().tobytes() == other.detach().numpy().tobytes()
        )
    if isinstance(one, dict):
        return (
            isinstance(other, dict)
            and list(one) == list(other)
            and all(same(v, w) for v, w in zip(one.values(), other.values(), strict=True))
        )
    if isinstance(one, list | tuple):
        return (
            isinstance(other, list | tuple)
            and len(one) == len(other)
            and all(same(v, w) for v, w in zip(one, other, strict=True))
        )
    return bool(repr(one) == repr(other))


def outcome(path: Path, original: Any, loader: str) -> tuple[str, str]:
    """Read a damaged file; return what came of it, and more about what should not have."""
    from repprobe.checkpoints.reading import read
    from repprobe.errors import RepprobeError

    start = time.process_time()
    try:
        found = read(path)
    except RepprobeError as err:
        message = str(err)
        if time.process_time() - start > SLOW:
            return "slow", message
        return ("several lines", repr(message)) if "\n" in message else ("refused", message)
    except BaseException as err:
        return "another error", repr(err)[:300]
    if time.process_time() - start > SLOW:
        return "slow", ""
    if same(found.data, original):
        return "read as saved", ""
    if not loader:
        return "read otherwise", ""
    try:
        theirs = by_its_loader(path, loader)
    except Exception as err:
        return "read otherwise", f"its loader: {err!r:.200}"
    return ("read as by its loader" if same(found.data, theirs) else "read otherwise"), ""


def outcomes(kind: str, first: int, count: int) -> Iterator[dict[str, Any]]:
    """Yield a row per mutation of a format."""
    from repprobe.checkpoints.reading import read

    write, suffix, loader = FORMATS[kind]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"whole{suffix}"
        write(path)
        data, original = path.read_bytes(), read(path).data
        for seed in range(first, first + count):
            damaged = Path(folder) / f"damaged{suffix}"
            damaged.write_bytes(mutate(data, seed))
            came, detail = outcome(damaged, original, loader)
            yield {"format": kind, "seed": seed, "outcome": came, "detail": detail}


def main() -> None:
    """Print the outcomes, each as soon as it is known."""
    warnings.simplefilter("ignore")
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    first, count = int(sys.argv[1]), int(sys.argv[2])
    for kind in sys.argv[3:]:
        for row in outcomes(kind, first, count):
            print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
