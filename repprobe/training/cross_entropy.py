"""Plain training: cross-entropy and Adam, on labels taken at their word."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from repprobe.errors import RepprobeError

if TYPE_CHECKING:
    from torch import Tensor, nn


def train_cross_entropy(
    module: nn.Module,
    inputs: Tensor,
    labels: NDArray[np.int64],
    *,
    epochs: int,
    learning_rate: float = 2e-3,
    batch_size: int = 64,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> float:
    """Train a classifier in place; the learning rate falls to zero along a cosine.

    Parameters
    ----------
    module : the network; left in evaluation mode.
    inputs : (n, …) preprocessed inputs.
    labels : (n,) the labels to learn, clean or noisy.
    seed : of the order of the examples; initial weights are the caller's.
    progress : called with (epochs done, epochs).

    Returns
    -------
    The mean loss of the last epoch.

    Raises
    ------
    RepprobeError
        The loss is no number any more.
    """
    import torch
    from torch.nn.functional import cross_entropy

    targets = torch.from_numpy(labels)
    optimizer = torch.optim.Adam(module.parameters(), lr=learning_rate)
    steps = epochs * -(-len(inputs) // batch_size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    order = torch.Generator().manual_seed(seed)
    module.train()
    mean = float("nan")
    for epoch in range(epochs):
        total = 0.0
        for batch in torch.split(torch.randperm(len(inputs), generator=order), batch_size):
            loss = cross_entropy(module(inputs[batch]), targets[batch])
            if not torch.isfinite(loss):
                raise RepprobeError(
                    f"the loss became {float(loss.detach())} in epoch {epoch + 1}; lower the "
                    "learning rate."
                )
            optimizer.zero_grad()
            torch.autograd.backward(loss)
            optimizer.step()
            schedule.step()
            total += float(loss.detach()) * len(batch)
        mean = total / len(inputs)
        if progress:
            progress(epoch + 1, epochs)
    module.eval()
    return mean
