"""Writes repprobe's own checkpoints: a state dict, and in plain values how to build its network."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from repprobe.atomic import whole_file
from repprobe.errors import OutputError, UsageError

if TYPE_CHECKING:
    from torch import nn


def save_checkpoint(
    path: str | os.PathLike[str],
    module: nn.Module,
    *,
    architecture: str,
    arguments: Mapping[str, Any],
    preprocess: str,
    **metadata: Any,
) -> None:
    """Write a checkpoint that `load_model` and any weights-only loader read.

    The file is whole or not there: it is written aside and renamed.

    Parameters
    ----------
    path : the file; its folder must exist.
    module : the network; its state dict is written, on the CPU.
    architecture, arguments : what builds it again, e.g. "zoo:small-cnn", {"num_classes": 10}.
    preprocess : what its inputs go through, e.g. "unit".
    metadata : further entries of plain values (numbers, strings, lists, dictionaries) or tensors.

    Raises
    ------
    UsageError
        An entry is not a plain value, or the suffix is that of another format.
    OutputError
        The file cannot be written.
    """
    import torch

    path = Path(path)
    if path.suffix == ".safetensors":
        raise UsageError(f"'{path}': checkpoints are written as torch files; use .pt.")
    entries = {
        "architecture": architecture,
        "arguments": dict(arguments),
        "preprocess": preprocess,
        **metadata,
    }
    for name, value in entries.items():
        if name == "state_dict" or not _is_plain(value):
            raise UsageError(
                f"the entry '{name}' of a checkpoint must be numbers, strings, lists or "
                f"dictionaries of them, or a tensor, not {type(value).__name__}."
            )
    state = {key: value.detach().cpu() for key, value in module.state_dict().items()}
    try:
        with whole_file(path) as aside:
            torch.save({"state_dict": state, **entries}, aside)
    except (OSError, RuntimeError) as err:
        reason = getattr(err, "strerror", None) or str(err).splitlines()[0]
        raise OutputError(f"the checkpoint '{path}' cannot be written: {reason}.") from None


def _is_plain(value: Any) -> bool:
    import torch

    if isinstance(value, Mapping):
        return type(value) is dict and all(
            isinstance(k, str | int) and _is_plain(v) for k, v in value.items()
        )
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or type(value) in (bool, int, float, str, torch.Tensor)
