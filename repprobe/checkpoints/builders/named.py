"""Networks by name: what builds `torchvision:…`, `timm:…`, `pyg:…`, `zoo:…`, `transformers:…`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib.util import find_spec
from typing import Any

from repprobe.checkpoints.builders import vision
from repprobe.checkpoints.builders.vision import Maker
from repprobe.checkpoints.recognition import pyg
from repprobe.errors import CheckpointError, nearest
from repprobe.zoo import registry
from repprobe.zoo.registry import Shapes

LIBRARIES = ("torchvision", "timm", "pyg", "zoo", "transformers")
"""Sources of named networks; building one runs no code of the user's, nor of a file's."""


def maker(library: str) -> Callable[[str, Mapping[str, Any], Shapes], Maker]:
    """Return what finds a library's builder, and the arguments that the shapes tell.

    It takes the name, the arguments given and the shapes, and raises UsageError for a name that
    does not exist, and CheckpointError where the network cannot be built.
    """
    return {
        "zoo": _zoo,
        "torchvision": vision.torchvision,
        "timm": vision.timm,
        "pyg": _pyg,
        "transformers": _transformers,
    }[library]


def argument_names(library: str, name: str) -> set[str]:
    """Return the names of the arguments that the data can tell and the builder takes."""
    if library == "zoo":
        return set(registry.parameters(name))
    return {
        "torchvision": {"num_classes", "in_chans"},
        "timm": {"num_classes", "in_chans"},
        "pyg": {"in_channels", "out_channels"},
        "transformers": set(),
    }[library]


def guess(text: str) -> str:
    """Suggest a form for a bare name, e.g. `resnet18`."""
    name = text.rpartition(":")[2]
    if name in registry.names():
        return f"; did you mean zoo:{name}?"
    if name in pyg.FIRST_WEIGHTS:
        return f"; did you mean pyg:{name}?"
    if find_spec("torchvision") and name in vision.torchvision_names():
        return f"; did you mean torchvision:{name}?"
    near = [f"zoo:{known}" for known in nearest(name, registry.names(), 2)]
    return f"; did you mean {' or '.join(near)}?" if near else ""


_STATES = {"input_shape": "in_features", "width": "hidden"}
"""Arguments of the zoo that say in another way what the shapes tell of these."""


def _zoo(name: str, given: Mapping[str, Any], shapes: Shapes) -> Maker:
    told = registry.guess_arguments(name, shapes)
    if told is None and not given:
        keys = ", ".join(list(shapes)[:3])
        raise CheckpointError(
            f"the state dict does not fit zoo:{name}: its keys are of another kind ({keys}, …)."
        )
    stated = {_STATES[key] for key in given if key in _STATES}
    inferred = {k: v for k, v in (told or {}).items() if k not in stated}
    return lambda **arguments: registry.build(name, **arguments), inferred


def _pyg(name: str, given: Mapping[str, Any], shapes: Shapes) -> Maker:
    pyg.check_name(name)
    guesses = pyg.guess_arguments(name, shapes)
    if len(guesses) > 1 and "jk" not in given:
        kinds = " or ".join(f"jk={guess['jk']}" for guess in guesses)
        raise CheckpointError(
            f"the state dict fits pyg:{name} with {kinds}, which differ in what they compute; say "
            "which it is with --arch-arg."
        )
    if shapes and not guesses and not given:
        keys = ", ".join(list(shapes)[:3])
        raise CheckpointError(
            f"the state dict does not fit pyg:{name}: its keys are of another kind ({keys}, …)."
        )
    return lambda **arguments: pyg.build(name, **arguments), guesses[0] if guesses else {}


def _transformers(name: str, given: Mapping[str, Any], shapes: Shapes) -> Maker:
    from repprobe.checkpoints.huggingface import build_transformers

    return lambda **arguments: build_transformers(arguments), {}
