"""The training set as methods see it: shuffled, augmented batches with the labels to be learned."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from repprobe.training.augment import DRAWS
from repprobe.training.inputs import Inputs
from repprobe.training.methods.border import Batch
from repprobe.training.seeds import Stream, numbers


class TrainingSet:
    """The training examples; satisfies `methods.border.Examples`.

    Order and augmentation follow from the seed, the epoch, and how many passes were begun in it:
    passes may be drawn from side by side. With several processes each takes its share of every
    batch; up to one example fewer than there are processes sits out then.

    Parameters
    ----------
    inputs, labels : (n,) inputs and the labels to be learned, on the device.
    classes : number of classes; 0 for regression.
    batch_size : of all processes together.
    augment : whether inputs are cropped and mirrored.
    seed : of the run.
    rank, processes : which of the processes this is.
    """

    def __init__(
        self,
        inputs: Inputs,
        labels: Tensor,
        classes: int,
        *,
        batch_size: int,
        augment: bool,
        seed: int,
        rank: int = 0,
        processes: int = 1,
    ) -> None:
        self.inputs = inputs
        self.labels = labels
        self.classes = classes
        self.device = labels.device
        self.batch_size = len(labels) if inputs.whole else batch_size
        self._augment = augment
        self._seed = seed
        self._rank, self._processes = rank, processes
        self._epoch = self._passes = 0

    def __len__(self) -> int:
        return len(self.labels)

    def begin_epoch(self, number: int) -> None:
        """Draw from now on what epoch `number` draws."""
        self._epoch, self._passes = number, 0

    def batches(self, rows: Tensor | None = None, *, views: int = 1) -> Iterator[Batch]:
        """Yield shuffled, augmented batches of the examples in `rows` (None for all), once.

        A single example left over joins the batch before it: batch norm cannot do with one.
        """
        generator = numbers(self._seed, Stream.ORDER, self._epoch, self._passes)
        self._passes += 1
        chosen = np.arange(len(self)) if rows is None else rows.cpu().numpy()
        return self._batches(chosen, generator, views)

    def _batches(
        self, rows: NDArray[np.int64], generator: np.random.Generator, views: int
    ) -> Iterator[Batch]:
        order = rows[np.argsort(generator.random(len(rows)), kind="stable")]
        edges = list(range(self.batch_size, len(order), self.batch_size))
        if edges and len(order) - edges[-1] < 2 * self._processes:
            edges.pop()
        for batch in np.split(order, edges) if len(order) else ():
            draws = generator.random((views, len(batch), DRAWS)) if self._augment else None
            share = slice(
                self._rank, len(batch) // self._processes * self._processes, self._processes
            )
            places = batch[share]
            fed = [
                self.inputs.fed(places, None if draws is None else draws[view, share])
                for view in range(views)
            ]
            taken = torch.from_numpy(places).to(self.device)
            yield Batch(taken, tuple(fed), self.labels[taken])
