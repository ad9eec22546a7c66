"""What torchvision and timm say of their networks: input size, and preprocessing of weights."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_OFF = ("googlenet", "inception_v3")
"""Networks of torchvision whose weights expect inputs from −1 to 1: the transform inside that
would see to it is on only where the weights are loaded by name."""

_VIT = 224
"""Image size of torchvision's vision transformers, if the argument `image_size` does not say."""


def input_size(architecture: str, arguments: Mapping[str, Any]) -> tuple[int, int, int] | None:
    """Return (channels, height, width) of the inputs that a network is made for.

    None where the library does not say; that of the zoo and of graph networks is not asked for.
    """
    library, _, name = architecture.partition(":")
    size = _stated(arguments)
    if library == "timm":
        stated = _timm_size(name)
    elif library == "torchvision":
        stated = _torchvision_size(name)
    else:
        return None
    if stated is None and size is None:
        return None
    channels, *whole = stated or (3, *(size or ()))
    height, width = size or whole
    return arguments.get("in_chans", channels), height, width


def library_preprocessing(
    architecture: str, arguments: Mapping[str, Any]
) -> tuple[str, int] | None:
    """Return the preprocessing of the library's own weights, and their image size in pixels.

    The text is what `Preprocessing.parse` reads. None where the library has no weights with this
    number of classes, or has several that differ in mean or standard deviation.
    """
    library, _, name = architecture.partition(":")
    known = {"timm": _timm_weights, "torchvision": _torchvision_weights}.get(library)
    if known is None or arguments.get("in_chans", 3) != 3:
        return None
    found = [w for w in known(name) if w[0] == arguments.get("num_classes")]
    texts = {text for _, text, _ in found}
    if len(texts) != 1:
        return None
    size = _stated(arguments)
    return texts.pop(), size[0] if size else found[0][2]


def _stated(arguments: Mapping[str, Any]) -> tuple[int, int] | None:
    """Read a size that is an argument: `img_size` of timm, `image_size` of torchvision."""
    size = arguments.get("img_size", arguments.get("image_size"))
    if isinstance(size, int):
        return size, size
    return (int(size[0]), int(size[1])) if isinstance(size, (list, tuple)) else None


def _timm_size(name: str) -> tuple[int, int, int] | None:
    from timm.models import get_pretrained_cfg

    config = get_pretrained_cfg(name.partition(".")[0], allow_unregistered=True)
    if not config or not config.input_size:
        return None
    channels, height, width = config.input_size
    return channels, height, width


def _timm_weights(name: str) -> list[tuple[int, str, int]]:
    """List (classes, preprocessing, image size) of all weights; those of the default tag first."""
    from timm.models import get_pretrained_cfg, list_pretrained

    name = name.partition(".")[0]
    tagged = [n for n in list_pretrained(f"{name}.*") if n.partition(".")[0] == name]
    configs = [get_pretrained_cfg(n, allow_unregistered=True) for n in (name, *tagged)]
    return [
        (c.num_classes, _text(c.mean, c.std), c.input_size[-1])
        for c in configs
        if c is not None and c.has_weights
    ]


def _torchvision_size(name: str) -> tuple[int, int, int] | None:
    if name.startswith("vit_"):  # built for this whatever the weights at hand
        return 3, _VIT, _VIT
    sizes = [size for _, _, size in _torchvision_weights(name)]
    return (3, sizes[0], sizes[0]) if sizes else None


def _torchvision_weights(name: str) -> list[tuple[int, str, int]]:
    """List (classes, preprocessing, image size) of all weights; the first version's first."""
    from torchvision.models import get_model_weights

    found = []
    for weights in get_model_weights(name):
        if not weights.meta["categories"]:  # only the layers before the head
            continue
        transform = weights.transforms()
        text = "half" if name in _OFF else _text(transform.mean, transform.std)
        found.append((len(weights.meta["categories"]), text, transform.crop_size[0]))
    return found


def _text(mean: Iterable[float], std: Iterable[float]) -> str:
    """Write mean and standard deviation as the user would."""
    from repprobe.checkpoints.preprocessing import NAMED

    sides = [tuple(side) for side in (mean, std)]
    short = tuple(side[:1] if len(set(side)) == 1 else side for side in sides)
    for name, known in NAMED.items():
        if known in (short, tuple(sides)):
            return name
    return "/".join(",".join(f"{v:.10g}" for v in side) for side in short)
