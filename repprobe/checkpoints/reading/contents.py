"""`Contents`: what a checkpoint file holds, as it was saved."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class Contents:
    """What a checkpoint file or folder holds.

    Attributes
    ----------
    data : nested dictionaries and lists of tensors and plain values; mostly a bare state dict or
        a dictionary with a state dict inside.
    sha256 : hexadecimal digest of the file, or of all files with weights.
    format : "torch zip", "torch legacy", "torch tar", "pickle", "safetensors",
        "sharded safetensors", "sharded torch", "Hugging Face folder", "TorchScript",
        "torch.export" or, where it was loaded on trust, "trusted pickle".
    module : a network that needs no architecture any more: a whole pickled module, or an exported
        program.
    config : a folder's config.json; its entry `preprocessor` is preprocessor_config.json.
    left_out : sentences on what in the file was not taken.
    """

    data: Any
    sha256: str
    format: str
    module: nn.Module | None = None
    config: dict[str, Any] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()
