"""Where the channels of an activation are: first, last, or nowhere to be found."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from torch import nn

from repprobe.capture.layer import Layout

_FIRST = ("out_channels", "num_features", "num_channels")
_LAST = ("out_features", "embed_dim", "embedding_dim", "normalized_shape", "hidden_size")


class Channels(NamedTuple):
    """What a module says about its output: how many channels, and whether they come last."""

    last: bool
    number: int | None


def channels(module: nn.Module) -> Channels | None:
    """Return where a leaf module puts the channels; None if it does not tell.

    Convolutions, pooling, batch and group normalization (and classes named …1d, …2d, …3d) put
    them first; linear, embedding, attention, recurrent and layer normalization modules last.
    """
    kind = type(module).__name__
    dims = getattr(module, "dims", None)
    if kind == "Permute" and isinstance(dims, list | tuple) and len(dims) > 2:
        return Channels(last=dims[1] != len(dims) - 1, number=None)
    planar = re.search(r"[123]d$", kind) is not None
    for names, last in ((_FIRST, False), (_LAST, not planar)):
        for name in names:
            number = _size(getattr(module, name, None))
            if number is not None:
                return Channels(last, number)
    return Channels(False, None) if planar else None


def layout(shape: Sequence[int], told: Channels | None) -> Layout:
    """Return the layout of an activation whose examples have that shape.

    `told` is what the latest leaf said before the activation was put out. Networks also permute
    axes without a module, so the axis that has that leaf's number of channels goes first; only
    when both or none of the outer axes has it, the kind of the leaf decides. With nobody to
    ask, two axes are a sequence (T, D) and more are a map (C, …).
    """
    if len(shape) < 2:
        return "vector"
    last = told.last if told else len(shape) == 2
    if told and (shape[0] == told.number) != (shape[-1] == told.number):
        last = shape[-1] == told.number
    if not last:
        return "map"
    return "sequence" if len(shape) == 2 else "channels-last"


def _size(value: object) -> int | None:
    if isinstance(value, tuple | list):
        return _size(value[0]) if len(value) == 1 else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None
