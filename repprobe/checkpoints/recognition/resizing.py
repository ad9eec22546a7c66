"""The image size of a vision transformer, told by its position embeddings."""

from __future__ import annotations

from collections.abc import Mapping
from math import isqrt
from typing import Any

from repprobe.checkpoints.recognition.fingerprints import Fingerprint, core
from repprobe.zoo.registry import Shapes

_EMBEDDINGS = ("pos_embed", "pos_embedding")
_MOST_PREFIX = 16
"""Class and register tokens that may stand before the places of the grid."""

_ARGUMENTS = {"timm": "img_size", "torchvision": "image_size"}


def image_size(known: Fingerprint, shapes: Shapes) -> dict[str, int]:
    """Return the argument that says the image size, where it is another than the usual.

    Empty where it is the usual one, or the position embeddings do not tell another.
    """
    if known.size is None or known.size[1] != known.size[2]:
        return {}
    for key, entry in known.entries.items():
        given = shapes.get(key, ())
        if not key.endswith(_EMBEDDINGS) or len(entry) != 3 or len(given) != 3 or entry == given:
            continue
        usual = isqrt(entry[1])
        prefix = entry[1] - usual**2
        side = isqrt(max(given[1] - prefix, 0))
        patch, rest = divmod(known.size[1], usual)
        if rest or prefix > _MOST_PREFIX or side**2 + prefix != given[1] or not side:
            return {}
        return {_ARGUMENTS[known.architecture.partition(":")[0]]: patch * side}
    return {}


def resized(known: Fingerprint, shapes: Shapes) -> Fingerprint | None:
    """Return the network at the image size that the shapes tell, if it is another that fits."""
    from repprobe.checkpoints.recognition.fingerprints import take

    if not _only_embeddings_differ(known, shapes):
        return None
    argument: Mapping[str, Any] = image_size(known, shapes)
    if not argument:
        return None
    try:
        return take(known.architecture, {**known.arguments, **argument})
    except Exception:  # a builder without such an argument
        return None


def _only_embeddings_differ(known: Fingerprint, shapes: Shapes) -> bool:
    kept = {k: v for k, v in known.entries.items() if not k.endswith(_EMBEDDINGS)}
    rest = {k: s for k, s in core(shapes).items() if not k.endswith(_EMBEDDINGS)}
    other = Fingerprint(known.architecture, known.arguments, known.size, kept)
    return other.by_names(rest) is not None
