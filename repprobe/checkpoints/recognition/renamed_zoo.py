"""The zoo's image networks whose tensors have other names, told by the order of their shapes.

A form of each network lends its own names to the tensors, in their order; what arguments they
have then is read off as if the names had been there.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from repprobe.checkpoints.recognition.fingerprints import FEWEST, core
from repprobe.errors import UsageError
from repprobe.zoo import registry
from repprobe.zoo.registry import Shapes

_SIZE = (32, 32)
_BASIC, _DEEP = ((2, 2, 2, 2), (3, 4, 6, 3)), ((3, 4, 6, 3), (3, 4, 23, 3), (3, 8, 36, 3))


def renamed_zoo(shapes: Shapes) -> list[tuple[str, dict[str, Any], dict[str, str]]]:
    """Return names, arguments, and own key → given key of the networks that fit in order.

    Of those that compute the same, one; two or more differ in what they compute.
    """
    from repprobe.checkpoints.recognition.catalogue import catalogue
    from repprobe.checkpoints.recognition.trace import expression

    if len(core(shapes)) < FEWEST:  # so few shapes may agree by chance
        return []
    found: dict[str | int, tuple[str, dict[str, Any], dict[str, str]]] = {}
    for number, known in enumerate(catalogue("zoo")[0].ordered(shapes)):
        name = known.architecture.removeprefix("zoo:")
        keys = _lent(known.entries, shapes)
        arguments = _arguments(name, {key: tuple(shapes[k]) for key, k in keys.items()})
        if arguments is not None:
            size = (arguments["in_channels"], *_SIZE)
            hashed = expression(partial(registry.build, name, **arguments), size)
            found.setdefault(hashed or number, (f"zoo:{name}", arguments, keys))
    return list(found.values())


def _lent(own: Shapes, shapes: Shapes) -> dict[str, str]:
    """Return own key → given key by their order; counters may be missing on either side."""
    if len(own) == len(shapes):
        return dict(zip(own, shapes, strict=True))
    return dict(zip(_sized(own), _sized(shapes), strict=False))


def _sized(shapes: Shapes) -> list[str]:
    return [key for key, shape in shapes.items() if len(shape)]


def _arguments(name: str, shapes: Shapes) -> dict[str, Any] | None:
    """Read the arguments off shapes under the network's own names; None if it has others."""
    from repprobe.checkpoints.blueprint import blueprint

    guess = registry.guess_arguments(name, shapes)
    if guess is None:
        return None
    try:
        own = blueprint(partial(registry.build, name, **guess))
    except UsageError:
        return None
    return guess if core(own) == core(shapes) else None


def usual_forms() -> Iterator[tuple[str, dict[str, Any]]]:
    """List the forms that have an order of their own; width and channels do not change it."""
    for depth in (*range(8, 63, 6), 110, 164, 200):
        for shortcut in ("A", "B"):
            yield "cifar-resnet", {"depth": depth, "shortcut": shortcut}
    for block, kinds in (("basic", _BASIC), ("bottleneck", _DEEP)):
        for blocks in kinds:
            yield "cifar-resnet4", {"blocks": blocks, "block": block}
            for norm in ("first", "none", "last"):
                yield "preact-resnet", {"blocks": blocks, "block": block, "norm": norm}
    for norm in ("first", "none", "last"):
        yield "preact-resnet18", {"norm": norm}
    for depth in (10, 16, 22, 28, 34, 40):
        for naming, bias in (("block", False), ("layer", True)):
            yield "wide-resnet", {"depth": depth, "width": 1, "naming": naming, "bias": bias}
    for depth in (11, 13, 16, 19):
        yield "cifar-vgg", {"depth": depth, "width": 0.125}
    yield "cnn9", {"width": 0.125}
    yield "small-cnn", {}
