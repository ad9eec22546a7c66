"""`Epoch`: one pass over the training set, as methods see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from repprobe.training.inputs import Inputs
from repprobe.training.methods.border import Examples, Network
from repprobe.training.networks import TrainedNetwork


@dataclass(eq=False)
class Epoch:
    """Satisfies `methods.border.Epoch`, with the inputs and batch size for `answers`."""

    number: int
    epochs: int
    examples: Examples
    networks: Sequence[Network]
    generator: torch.Generator
    inputs: Inputs
    batch_size: int

    def answers(self, network: Network) -> Tensor:
        """Return the network's outputs (n, C) for all training examples in their order."""
        assert isinstance(network, TrainedNetwork)
        return network.answers(self.inputs, self.inputs.answered_at_once(self.batch_size))
