"""`hypotheses`: everything that a state dict and the size of the input leave open."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass

from repprobe.checkpoints.recovery.chain import Weighted, read_chain
from repprobe.checkpoints.recovery.geometry import FLATTEN, Geometry, find, size_behind
from repprobe.checkpoints.recovery.hypothesis import MIXABLE, ORDERS, RARITY
from repprobe.errors import CheckpointError
from repprobe.zoo.registry import Shapes


@dataclass(frozen=True)
class Hypotheses:
    """The plain networks that a state dict may belong to.

    Attributes
    ----------
    chain : the weighted layers, in the order of the file.
    geometries : the least surprising ways to lay the convolutions, the commonest first.
    count : number of networks in all, with the same activation and the same pooling everywhere
        or another in one layer; of the geometries left out, too.
    channels : what the images of the data are brought to before they are prepared: "" where the
        network takes them as they are, "rgb" or "grey" (see `Preprocessing.channels`).
    label : names the file in messages.
    work : multiplications per example, of the commonest of them.
    """

    chain: tuple[Weighted, ...]
    geometries: tuple[Geometry, ...]
    count: int
    channels: str
    label: str
    work: float

    @property
    def classes(self) -> int:
        """Number of outputs."""
        return self.chain[-1].after


def hypotheses(shapes: Shapes, input_shape: Sequence[int] | None, label: str) -> Hypotheses:
    """Enumerate the plain networks that have these tensors and take inputs of that shape.

    Parameters
    ----------
    shapes : of the state dict, in the order of the file, which is taken for that of execution.
    input_shape : (channels, height, width) or (features,) of the data's inputs; None without data.
    label : names the file in messages.

    Raises
    ------
    CheckpointError
        The state dict is no chain of convolutions, batch norms and linear layers; nothing with
        its sizes takes such inputs; or there are no data, which alone can tell.
    """
    chain = tuple(read_chain(shapes, label))
    if input_shape is None:
        raise CheckpointError(
            f"'{label}' is a plain network of {len(chain)} layers with weights, and its file does "
            "not tell activations, strides and poolings; give --data, which can, or --arch."
        )
    shape = tuple(input_shape)
    channels = _channels(chain, shape, label)
    convolutions = [layer for layer in chain if layer.kind == "conv2d"]
    count = _settings(chain)
    if not convolutions:
        chosen = (Geometry((), FLATTEN, 0.0),)
        work = sum(layer.before * layer.after for layer in chain if layer.kind == "linear")
        return Hypotheses(chain, chosen, count, channels, label, float(work))
    size = (shape[1], shape[2])
    taken = next((layer.before for layer in chain if layer.kind == "linear"), None)
    space = find(convolutions, size, taken, _gaps(chain))
    if not space.likely:
        raise CheckpointError(
            f"no strides, paddings and poolings of '{label}' lead from images of "
            f"{shape[1]}×{shape[2]} pixels to the {taken} values that its first linear layer "
            "takes; was it trained on another size (--image-size)?"
        )
    return Hypotheses(
        chain,
        space.likely,
        space.count * count,
        channels,
        label,
        _multiplications(chain, space.likely[0], size),
    )


def _settings(chain: Sequence[Weighted]) -> int:
    """Return how many settings of activations, poolings and orders are tried with a geometry."""
    weighted = [layer for layer in chain if layer.kind != "batch_norm"]
    behind = len(weighted) - 1
    pools = sum(layer.kind == "conv2d" for layer in chain)
    activations = len(RARITY) * (1 + len(MIXABLE) * behind) if behind else 1
    orders = (len(ORDERS) if pools else 2) if len(weighted) < len(chain) else 1 + bool(pools)
    return activations * (2 * (1 + pools) if pools else 1) * orders


def _channels(chain: Sequence[Weighted], shape: tuple[int, ...], label: str) -> str:
    """Say what the channels of the data are brought to."""
    first, given = chain[0], math.prod(shape)
    images = any(layer.kind == "conv2d" for layer in chain)
    wanted = first.before
    if images and len(shape) == 3:
        known = {shape[0]: "", 3 if shape[0] == 1 else 0: "rgb", 1 if shape[0] == 3 else 0: "grey"}
    elif not images:
        known = {given: ""}
        if len(shape) == 3 and shape[0] == 1:
            known[3 * given] = "rgb"
        elif len(shape) == 3 and shape[0] == 3:
            known[given // 3] = "grey"
    else:
        known = {}
    if wanted not in known or wanted == 0:
        what = "×".join(map(str, shape))
        raise CheckpointError(
            f"'{label}' takes {wanted} {'channels' if images else 'values'}, which inputs of "
            f"{what} do not have; give the data it was trained on, or --arch."
        )
    return known[wanted]


def _gaps(chain: Sequence[Weighted]) -> list[int | None]:
    """Return how many modules without weights stand behind each convolution, as names tell.

    Names tell where they are the numbers of a list (`features.0`, `features.3`): between these
    two there are two that have no weights. None where they do not.
    """
    weighted = [i for i, layer in enumerate(chain) if layer.kind != "batch_norm"]
    gaps: list[int | None] = []
    for here, there in zip(weighted, [*weighted[1:], None], strict=True):
        if chain[here].kind != "conv2d":
            continue
        first, last = _number(chain[here].name), None
        if there is not None:
            last = _number(chain[there].name)
        if first is None or last is None or first[0] != last[0]:
            gaps.append(None)
        else:
            assert there is not None
            gaps.append(last[1] - first[1] - 1 - (there - here - 1))
    # lists of convolutions alone, run with functions, have none between any
    return [None] * len(gaps) if all(not gap for gap in gaps) else gaps


def _number(name: str) -> tuple[str, int] | None:
    found = re.fullmatch(r"((?:.*\.)?)(\d+)", name)
    return (found[1], int(found[2])) if found else None


def _multiplications(chain: Sequence[Weighted], geometry: Geometry, size: tuple[int, int]) -> float:
    total, places = 0.0, iter(geometry.places)
    for layer in chain:
        if layer.kind == "conv2d":
            place = next(places)
            out = size_behind(size, layer.kernel, place._replace(pool=None))
            assert out is not None
            total += math.prod((*out, *layer.kernel, layer.before, layer.after)) / layer.groups
            size = size_behind(size, layer.kernel, place) or (1, 1)
        elif layer.kind == "linear":
            total += layer.before * layer.after
    return total
