"""The tensors of a checkpoint under a network's own keys, ready to be loaded."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING

from repprobe.checkpoints.recognition.fingerprints import is_derived

if TYPE_CHECKING:
    from torch import Tensor


def arranged(
    own: Mapping[str, Tensor], tensors: Mapping[str, Tensor], keys: Mapping[str, str] | None = None
) -> OrderedDict[str, Tensor]:
    """Return what a network's `load_state_dict` takes.

    Buffers that every network makes for itself are left out where it has none of the name, and
    are its own where the checkpoint lacks them. Everything else that does not fit stays, so that
    loading says it.

    Parameters
    ----------
    own : the network's state dict.
    tensors : those of the checkpoint, by its keys.
    keys : own key → key in the checkpoint, as a `Candidate` has them; None where they are the
        same.
    """
    back = {given: key for key, given in keys.items()} if keys is not None else {}
    filled: OrderedDict[str, Tensor] = OrderedDict()
    for given, tensor in tensors.items():
        key = back.get(given, given)
        if key in own or not is_derived(given):
            filled[key] = tensor
    for key, value in own.items():
        if is_derived(key):
            filled.setdefault(key, value)
    # without it torchvision's MNASNet takes the weights for those of its first version
    filled._metadata = getattr(own, "_metadata", {})  # type: ignore[attr-defined]
    return filled
