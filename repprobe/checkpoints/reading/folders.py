"""Reads weights that lie in several files: shards with an index, and Hugging Face folders."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from repprobe.checkpoints.reading.plain_json import read_object
from repprobe.checkpoints.reading.safetensors_file import read_safetensors
from repprobe.errors import CheckpointError, files_near

if TYPE_CHECKING:
    from repprobe.checkpoints.reading.contents import Contents

CONFIG = "config.json"
PREPROCESSOR = "preprocessor_config.json"
INDEX = (".safetensors.index.json", ".bin.index.json")
"""How the names of indices end."""

_WEIGHTS = (
    "model.safetensors.index.json",
    "model.safetensors",
    "pytorch_model.bin.index.json",
    "pytorch_model.bin",
)
"""What weights are called in a folder, the first choice first."""

_SHARDS = (".safetensors", ".bin", ".pt", ".pth")
_CHECKPOINTS = (".pt", ".pth", ".th", ".ckpt", ".bin", ".tar", ".safetensors", ".pt2")
_FOREIGN = ("tf_model.h5", "flax_model.msgpack", "model.onnx", "saved_model.pb")


def read_folder(path: Path) -> Contents:
    """Read a folder as the Hugging Face hub has them: config.json and weights.

    Nothing in it runs: code that lies in it or that its config names is left out, and said.

    Raises
    ------
    UnsafeCheckpointError
        The weights ask to run something.
    CheckpointError
        There are no weights in it, a file cannot be read, or leads out of the folder.
    """
    from repprobe.checkpoints.reading.contents import Contents

    name = next((name for name in _WEIGHTS if (path / name).exists()), None)
    if name is None:
        raise _without_weights(path)
    config: dict[str, Any] = {}
    if (path / CONFIG).exists():
        config = read_object(_within(path, CONFIG))
        if (path / PREPROCESSOR).exists():
            config["preprocessor"] = read_object(_within(path, PREPROCESSOR))
    weights = _within(path, name)
    if name.endswith(INDEX):
        inside = read_index(path / name)
    elif name.endswith(".safetensors"):
        inside = Contents(read_safetensors(weights), _digest([weights]), "safetensors")
    else:
        inside = _read(weights)
    return Contents(
        data=inside.data,
        sha256=inside.sha256,
        format="Hugging Face folder" if config else inside.format,
        config=config,
        left_out=(*inside.left_out, *_code(path, config)),
    )


def read_index(path: Path) -> Contents:
    """Read all shards that an index names, e.g. of `model.safetensors.index.json`.

    Shards are files beside the index, named without a folder; each tensor is taken from the shard
    that the index says.

    Raises
    ------
    UnsafeCheckpointError
        A shard asks to run something.
    CheckpointError
        The index cannot be read, a shard is missing or leads out of the folder, or lacks a tensor.
    """
    from repprobe.checkpoints.reading.contents import Contents

    if not path.is_file():
        raise CheckpointError(f"there is no file '{path}'{files_near(path)}")
    index = read_object(_within(path.parent, path.name))
    places = index.get("weight_map")
    if (
        not isinstance(places, dict)
        or not places
        or not all(isinstance(shard, str) for shard in places.values())
    ):
        raise CheckpointError(f"'{path}' is no index of shards: it has no weight_map.")
    shards = sorted(set(places.values()))
    files = {shard: _shard(path, shard) for shard in shards}
    found: dict[str, Any] = {}
    left: list[str] = []
    for shard, file in files.items():
        tensors = _tensors(file)
        wanted = [key for key, place in places.items() if place == shard]
        missing = next((key for key in wanted if key not in tensors), None)
        if missing is not None:
            raise CheckpointError(
                f"'{path}' says that {missing!r} is in '{shard}', which does not have it."
            )
        found.update({key: tensors[key] for key in wanted})
        left += [f"{key} in {shard}" for key in tensors if places.get(key) != shard]
    kind = "safetensors" if all(s.endswith(".safetensors") for s in shards) else "torch"
    note = [f"Tensors that the index does not name: {', '.join(left[:3])}."] if left else []
    return Contents(
        {"state_dict": {key: found[key] for key in places}},  # in the order of the index
        _digest(files.values()),
        f"sharded {kind}",
        left_out=tuple(note),
    )


def _shard(index: Path, name: str) -> Path:
    if PurePosixPath(name).name != name or "\\" in name or not name.isprintable():
        raise CheckpointError(
            f"'{index}' was refused: its shard {name!r} is not the name of a file beside it."
        )
    if not name.endswith(_SHARDS):
        raise CheckpointError(
            f"'{index}' was refused: its shard {name!r} is no file of weights; they end in "
            f"{', '.join(_SHARDS)}."
        )
    file = index.parent / name
    if not file.exists():
        raise CheckpointError(f"'{index}' names the shard '{name}', which is not there.")
    return _within(index.parent, name)


def _within(folder: Path, name: str) -> Path:
    """Return a regular file of a folder, or the one that it links to in the hub's own cache.

    The cache has its files in `blobs/`, and the folders in `snapshots/` link to them.
    """
    file = (folder / name).resolve()
    home = folder.resolve()
    blobs = home.parent.parent / "blobs"
    cached = home.parent.name == "snapshots" and file.parent == blobs
    if file.parent != home and not cached:
        raise CheckpointError(
            f"'{folder / name}' was refused: it is a link that leads out of its folder."
        )
    if not file.is_file():
        raise CheckpointError(f"'{folder / name}' is not a regular file.")
    return folder / name


def _tensors(file: Path) -> Mapping[str, Any]:
    if file.suffix == ".safetensors":
        state: Any = read_safetensors(file)["state_dict"]
    else:
        from repprobe.checkpoints.places import candidates, tensors_of

        found = candidates(_read(file).data)
        if not found:
            raise CheckpointError(f"the shard '{file}' holds no tensors.")
        state = tensors_of(found[0].values)
    assert isinstance(state, Mapping)
    return state


def _read(file: Path) -> Contents:
    from repprobe.checkpoints.reading import read

    return read(file)


def _digest(files: Iterable[Path]) -> str:
    """Return the SHA-256 of the contents of files, one after the other."""
    digest = hashlib.sha256()
    for file in files:
        with file.open("rb") as stream:
            while block := stream.read(2**20):
                digest.update(block)
    return digest.hexdigest()


def _code(path: Path, config: Mapping[str, Any]) -> list[str]:
    """Say what of a folder would run if it were opened in another way."""
    files = sorted(p.name for p in path.glob("*.py"))
    said = []
    if files:
        shown = ", ".join(files[:3]) + (", …" if len(files) > 3 else "")
        said.append(f"The code in the folder ({shown}) was not run.")
    if "auto_map" in config:
        said.append("config.json names code of its own (auto_map), which was not run.")
    return said


def _without_weights(path: Path) -> CheckpointError:
    names = sorted(p.name for p in path.iterdir())
    foreign = next((name for name in names if name in _FOREIGN), None)
    if foreign is not None:
        return CheckpointError(
            f"'{path}' holds weights of another framework only ({foreign}); it takes "
            "model.safetensors or pytorch_model.bin."
        )
    inside = next((n for n in names if n.endswith((*_CHECKPOINTS, *INDEX))), None)
    hint = f", e.g. '{path / inside}'" if inside else ""
    return CheckpointError(f"'{path}' is a folder; give a checkpoint file{hint}.")
