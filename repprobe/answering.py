"""What a network on a device answers to inputs that lie ready for it."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from repprobe.feeding import Fed
from repprobe.memory_format import fastest_format
from repprobe.training.inputs import Inputs
from repprobe.training.networks import answer_of, evaluating


def answer(module: nn.Module, fed: Fed) -> Tensor:
    """Return what a network puts out for the examples of a batch: (b, C), (b, t) or (b,)."""
    fed = fed.in_format(fastest_format(module, fed))
    found: Tensor = answer_of(fed.run(module), fed)
    return found


def answers(
    module: nn.Module, inputs: Inputs, batch_size: int, places: NDArray[np.int64]
) -> Tensor:
    """Return the answers (n, …) to the inputs at `places`, in evaluation mode, without gradients.

    `batch_size` is the number that is learned from at a time; more may be answered at a time.
    """
    size = len(places) if inputs.whole else inputs.answered_at_once(batch_size)
    with evaluating(module), torch.no_grad():
        return torch.cat(
            [
                answer(module, inputs.fed(places[start : start + size]))
                for start in range(0, len(places), size)
            ]
        )
