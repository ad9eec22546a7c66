"""Image classifiers of torchvision and timm by name, and what shapes tell of their arguments."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from repprobe.checkpoints.builders.failures import one_line, reason
from repprobe.errors import CheckpointError, UnknownNameError

if TYPE_CHECKING:
    from torch import nn

    from repprobe.zoo.registry import Shapes

Maker = tuple["Callable[..., nn.Module]", dict[str, Any]]
"""What builds a network, and the arguments that the shapes tell."""

AUXILIARY: dict[str, dict[str, Any]] = {
    "googlenet": {"init_weights": False},
    "inception_v3": {"init_weights": False},
}
"""Networks of torchvision with auxiliary heads, which checkpoints have or lack: arguments."""


def torchvision_names() -> list[str]:
    """Return the names of torchvision's classifiers; raises CheckpointError if it is broken."""
    try:
        import torchvision.models
    except (ImportError, RuntimeError) as err:
        raise CheckpointError(f"torchvision cannot be imported: {reason(err)}.") from None
    names: list[str] = torchvision.models.list_models(module=torchvision.models)
    return names


def make_torchvision(name: str, **arguments: Any) -> nn.Module:
    """Build a classifier of torchvision.

    `in_chans` is an argument of ours: the first convolution is replaced by one that takes so
    many channels.
    """
    from torchvision.models import get_model

    channels = arguments.pop("in_chans", 3)
    network: nn.Module = get_model(name, weights=None, **arguments)
    if channels != 3:
        _take_channels(network, channels)
    return network


def torchvision(name: str, given: Mapping[str, Any], shapes: Shapes) -> Maker:
    """Return the builder of a classifier of torchvision, and the arguments the shapes tell."""
    known = torchvision_names()
    if name not in known:
        raise UnknownNameError.near("torchvision classifier", name, known)
    inferred = dict(AUXILIARY.get(name, {}))
    if inferred:
        inferred["aux_logits"] = any(key.startswith(("aux", "AuxLogits.")) for key in shapes)
    inferred = {k: v for k, v in inferred.items() if k not in given}

    def make(**arguments: Any) -> nn.Module:
        return make_torchvision(name, **arguments)

    with one_line(f"torchvision:{name}"):
        told = _told(f"torchvision:{name}", {**inferred, **given}, shapes)
        told.setdefault("num_classes", 1000)
        return make, {**inferred, **{k: v for k, v in told.items() if k not in given}}


def timm_names() -> list[str]:
    """Return the names of timm's networks; raises ImportError without timm."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import timm
    names: list[str] = timm.list_models()
    return names


def make_timm(name: str, **arguments: Any) -> nn.Module:
    """Build a network of timm."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import timm

        network: nn.Module = timm.create_model(name, pretrained=False, **arguments)
        return network


def timm(name: str, given: Mapping[str, Any], shapes: Shapes) -> Maker:
    """Return the builder of a network of timm, and the arguments the shapes tell."""
    try:
        known = timm_names()
    except ImportError:
        raise CheckpointError(
            f"timm:{name} needs the package timm; pip install repprobe[timm]."
        ) from None
    # a tag names weights ("resnet18.a1_in1k"), and other sources ("hf-hub:…") would download
    name = name.partition(".")[0]
    if name not in known:
        raise UnknownNameError.near("timm model", name, known)

    def make(**arguments: Any) -> nn.Module:
        return make_timm(name, **arguments)

    with one_line(f"timm:{name}"):
        told = _told(f"timm:{name}", given, shapes)
        told.setdefault("num_classes", 0)
        return make, {k: v for k, v in told.items() if k not in given}


def _told(architecture: str, given: Mapping[str, Any], shapes: Shapes) -> dict[str, Any]:
    """Read the number of classes, and of input channels if it is not 3, off the shapes."""
    from repprobe.checkpoints.recognition.fingerprints import take
    from repprobe.checkpoints.recognition.resizing import image_size

    if "num_classes" in given and "in_chans" in given:
        return {}
    own = {k: v for k, v in given.items() if k not in ("num_classes", "in_chans")}
    known = take(architecture, own)
    sized = image_size(known, shapes) if not own else {}
    return known.arguments_for(shapes) | sized


def _take_channels(network: nn.Module, channels: int) -> None:
    """Replace the first convolution that takes three channels."""
    from torch import nn

    for name, module in network.named_modules():
        if isinstance(module, nn.Conv2d) and module.in_channels == 3 and module.groups == 1:
            holder, _, last = name.rpartition(".")
            new = nn.Conv2d(
                channels,
                module.out_channels,
                module.kernel_size,  # type: ignore[arg-type]
                module.stride,  # type: ignore[arg-type]
                module.padding,  # type: ignore[arg-type]
                module.dilation,  # type: ignore[arg-type]
                bias=module.bias is not None,
                padding_mode=module.padding_mode,
            )
            setattr(network.get_submodule(holder), last, new)
            return
    raise CheckpointError("it has no convolution of three input channels to replace.")
