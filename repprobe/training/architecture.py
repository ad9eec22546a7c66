"""The architecture a run trains: its name settled, its arguments filled in from the data."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from repprobe.checkpoints import architectures
from repprobe.data import Data
from repprobe.zoo import registry

if TYPE_CHECKING:
    from torch import nn

PYG = {"hidden_channels": 64, "num_layers": 2}
"""Sizes of torch-geometric's networks, which have none by default."""


def settle(text: str, given: Mapping[str, Any], data: Data) -> tuple[str, dict[str, Any]]:
    """Return what `architectures.build_fresh` takes: the full name, and all arguments.

    A bare name of the zoo may be given. Arguments that the builder has and the data tell are
    filled in (number of classes or targets, channels, features of an input or a node); the
    given ones win.

    Raises
    ------
    UsageError
        The architecture has none of the forms, or does not exist.
    """
    if ":" not in text and text in registry.names():
        text = f"zoo:{text}"
    known = architectures.argument_names(text)
    filled = {name: value for name, value in _of_data(data).items() if name in known}
    if "in_features" in filled and "input_shape" in given:
        del filled["in_features"]
    if text.startswith("pyg:"):
        filled = {**PYG, **filled}
    return text, {**filled, **given}


def fresh(architecture: str, arguments: Mapping[str, Any], seed: int) -> nn.Module:
    """Build a network whose weights follow from the seed; the caller's random state is kept.

    Raises
    ------
    UsageError, CheckpointError
        It cannot be built with these arguments.
    """
    import torch

    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        return architectures.build_fresh(architecture, arguments)


def outputs(data: Data) -> int:
    """Return how many numbers a network puts out for an example of the data."""
    labels = data.train.labels
    return len(data.classes) or (1 if labels.ndim == 1 else labels.shape[1])


def _of_data(data: Data) -> dict[str, Any]:
    """Return what builders may be told, by the names that the libraries have for it."""
    count, shape = outputs(data), data.input_shape
    told: dict[str, Any] = {"num_classes": count, "out_channels": count}
    if data.of_graphs:
        return {**told, "in_features": shape[-1], "in_channels": shape[-1]}
    told["in_features"] = math.prod(shape)
    if len(shape) == 3:
        told |= {"in_channels": shape[0], "in_chans": shape[0]}
    return told
