"""Files that the user trusts: torch loads them, and runs what they ask for."""

from __future__ import annotations

import pickle
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from repprobe.checkpoints.reading.contents import Contents
from repprobe.errors import CheckpointError

if TYPE_CHECKING:
    from torch import nn

_DEPTH = 3
_WARNING = "The file was trusted: what it asks for was run."


def read_trusted(path: Path, sha256: str) -> Contents:
    """Load a file with all that its pickle imports and calls.

    A network in it becomes `module` where there is just one, and its state dict in `data`.

    Raises
    ------
    CheckpointError
        It cannot be loaded even so, e.g. since a package is missing.
    """
    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                data = torch.load(path, map_location="cpu", weights_only=False)
            except RuntimeError as err:
                if "Invalid magic number" not in str(err):
                    raise
                with path.open("rb") as stream:
                    data = pickle.load(stream)
    except Exception as err:  # what a file runs can raise anything
        lines = str(err).strip().splitlines() or ["no reason given"]
        raise CheckpointError(
            f"'{path}' was trusted and cannot be loaded even so ({type(err).__name__}: "
            f"{lines[0][:120]})."
        ) from None
    networks = {id(network): network for network in _networks(data, 0)}
    module = next(iter(networks.values())) if len(networks) == 1 else None
    return Contents(_plain(data, 0), sha256, "trusted pickle", module, left_out=(_WARNING,))


def _networks(data: Any, depth: int) -> Iterator[nn.Module]:
    from torch import nn

    if isinstance(data, nn.Module):
        yield data
    elif depth < _DEPTH and isinstance(data, dict | list | tuple):
        for value in data.values() if isinstance(data, dict) else data:
            yield from _networks(value, depth + 1)


def _plain(data: Any, depth: int) -> Any:
    """Replace networks by their state dicts."""
    from torch import nn

    if isinstance(data, nn.Module):
        return data.state_dict()
    if depth < _DEPTH and isinstance(data, dict):
        return {key: _plain(value, depth + 1) for key, value in data.items()}
    if depth < _DEPTH and type(data) in (list, tuple):
        return type(data)(_plain(value, depth + 1) for value in data)
    return data
