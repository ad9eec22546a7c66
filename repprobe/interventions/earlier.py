"""The earlier state of a network that its blocks are rewound to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from repprobe.errors import UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from repprobe.checkpoints.model import Model


class Earlier(NamedTuple):
    """The tensors of the state dict of the network as it was, and what to call them."""

    state: dict[str, Tensor]
    name: str


def earlier_state(model: Model, earlier: Model | None, seed: int) -> Earlier:
    """Return what the network's blocks are rewound to.

    It is the given earlier network; without one the initialization, which for a checkpoint of
    `train` follows from the seed in the file, bit for bit; else weights drawn from `seed`.

    Raises
    ------
    UsageError
        The earlier network is of another architecture, or fresh weights cannot be had.
    CheckpointError
        The architecture cannot be built anew.
    """
    from repprobe.checkpoints.fresh import fresh

    if earlier is not None:
        found = Earlier(_tensors(earlier), f"the weights of '{earlier.name}'")
    elif (known := initial_seed(model)) is not None:
        found = Earlier(_tensors(fresh(model, known)), "its initial weights")
    else:
        found = Earlier(_tensors(fresh(model, seed)), "random weights")
    _check(found, _tensors(model), model.name)
    return found


def initial_seed(model: Model) -> int | None:
    """Return the seed of the first weights of a network that `train` made; None for another's."""
    from repprobe.training.seeds import Stream, torch_seed

    seed = model.metadata.get("seed")
    if model.origin is None or not isinstance(seed, int) or seed < 0:
        return None
    # of networks that were trained together, the second lies in `state_dict_2`
    place = model.entry.way[-1] if model.entry is not None and model.entry.way else ""
    several = re.fullmatch(r"state_dict_(\d+)", str(place))
    return torch_seed(seed, Stream.WEIGHTS, int(several[1]) - 1 if several else 0)


def _tensors(model: Model) -> dict[str, Tensor]:
    import torch

    state = model.module.state_dict()
    return {key: value for key, value in state.items() if isinstance(value, torch.Tensor)}


def _check(earlier: Earlier, now: dict[str, Tensor], name: str) -> None:
    shapes = [{key: tuple(t.shape) for key, t in state.items()} for state in (earlier.state, now)]
    wrong = [key for key in {**shapes[1], **shapes[0]} if shapes[0].get(key) != shapes[1].get(key)]
    if wrong:
        there = shapes[0].get(wrong[0], "missing")
        raise UsageError(
            f"blocks of '{name}' cannot be rewound to {earlier.name}, those of another "
            f"architecture: {len(wrong)} {'entry differs' if len(wrong) == 1 else 'entries differ'}"
            f", e.g. {wrong[0]} ({there}, not {shapes[1].get(wrong[0], 'missing')})."
        )
