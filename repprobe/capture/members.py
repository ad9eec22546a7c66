"""Finds the tensors inside what a module puts out: tuples, dictionaries, dataclasses."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from typing import Any

from torch import Tensor

Way = tuple[Any, ...]
"""How to reach a member: an index, key or field name per level."""


def members(output: Any, way: Way = ()) -> Iterator[tuple[Way, Tensor]]:
    """Yield every tensor inside an output with the way to it, at any depth."""
    if isinstance(output, Tensor):
        yield way, output
        return
    for key, value in _entries(output):
        yield from members(value, (*way, key))


def member(output: Any, way: Way) -> Tensor | None:
    """Return the tensor that lies that way inside an output; None if there is none."""
    for key in way:
        output = dict(_entries(output)).get(key)
    return output if isinstance(output, Tensor) else None


def given(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Tensor | None:
    """Return the first tensor among the arguments of a call, if any."""
    return next((tensor for _, tensor in members((args, kwargs))), None)


def logits(output: Any) -> Tensor | None:
    """Return the network's answer among what it put out.

    The member `logits` if there is one, else the first floating-point tensor of shape (B, C) or
    (B,); None if there is no such thing.
    """
    found = dict(members(output))
    ways = sorted(found, key=lambda way: "logits" not in way)
    answers = (found[way] for way in ways)
    return next((t for t in answers if t.is_floating_point() and t.ndim in (1, 2)), None)


def _entries(output: Any) -> Iterator[tuple[Any, Any]]:
    if isinstance(output, Mapping):
        yield from output.items()
    elif isinstance(output, tuple | list):
        yield from enumerate(output)
    elif dataclasses.is_dataclass(output) and not isinstance(output, type):
        for field in dataclasses.fields(output):
            yield field.name, getattr(output, field.name)
