"""Capture: every layer of a network, pooled to features, in one forward pass.

The public interface; torch is imported when one of these names is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

_PUBLIC = {
    "capture": "repprobe.capture.extract",
    "stream": "repprobe.capture.streaming",
    "replay": "repprobe.capture.streaming",
    "layer_widths": "repprobe.capture.planned",
    "list_layers": "repprobe.capture.listing",
    "LayerInfo": "repprobe.capture.listing",
    "Features": "repprobe.capture.features",
    "Pass": "repprobe.capture.outcome",
    "Sink": "repprobe.capture.sink",
    "Pooling": "repprobe.capture.pooling",
}

__all__ = [
    "Features",
    "LayerInfo",
    "Pass",
    "Pooling",
    "Sink",
    "capture",
    "layer_widths",
    "list_layers",
    "replay",
    "stream",
]

if TYPE_CHECKING:
    from repprobe.capture.extract import capture
    from repprobe.capture.features import Features
    from repprobe.capture.listing import LayerInfo, list_layers
    from repprobe.capture.outcome import Pass
    from repprobe.capture.planned import layer_widths
    from repprobe.capture.pooling import Pooling
    from repprobe.capture.sink import Sink
    from repprobe.capture.streaming import replay, stream


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'repprobe.capture' has no attribute '{name}'")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
