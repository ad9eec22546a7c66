"""`tune`: a network, or some blocks of it, goes on learning from clean labels."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.functional import cross_entropy, mse_loss

from repprobe.answering import answer, answers
from repprobe.data import Data, Task, draws
from repprobe.device import usable_device
from repprobe.errors import UnknownNameError, UsageError
from repprobe.training.examples import TrainingSet
from repprobe.training.inputs import make_inputs, read_raw
from repprobe.training.networks import check_answers
from repprobe.training.repeatable import apart, seed_networks
from repprobe.training.seeds import Stream, torch_seed

if TYPE_CHECKING:
    from repprobe.checkpoints.model import Model

Progress = Callable[[str, int, int], None]

WHOLE, PART = 5e-4, 2e-3
"""Learning rates of AdamW, for a network that has learned before and for some of its blocks."""

PATIENCE = 10
"""Epochs without a lower loss on the held-out labels after which tuning stops."""

PARTS = 5
"""One clean label in so many is held out."""

LEAST = 3
"""Clean labels that tuning takes: batch norm cannot learn from a single example."""


@dataclass(frozen=True, eq=False)
class Tuned:
    """A network that went on learning.

    Attributes
    ----------
    module : a copy, with the weights of the epoch whose loss on the held-out labels is lowest;
        in evaluation mode, dtypes and device as they were.
    epochs : epochs that were trained.
    best_epoch : the one whose weights it has; 0 is the network as it was.
    history : one record per epoch from 0 on: "epoch"; "loss", the mean over steps (None in 0);
        "held_out", the loss on the held-out labels. Losses are cross-entropies in nats, or mean
        squared errors.
    """

    module: nn.Module
    epochs: int
    best_epoch: int
    history: tuple[dict[str, Any], ...]


def tune(
    model: Model,
    data: Data,
    rows: NDArray[np.int64],
    *,
    labels: NDArray[Any] | None = None,
    keys: Collection[str] | None = None,
    epochs: int = 50,
    learning_rate: float | None = None,
    batch_size: int = 64,
    seed: int = 0,
    device: str = "cpu",
    progress: Progress | None = None,
) -> Tuned:
    """Train a copy of a network on clean labels, all of it or a part, with early stopping.

    After a new head this is LP-FT (Kumar et al. 2022, arXiv 2202.10054), of some blocks surgical
    fine-tuning (Lee et al. 2023, arXiv 2210.11466). A fifth of the labels, stratified, is not
    learned from: training stops where the loss on them has not fallen for ten epochs, or is no
    number any more, and the weights with the lowest one are returned, which may be those it
    began with. AdamW at a constant rate; images of three channels are augmented where
    the data allow it. With `keys`, only modules that hold one of these are in training mode, so
    batch norm elsewhere keeps its statistics, and dropout is off. The same arguments give
    the same weights on the CPU with the same number of threads. The network itself is not touched.

    Parameters
    ----------
    rows : (n,), n ≥ 3, rows of the training part.
    labels : (n,) classes or (n,) or (n, t) targets for these rows; None takes those of `data`.
    keys : entries of `model.module.state_dict()` that may change; None is all. Parameters that
        the network keeps from being trained (`requires_grad`) stay as they are.
    learning_rate : None takes 0.0005, or 0.002 with `keys`.
    progress : called with ("tune", epoch, epochs).

    Raises
    ------
    UsageError
        There are too few rows, no key is one of a parameter to be trained, or the network does
        not answer for these data.
    UnknownNameError
        A key is none of the state dict.
    """
    if len(rows) < LEAST:
        raise UsageError(f"tuning takes at least {LEAST} clean labels, of which one is held out.")
    order = np.argsort(rows, kind="stable")
    rows = np.asarray(rows)[order]
    known = data.train.labels[rows] if labels is None else labels[order]
    learned, held_out = _split(known, data.task, seed)
    place = usable_device(device)
    module = copy.deepcopy(model.module).to(place).float().eval()
    chosen = _chosen(module, keys)
    model.preprocessing.check_channels(data.input_shape[0] if data.input_shape else 1)
    raw = read_raw(data.train, rows, lambda *_: None)
    inputs = make_inputs(raw, data.train, rows, model.preprocessing, data.unit, place)
    check_answers(module, inputs, data, model.name)
    targets = torch.from_numpy(known).to(place)
    examples = TrainingSet(
        inputs,
        targets.float() if data.task == "regression" else targets,
        len(data.classes),
        batch_size=batch_size,
        augment=raw is not None and raw.ndim == 4 and raw.shape[1] == 3 and data.may_augment,
        seed=seed,
    )
    tuning = _Tuning(module, examples, learned, held_out, None if keys is None else chosen)
    rate = learning_rate or (WHOLE if keys is None else PART)
    with apart(place):
        state, best, history = tuning.run(epochs, rate, seed, progress)
    result = copy.deepcopy(model.module).eval()
    now = result.state_dict()
    now.update({key: state[key] for key in chosen})
    result.load_state_dict(now)
    return Tuned(result, len(history) - 1, best, tuple(history))


class _Tuning:
    """A network on the device, and the examples that it learns from and is judged by.

    Parameters
    ----------
    learned, held_out : places among the examples.
    keys : entries that may change; None is all.
    """

    def __init__(
        self,
        module: nn.Module,
        examples: TrainingSet,
        learned: NDArray[np.int64],
        held_out: NDArray[np.int64],
        keys: Collection[str] | None,
    ) -> None:
        self._module, self._examples, self._keys = module, examples, keys
        self._learned = torch.from_numpy(learned)
        self._held_out = held_out
        self._loss = cross_entropy if examples.classes else mse_loss

    def run(
        self, epochs: int, learning_rate: float, seed: int, progress: Progress | None
    ) -> tuple[dict[str, Any], int, list[dict[str, Any]]]:
        """Return the best state, its epoch, and the history."""
        trained = [p for p in self._module.parameters() if p.requires_grad]
        optimizer = torch.optim.AdamW(trained, learning_rate)
        lowest = self._judged()
        history: list[dict[str, Any]] = [{"epoch": 0, "loss": None, "held_out": lowest}]
        best, state = 0, copy.deepcopy(self._module.state_dict())
        lowest = lowest if math.isfinite(lowest) else math.inf
        for epoch in range(1, epochs + 1):
            seed_networks(torch_seed(seed, Stream.NETWORK, epoch), self._examples.device)
            self._examples.begin_epoch(epoch)
            loss = self._learn(optimizer)
            held_out = self._judged() if math.isfinite(loss) else math.nan
            history.append({"epoch": epoch, "loss": loss, "held_out": held_out})
            if progress:
                progress("tune", epoch, epochs)
            if held_out < lowest:
                best, lowest, state = epoch, held_out, copy.deepcopy(self._module.state_dict())
            elif epoch - best >= PATIENCE or not math.isfinite(held_out):
                break
        return state, best, history

    def _learn(self, optimizer: torch.optim.Optimizer) -> float:
        """Take the steps of an epoch; returns the mean loss, or the first that is no number."""
        losses = []
        self._begin()
        for batch in self._examples.batches(self._learned):
            loss = self._loss_of(answer(self._module, batch.inputs), batch.labels)
            losses.append(float(loss.detach()))
            if not math.isfinite(losses[-1]):
                return losses[-1]
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        return math.fsum(losses) / len(losses)

    def _judged(self) -> float:
        """Return the mean loss on the held-out labels, in evaluation mode."""
        examples, places = self._examples, self._held_out
        found = answers(self._module, examples.inputs, examples.batch_size, places)
        labels = examples.labels[torch.from_numpy(places).to(examples.device)]
        return float(self._loss_of(found, labels))

    def _loss_of(self, answer: Tensor, labels: Tensor) -> Tensor:
        return self._loss(answer if self._examples.classes else answer.reshape_as(labels), labels)

    def _begin(self) -> None:
        """Bring to training mode what may change."""
        if self._keys is None:
            self._module.train()
            return
        holders = {key.rpartition(".")[0] for key in self._keys}
        for name, part in self._module.named_modules(remove_duplicate=False):
            part.training = name in holders


def _split(
    labels: NDArray[Any], task: Task, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the places that are learned from and those held out, stratified."""
    (draw,) = draws(labels, ["all"], [seed], task, fold_count=PARTS, stream=Stream.TUNING)
    held_out = draw.folds == 0
    return np.sort(draw.rows[~held_out]), np.sort(draw.rows[held_out])


def _chosen(module: nn.Module, keys: Collection[str] | None) -> list[str]:
    """Return the entries that may change, tied ones together, and freeze all others."""
    state = module.state_dict(keep_vars=True)
    for key in keys or ():
        if key not in state:
            raise UnknownNameError.near("entry of the state dict", key, state)
    tensors = {id(state[key]) for key in (state if keys is None else keys)}
    chosen = [key for key, value in state.items() if id(value) in tensors]
    for name, parameter in module.named_parameters():
        parameter.requires_grad_(parameter.requires_grad and name in chosen)
    if not any(parameter.requires_grad for parameter in module.parameters()):
        raise UsageError("there is no parameter to be tuned among those that may change.")
    return chosen
