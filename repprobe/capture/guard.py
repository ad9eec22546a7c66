"""Measuring changes nothing: what is saved before a pass and put back after it."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import nn

from repprobe.capture.levels import passes_messages
from repprobe.capture.unwrap import eager


@contextlib.contextmanager
def undisturbed(module: nn.Module, seed: int = 0) -> Iterator[None]:
    """Run in evaluation mode without gradients, and leave the network as it was found.

    Inside, random numbers start from `seed`. Whatever happens inside, every submodule then has
    its own training flag, hooks, parameters, buffers and other attributes again, buffers have
    their values, and the random states of Python, NumPy and torch (all devices in use) are as
    before. The flags are set one by one since `nn.Module.eval` may be overridden to do more.
    What message passing keeps of the graph it saw first is out of use inside, since others follow.
    """
    modules = list(module.modules())
    attributes = [[(key, value, _copy(value)) for key, value in vars(m).items()] for m in modules]
    buffers = [(buffer, buffer.clone()) for buffer in module.buffers()]
    fused = torch.backends.mha.get_fastpath_enabled()
    cudnn = torch.backends.cudnn
    tuned, steady = cudnn.benchmark, cudnn.deterministic
    with _random_state(seed), eager(module):
        try:
            for m in modules:
                m.training = False
                _forget_graph(m)
            # The fused path of nn.TransformerEncoder calls no submodules, so hooks see nothing.
            torch.backends.mha.set_fastpath_enabled(False)
            cudnn.benchmark, cudnn.deterministic = False, True
            with torch.inference_mode():
                yield
        finally:
            cudnn.benchmark, cudnn.deterministic = tuned, steady
            torch.backends.mha.set_fastpath_enabled(fused)
            for m, saved in zip(modules, attributes, strict=True):
                _restore(m, saved)
            with torch.no_grad():
                for buffer, value in buffers:
                    if not _equal(buffer, value):
                        buffer.copy_(value)


def _forget_graph(module: nn.Module) -> None:
    """Make torch-geometric's convolutions with `cached=True` look at the graph they are given."""
    if passes_messages(module):
        for key in vars(module):
            if key.startswith("_cached_"):
                vars(module)[key] = None
        if getattr(module, "cached", False) is True:
            module.cached = False  # type: ignore[assignment]


def _copy(value: Any) -> Any:
    """Copy what a forward pass could fill or empty in place; None for all else."""
    return value.copy() if isinstance(value, dict | list | set) else None


def _restore(module: nn.Module, saved: list[tuple[str, Any, Any]]) -> None:
    now = vars(module)
    known = {key for key, _, _ in saved}
    for key in [k for k in now if k not in known]:
        del now[key]
    for key, value, copy in saved:
        now[key] = value
        if copy is None or _same_members(value, copy):
            continue
        # in place: the handles of hooks hold weak references to these very dictionaries
        value.clear()
        value.extend(copy) if isinstance(value, list) else value.update(copy)


def _same_members(value: Any, copy: Any) -> bool:
    if isinstance(value, set):
        return bool(value == copy)
    if len(value) != len(copy):
        return False
    pairs = zip(value, copy, strict=True)
    if isinstance(value, list):
        return all(a is b for a, b in pairs)
    return all(a is b and value[a] is copy[b] for a, b in pairs)


def _equal(a: torch.Tensor, b: torch.Tensor) -> bool:
    if torch.equal(a, b):
        return True
    # NaN differs from itself, and a buffer that holds NaN is not to be written for nothing
    return a.is_floating_point() and torch.equal(a.nan_to_num(), b.nan_to_num())


@contextlib.contextmanager
def _random_state(seed: int) -> Iterator[None]:
    # the networks that draw from NumPy use its global state, so that is the one to keep
    python, cpu = random.getstate(), torch.get_rng_state()
    legacy = np.random.get_state()  # noqa: NPY002
    in_use = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
    cuda = torch.cuda.get_rng_state_all() if in_use else None
    try:
        random.seed(seed)
        np.random.seed(seed % 2**32)  # noqa: NPY002
        torch.default_generator.manual_seed(seed)
        if cuda is not None:
            torch.cuda.manual_seed_all(seed)
        yield
    finally:
        random.setstate(python)
        np.random.set_state(legacy)  # noqa: NPY002
        torch.set_rng_state(cpu)
        if cuda is not None:
            torch.cuda.set_rng_state_all(cuda)
