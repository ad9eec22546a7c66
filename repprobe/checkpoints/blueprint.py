"""The keys and shapes of a network's state dict, had without allocating or initializing it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import Any

import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from repprobe.zoo.registry import Shapes

_SIZED = {torch.empty, torch.zeros, torch.ones, torch.rand, torch.randn}
_FACTORIES = {*_SIZED, torch.full}
_KEPT = {"requires_grad_", "share_memory_", "rename_", "retain_grad_"}
"""Methods that end in an underscore and set no values."""


def shapes_of(tensors: Mapping[str, torch.Tensor]) -> dict[str, tuple[int, ...]]:
    """Return each key with the shape of its tensor."""
    return {key: tuple(tensor.shape) for key, tensor in tensors.items()}


def blueprint(build: Callable[[], nn.Module]) -> Shapes:
    """Return the keys and shapes of the state dict of the network that `build` makes.

    Weights are made on the meta device where the network's builder allows it.
    """
    try:
        return shapes_of(build_on_meta(build).state_dict())
    except (NotImplementedError, RuntimeError):
        return shapes_of(build_uninitialized(build).state_dict())


def build_on_meta(build: Callable[[], nn.Module]) -> nn.Module:
    """Build a network whose parameters, and most buffers, have shapes and no values.

    Raises what the builder raises where it computes with values that are not there.
    """
    with _undisturbed(), _WithoutInitialization(on_meta=True):
        return build()


def build_uninitialized(build: Callable[[], nn.Module]) -> nn.Module:
    """Build a network whose parameters are about to be overwritten: whatever they hold is left.

    Buffers are made as usual. The random state is as before.
    """
    with _undisturbed(), _WithoutInitialization(on_meta=False):
        return build()


@contextmanager
def _undisturbed() -> Iterator[None]:
    with torch.random.fork_rng(devices=[]):
        yield


@cache
def _sets_values(func: Any) -> bool:
    """Whether a function writes into its first argument: `normal_`, `mul_`, `erfinv_`, …"""
    if getattr(func, "__module__", "") == "torch.nn.init":
        return True
    name: str = getattr(func, "__name__", "")
    return name.endswith("_") and not name.endswith("__") and name not in _KEPT


def _on_meta(value: Any) -> bool:
    return isinstance(value, torch.Tensor) and value.is_meta


class _WithoutInitialization(TorchFunctionMode):
    """Leaves initialization of parameters out; on request makes tensors on meta.

    `torch.device("meta")` would move all tensors, also those whose values some builders
    compute with (RegNet's widths).
    """

    def __init__(self, on_meta: bool) -> None:
        super().__init__()
        self.on_meta = on_meta

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        if _sets_values(func):
            target = args[0] if args else (kwargs or {}).get("tensor")
            if isinstance(target, nn.Parameter) or (self.on_meta and _on_meta(target)):
                return target
        if self.on_meta and func in _FACTORIES and (kwargs or {}).get("device") is None:
            kwargs = {**(kwargs or {}), "device": "meta"}
            if func in _SIZED:  # on meta, filling is slower than it should be, and without effect
                func = torch.empty
        return func(*args, **(kwargs or {}))
