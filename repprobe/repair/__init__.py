"""A new linear head in place of all that follows the cut, and the checkpoint it is written to.

The public interface; everything is imported when it is first used.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

_PUBLIC = {
    "fix": "repprobe.repair.verb",
    "Fix": "repprobe.repair.result",
    "FixSettings": "repprobe.repair.settings",
}

__all__ = ["Fix", "FixSettings", "fix"]

if TYPE_CHECKING:
    from repprobe.repair.result import Fix
    from repprobe.repair.settings import FixSettings
    from repprobe.repair.verb import fix


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'repprobe.repair' has no attribute '{name}'")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
