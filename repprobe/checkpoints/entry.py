"""`Entry`: where in its file a network's state dict lies, and as what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True)
class Entry:
    """The way from a checkpoint file to the tensors of a network's own state dict.

    Attributes
    ----------
    way : the keys that lead to the dictionary, e.g. ("state_dict",); none where it is the file
        itself.
    prefix : what stands before each of the network's keys there, e.g. "module.".
    dtypes : the network's keys → the types of their tensors in the file; keys that the file
        lacks, such as batch counters, are not in it.
    names : the network's keys → their names in the file, where these differ by more than the
        prefix.
    """

    way: tuple[str, ...]
    prefix: str
    dtypes: Mapping[str, torch.dtype]
    names: Mapping[str, str] = field(default_factory=dict)

    def name(self, key: str) -> str:
        """Return the name that one of the network's keys has in the file."""
        return self.prefix + self.names.get(key, key)
