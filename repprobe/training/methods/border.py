"""What a training method is: it turns batches into losses, and the loop does all the rest."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor

from repprobe.data.dataset import Task
from repprobe.feeding import Fed


class Network(Protocol):
    """A network under training."""

    @property
    def training(self) -> bool:
        """Whether it is in training mode, as it is whenever a method is asked for losses."""
        ...

    def __call__(self, inputs: Fed) -> Tensor:
        """Return logits (b, C), or predictions (b,) or (b, t) for regression."""
        ...

    def train(self, mode: bool = True) -> Any:
        """Switch to training mode, or to evaluation mode with False."""
        ...


@dataclass(frozen=True, eq=False)
class Batch:
    """Some training examples, on the device.

    Attributes
    ----------
    rows : int64 (b,), which examples of the training set they are.
    views : the inputs, each view augmented by itself.
    labels : the labels to be learned, noisy ones included: int64 (b,), or float32 targets.
    """

    rows: Tensor
    views: tuple[Fed, ...]
    labels: Tensor

    @property
    def inputs(self) -> Fed:
        """The first view."""
        return self.views[0]


class Examples(Protocol):
    """The training set as methods see it.

    Attributes
    ----------
    labels : the labels to be learned (n,), on the device: int64, or float32 targets.
    classes : number of classes C; 0 for regression.
    device : where batches are.
    """

    labels: Tensor
    classes: int
    device: torch.device

    def __len__(self) -> int: ...

    def batches(self, rows: Tensor | None = None, *, views: int = 1) -> Iterator[Batch]:
        """Yield shuffled, augmented batches of the examples in `rows` (None for all), once.

        The last batch may be smaller.
        """
        ...


class Epoch(Protocol):
    """One pass, as methods see it.

    Attributes
    ----------
    number : 0, 1, …; `epochs` in all.
    examples : the training set.
    networks : as many as the method asks for.
    generator : on the CPU, seeded by the run's seed and the epoch: all that a method draws comes
        from here, so that a run that was killed and taken up again ends with the same weights.
    """

    number: int
    epochs: int
    examples: Examples
    networks: Sequence[Network]
    generator: torch.Generator

    def answers(self, network: Network) -> Tensor:
        """Return the network's outputs (n, C) for all training examples in their order.

        In evaluation mode, without augmentation and without gradients.
        """
        ...


class Method(ABC):
    """A way of learning from labels that may be wrong.

    A method is a dataclass: its fields are the hyper-parameters, checked in `__post_init__`.

    Attributes
    ----------
    name : as the user writes it.
    task : the kind of labels that it learns from.
    networks : how many networks it trains side by side.
    mixes : whether it mixes inputs, which cannot be done to graphs.
    """

    name: ClassVar[str]
    task: ClassVar[Task] = "classification"
    networks: ClassVar[int] = 1
    mixes: ClassVar[bool] = False

    @property
    def keeps_examples(self) -> bool:
        """Whether it runs on one device only.

        So does what remembers something of every example from epoch to epoch, or looks at all of
        them at once.
        """
        return False

    @property
    def lacks_rate(self) -> bool:
        """Whether it has yet to be told the share of wrong labels, as `rate`."""
        return False

    def check_epochs(self, epochs: int) -> None:  # noqa: B027 - most take any number
        """Raise UsageError where a run of that many epochs (one or more) is too short."""

    def begin(self, examples: Examples) -> None:  # noqa: B027 - most have nothing to prepare
        """Prepare for a training set; called once, before `restore`."""

    def turns(self, epoch: Epoch) -> Iterator[Any]:
        """Yield what one optimization step each is made of; by default every batch once.

        It is drawn from while the networks learn, so what stands before the first `yield`
        happens at the beginning of the epoch.
        """
        yield from epoch.examples.batches()

    @abstractmethod
    def losses(self, epoch: Epoch, turn: Any) -> Sequence[Tensor | None]:
        """Return one scalar loss per network; None leaves that network as it is."""

    def state(self) -> dict[str, Tensor]:
        """Return what `restore` needs to go on after an epoch; tensors that may be stored."""
        return {}

    def restore(self, state: Mapping[str, Tensor]) -> None:  # noqa: B027 - most keep nothing
        """Take up the state that was left after an epoch."""
