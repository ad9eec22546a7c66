"""A network's architecture with fresh weights."""

from __future__ import annotations

import copy
from dataclasses import replace

import torch
from torch import nn

from repprobe.checkpoints import architectures
from repprobe.checkpoints.model import Model
from repprobe.errors import UsageError


def fresh(model: Model, seed: int) -> Model:
    """Return a network of the same architecture whose weights are drawn from the seed.

    It is built anew where the model names what builds it; a module that was handed over in
    memory is copied, and every part of it asked to `reset_parameters`. The random state is as
    before, and the given network is untouched.

    Raises
    ------
    UsageError
        A part of a module in memory has parameters and no `reset_parameters`.
    CheckpointError
        The architecture cannot be built.
    """
    with torch.random.fork_rng([]):
        torch.default_generator.manual_seed(seed)
        module = _built(model) if ":" in model.architecture else _reset(model.module)
    return replace(model, module=module.cpu().eval(), sha256="", metadata={}, notes=(), origin=None)


def _built(model: Model) -> nn.Module:
    return architectures.build_fresh(model.architecture, model.arguments)


def _reset(module: nn.Module) -> nn.Module:
    copied = copy.deepcopy(module).cpu()  # elsewhere other random numbers would be drawn
    for name, part in copied.named_modules():
        # torch's attention has it under a private name
        reset = getattr(part, "reset_parameters", getattr(part, "_reset_parameters", None))
        if callable(reset):
            reset()
        elif any(True for _ in part.parameters(recurse=False)):
            raise UsageError(
                f"the part '{name or type(part).__name__}' of the network has parameters and no "
                "reset_parameters, so it cannot be given random weights; name a checkpoint of an "
                "untrained network instead."
            )
    return copied
