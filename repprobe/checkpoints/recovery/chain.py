"""The weighted layers of a plain network, read off a state dict, or why it is none."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from repprobe.errors import CheckpointError
from repprobe.zoo.registry import Shapes

Kind = Literal["conv2d", "batch_norm", "linear"]

_BRANCHES = re.compile(
    r"(?:^|\.)(?:down_?sample\w*|\w*short_?cut\w*|skip\w*|\w*residual\w*|identity\w*|branch\w*|"
    r"attn\w*|attention\w*|\w*embed\w*|downsample\w*|inception\w*|fire\w*|aux\w*|"
    r"layer\d+\.\d+\.conv\d+|stage_?\d+\.\d+\.conv_?\w+|block\d+\.layer\.\d+)(?:\.|$)",
    re.IGNORECASE,
)
"""Names of what stands beside a path: a network that has it is no chain."""

_STATISTICS = {"running_mean", "running_var"}


@dataclass(frozen=True)
class Weighted:
    """A layer with weights.

    Attributes
    ----------
    kind : what it is.
    name : its dotted name in the file.
    before, after : channels or units it takes and puts out.
    kernel : height and width of a convolution's kernel.
    groups : of a convolution.
    bias : whether it has one; of a batch norm whether it has weight and bias.
    """

    kind: Kind
    name: str
    before: int
    after: int
    kernel: tuple[int, int] = (1, 1)
    groups: int = 1
    bias: bool = True


def read_chain(shapes: Shapes, label: str) -> list[Weighted]:
    """Return the layers in the order of the file, each taking what the one before puts out.

    Raises
    ------
    CheckpointError
        It is no chain of convolutions, batch norms and linear layers; `label` names the file.
    """
    try:
        return _chained(_layers(shapes))
    except _NotPlain as reason:
        raise CheckpointError(
            f"'{label}' is no plain chain of convolutions, batch norms and linear layers: {reason}."
        ) from None


class _NotPlain(Exception):
    """Why a state dict is no chain."""


def _layers(shapes: Shapes) -> list[Weighted]:
    grouped: dict[str, dict[str, tuple[int, ...]]] = {}
    for key, shape in shapes.items():
        name, _, part = key.rpartition(".")
        grouped.setdefault(name, {})[part] = tuple(shape)
    layers = []
    for name, parts in grouped.items():
        if not name:
            raise _NotPlain(f"'{next(iter(parts))}' belongs to no layer")
        if _BRANCHES.search(name):
            raise _NotPlain(f"'{name}' is the name of a part beside another path")
        if any(other.startswith(f"{name}.") for other in grouped):
            raise _NotPlain(f"'{name}' has weights and holds other layers")
        layers.append(_layer(name, parts))
    return layers


def _layer(name: str, parts: dict[str, tuple[int, ...]]) -> Weighted:
    weight = parts.get("weight", ())
    known = parts.keys() - {"num_batches_tracked"}
    if known >= _STATISTICS:
        size = parts["running_mean"]
        if known - _STATISTICS - {"weight", "bias"} or len(size) != 1:
            raise _NotPlain(f"'{name}' has more than a batch norm has")
        return Weighted("batch_norm", name, size[0], size[0], bias="weight" in known)
    if known - {"weight", "bias"} or "weight" not in known:
        raise _NotPlain(f"'{name}' has the tensors {', '.join(sorted(known))}")
    if "bias" in known and parts["bias"] != weight[:1]:
        raise _NotPlain(f"the weight and the bias of '{name}' differ in length")
    bias = "bias" in known
    if len(weight) == 4 and min(weight) > 0:
        kernel = (weight[2], weight[3])
        return Weighted("conv2d", name, weight[1], weight[0], kernel, bias=bias)
    if len(weight) == 2 and min(weight) > 0:
        return Weighted("linear", name, weight[1], weight[0], bias=bias)
    raise _NotPlain(f"the weight of '{name}' has the shape {weight}")


def _chained(layers: list[Weighted]) -> list[Weighted]:
    """Check that each layer takes what the one before puts out; find the groups on the way."""
    if not any(layer.kind != "batch_norm" for layer in layers):
        raise _NotPlain("it has no convolution and no linear layer")
    if layers[-1].kind == "batch_norm":
        raise _NotPlain("it ends with a batch norm")
    chain: list[Weighted] = []
    for layer in layers:
        last = chain[-1] if chain else None
        if last is not None:
            layer = _joined(last, layer, flat=any(known.kind == "linear" for known in chain))
        chain.append(layer)
    return chain


def _joined(last: Weighted, layer: Weighted, flat: bool) -> Weighted:
    """Return the layer as it follows the last one; `flat` says whether a linear layer came."""
    width = last.after
    if layer.kind == "conv2d":
        if flat:
            raise _NotPlain(f"the convolution '{layer.name}' comes after a linear layer")
        if layer.before != width and width % layer.before == 0:
            groups = width // layer.before
            if layer.after % groups == 0 and groups in (2, 4, 8, 16, 32, width):
                return replace(layer, before=width, groups=groups)
        fits = layer.before == width
    elif layer.kind == "linear" and not flat:
        fits = layer.before % width == 0
    else:
        fits = layer.before == width and not (layer.kind == last.kind == "batch_norm")
    if not fits:
        raise _NotPlain(
            f"'{layer.name}' takes {layer.before} channels or units, and '{last.name}' before it "
            f"puts out {width}"
        )
    return layer
