"""Engines that fit probes, behind one border; nothing outside `probes` knows which one ran."""

from __future__ import annotations

from repprobe.errors import UnknownNameError
from repprobe.probes.engines.border import Distance, Engine, LabelSet, Path

NAMES = ("auto", "torch", "sklearn", "cuml")

__all__ = ["NAMES", "Distance", "Engine", "LabelSet", "Path", "get_engine"]


def get_engine(name: str = "auto", device: str = "cpu") -> Engine:
    """Return the engine of that name; `auto` is torch, on `device`.

    Raises
    ------
    UnknownNameError
        No engine has that name.
    UsageError
        The engine is cuml, and there is no CUDA device or the package is not installed.
    """
    if name == "sklearn":
        from repprobe.probes.engines.sklearn_engine import SklearnEngine

        return SklearnEngine()
    if name == "cuml":
        from repprobe.probes.engines.cuml_engine import CumlEngine

        return CumlEngine(device)
    if name in ("auto", "torch"):
        from repprobe.probes.engines.torch_engine import TorchEngine

        return TorchEngine(device)
    raise UnknownNameError.near("engine", name, NAMES, f"There are {', '.join(NAMES)}.")
