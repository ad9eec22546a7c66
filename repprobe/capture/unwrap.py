"""Looks through DataParallel, DistributedDataParallel and torch.compile to the network itself."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch
from torch import nn


def unwrap(module: nn.Module) -> nn.Module:
    """Return the network inside any number of parallel and compiled wrappers."""
    while (inner := _inside(module)) is not None:
        module = inner
    return module


def named_modules(root: nn.Module) -> dict[str, nn.Module]:
    """Return every module of an unwrapped network by its dotted name, "" being the root.

    Wrappers further down (`features = DataParallel(features)`) leave no trace in the names; the
    insides of parametrizations (weight normalization, …) belong to the module they serve. A
    module that is registered twice has its first name, as with `nn.Module.named_modules`.
    """
    found: dict[str, nn.Module] = {}
    seen: set[int] = set()

    def visit(name: str, module: nn.Module) -> None:
        module = unwrap(module)
        if id(module) in seen:
            return
        seen.add(id(module))
        found[name] = module
        for child, inner in module.named_children():
            if child != "parametrizations":
                visit(f"{name}.{child}" if name else child, inner)

    visit("", root)
    return found


def is_container(module: nn.Module) -> bool:
    """Whether a module only holds others or calls them in a row."""
    holders = (nn.Sequential, nn.ModuleList, nn.ModuleDict)
    return isinstance(module, holders) and any(type(module).forward is h.forward for h in holders)


@contextlib.contextmanager
def eager(root: nn.Module) -> Iterator[None]:
    """Run wrapped parts of a network as plain modules, so that every hook sees every example.

    DataParallel splits the batch over replicas whose hooks see a part each; compiled code may
    call no hooks at all.
    """
    with contextlib.ExitStack() as stack:
        for module in root.modules():
            if isinstance(module, nn.DataParallel) and module.device_ids:
                stack.callback(setattr, module, "device_ids", module.device_ids)
                module.device_ids = []
        if any(_is_compiled(module) for module in root.modules()):
            stack.enter_context(torch.compiler.set_stance("force_eager"))
        yield


def _inside(module: nn.Module) -> nn.Module | None:
    if isinstance(module, nn.DataParallel | nn.parallel.DistributedDataParallel):
        inner = module.module
    elif type(module).__name__ == "OptimizedModule":  # its import would load all of TorchDynamo
        inner = getattr(module, "_orig_mod", None)
    else:
        return None
    return inner if isinstance(inner, nn.Module) else None


def _is_compiled(module: nn.Module) -> bool:
    return (
        type(module).__name__ == "OptimizedModule"
        or getattr(module, "_compiled_call_impl", None) is not None
    )
