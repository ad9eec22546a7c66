"""What `--arch` may say: a named network (`timm:NAME`, …), or a function of the user's."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from repprobe.checkpoints.builders import named, users
from repprobe.checkpoints.builders.failures import one_line
from repprobe.checkpoints.builders.named import LIBRARIES
from repprobe.checkpoints.builders.vision import Maker
from repprobe.errors import UsageError
from repprobe.zoo.registry import Shapes

if TYPE_CHECKING:
    from torch import nn

__all__ = [
    "CUT",
    "FORMS",
    "LIBRARIES",
    "LOADS_MORE",
    "argument_names",
    "build",
    "build_fresh",
]

FORMS = (
    "torchvision:NAME, timm:NAME, pyg:NAME, zoo:NAME, transformers:MODEL_TYPE, "
    "package.module:function or file.py:function"
)

CUT = "cut:"
"""What stands before the architecture of a network that ends at one of its layers, with a head.

Its arguments are `base`, those of the network itself, and `cut`, in plain values; see `repair`.
"""

LOADS_MORE = ("pretrained", "checkpoint", "weights", "cache")
"""How arguments begin that have a builder read or download weights: only the user may give them."""


def build(
    architecture: str, given: Mapping[str, Any], shapes: Shapes
) -> tuple[nn.Module, dict[str, Any]]:
    """Build a network that is to take a state dict of these shapes.

    Parameters
    ----------
    architecture : one of the `FORMS`. A file or module is imported, since the user named it.
    given : arguments of the builder; they win over what the shapes tell. torchvision's builders
        get one more, `in_chans`: the first convolution takes so many channels.
    shapes : for named networks, the number of classes and the like are read off them.

    Returns
    -------
    module, arguments
        The network, its weights not set, and all arguments it was built with.

    Raises
    ------
    UsageError
        `architecture` has none of the forms, or is a name that does not exist.
    CheckpointError
        The network cannot be built.
    """
    from repprobe.checkpoints.blueprint import build_uninitialized

    if architecture.startswith(CUT):
        whole = {k.removeprefix("base."): s for k, s in shapes.items() if k.startswith("base.")}
        base, arguments = build(architecture.removeprefix(CUT), given.get("base", {}), whole)
        return build_uninitialized(lambda: _cut(base, given)), {**given, "base": arguments}
    source, _, name = architecture.rpartition(":")
    if _is_users(source, name):
        from torch import random

        with random.fork_rng([]):
            return users.build(source, name, given), dict(given)
    make, inferred = _maker(architecture)(name, given, shapes)
    arguments = {**inferred, **given}
    with one_line(architecture):
        return build_uninitialized(lambda: make(**arguments)), arguments


def build_fresh(architecture: str, arguments: Mapping[str, Any]) -> nn.Module:
    """Build a network with fresh weights, drawn from torch's random state.

    `architecture` is one of the `FORMS`, `arguments` are all that its builder takes; errors are
    those of `build`.
    """
    if architecture.startswith(CUT):
        base = build_fresh(architecture.removeprefix(CUT), arguments.get("base", {}))
        return _cut(base, arguments)
    source, _, name = architecture.rpartition(":")
    if _is_users(source, name):
        return users.build(source, name, arguments)
    make, inferred = _maker(architecture)(name, arguments, {})
    with one_line(architecture):
        return make(**{**inferred, **arguments})


def argument_names(architecture: str) -> set[str]:
    """Return the names of the arguments that the data can tell and the builder takes.

    Of a user's function all its parameters. Errors are those of `build`.
    """
    source, _, name = architecture.rpartition(":")
    if _is_users(source, name):
        return set(inspect.signature(users.function(source, name)).parameters)
    _maker(architecture)
    return named.argument_names(source, name)


def _cut(base: nn.Module, arguments: Mapping[str, Any]) -> nn.Module:
    """End a network at a layer; the weights of its head are fresh."""
    from repprobe.repair.network import cut_network  # above this room, as what it builds is

    return cut_network(base, arguments.get("cut"))


def _is_users(source: str, name: str) -> bool:
    return bool(name) and source not in LIBRARIES and users.names_function(source)


def _maker(architecture: str) -> Callable[[str, Mapping[str, Any], Shapes], Maker]:
    """Return what finds a library's builder, and the arguments that the shapes tell."""
    source, _, name = architecture.rpartition(":")
    if architecture.endswith(".py"):
        raise UsageError(
            f"'{architecture}' has to name the function that builds the network: "
            f"{architecture}:FUNCTION."
        )
    if source not in LIBRARIES or not name:
        guess = named.guess(architecture) or "."
        raise UsageError(f"architecture '{architecture}' is not {FORMS}{guess}")
    return named.maker(source)
