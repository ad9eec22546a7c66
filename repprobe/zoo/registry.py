"""The names of the zoo's networks, and how one is built, or recognized, by its name."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable, Mapping
from types import ModuleType
from typing import TYPE_CHECKING, Any

from repprobe.errors import UnknownNameError, UsageError

if TYPE_CHECKING:
    from torch import nn

Shapes = Mapping[str, tuple[int, ...]]
"""The keys of a state dict with the shapes of their tensors."""

NETWORKS = {
    "cifar-resnet": ("cifar_resnet", "CifarResNet"),
    "cifar-resnet4": ("cifar_resnet4", "CifarResNet4"),
    "cifar-vgg": ("cifar_vgg", "CifarVGG"),
    "cnn9": ("cnn9", "CNN9"),
    "deepsets": ("deepsets", "DeepSets"),
    "lenet": ("lenet", "LeNet"),
    "max-max-gnn": ("gnn", "MaxMaxGNN"),
    "max-sum-gnn": ("gnn", "MaxSumGNN"),
    "mlp": ("mlp", "MLP"),
    "mnist-net": ("mnist_net", "MnistNet"),
    "plain": ("plain", "PlainNet"),
    "preact-resnet": ("preact_resnets", "PreActResNet"),
    "preact-resnet18": ("preact_resnet", "PreActResNet18"),
    "small-cnn": ("small_cnn", "SmallCNN"),
    "wide-resnet": ("wide_resnet", "WideResNet"),
}
"""Name → file of this folder (imported when it is needed) and class in it."""


def names() -> list[str]:
    """Return the names of all networks, sorted."""
    return sorted(NETWORKS)


def build(name: str, **arguments: Any) -> nn.Module:
    """Build the network `name` with fresh weights.

    Raises
    ------
    UnknownNameError
        There is no such network, or it has no such argument.
    UsageError
        An argument is missing or has a value that cannot be used.
    """
    file, kind = _entry(name)
    network: Callable[..., nn.Module] = getattr(file, kind)
    known = parameters(name)
    for argument in arguments:
        if argument not in known:
            raise UnknownNameError.near(
                f"argument of zoo:{name}", argument, known, f"It takes {', '.join(known)}."
            )
    missing = [k for k, p in known.items() if p.default is p.empty and k not in arguments]
    if missing:
        raise UsageError(f"zoo:{name} needs the argument {' and '.join(missing)}.")
    try:
        return network(**arguments)
    except UsageError as error:
        text = str(error).rstrip(".")
        wrong = known.get(text.partition(" ")[0])
        told = wrong is not None and wrong.default is not wrong.empty
        default = f" (its default is {wrong.default})" if wrong and told else ""
        raise UsageError(f"zoo:{name}: {text}{default}.") from None


def parameters(name: str) -> Mapping[str, inspect.Parameter]:
    """Return the arguments of the network `name`; raises UnknownNameError if there is none."""
    file, kind = _entry(name)
    return inspect.signature(getattr(file, kind)).parameters


def guess_arguments(name: str, shapes: Shapes) -> dict[str, Any] | None:
    """Return the arguments with which the network `name` is likest to `shapes`.

    It is a guess from a few telling keys, to be confirmed by comparing all of them; None where
    not even those are there. Raises UnknownNameError for a network that does not exist.
    """
    file, _ = _entry(name)
    guess: dict[str, Any] | None = file.guess_arguments(shapes)
    return guess


def guesses(name: str, shapes: Shapes) -> list[dict[str, Any]]:
    """Return every set of arguments with which the network `name` is likest to `shapes`.

    The shapes are the same with each of them, and what is computed is not; the commonest comes
    first. Raises UnknownNameError for a network that does not exist.
    """
    file, _ = _entry(name)
    if hasattr(file, "guesses"):
        found: list[dict[str, Any]] = file.guesses(shapes)
        return found
    guess = guess_arguments(name, shapes)
    return [] if guess is None else [guess]


def _entry(name: str) -> tuple[ModuleType, str]:
    if name not in NETWORKS:
        raise UnknownNameError.near(
            "zoo network", name, NETWORKS, f"The zoo has {', '.join(names())}."
        )
    file, kind = NETWORKS[name]
    return importlib.import_module(f"repprobe.zoo.{file}"), kind
