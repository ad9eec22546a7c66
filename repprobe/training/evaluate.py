"""What a network gets right after an epoch, and what it has learned by heart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from repprobe.data import Task
from repprobe.training.inputs import Inputs
from repprobe.training.networks import TrainedNetwork
from repprobe.training.seeds import Stream, numbers

SAMPLE = 10_000
"""Training examples that are measured, at most: always the same ones of a run."""


class Evaluator:
    """Measures networks on the training examples (or a sample of them) and on the test part.

    Parameters
    ----------
    train, test : the inputs.
    clean, noisy : (n,) or (n, t), the trusted labels of the training examples, and those learned.
    test_labels : of the test part.
    task : "classification" or "regression".
    batch_size : inputs that are answered at a time.
    seed : of the sample.
    """

    def __init__(
        self,
        train: Inputs,
        test: Inputs,
        clean: NDArray[Any],
        noisy: NDArray[Any],
        test_labels: NDArray[Any],
        *,
        task: Task,
        batch_size: int,
        seed: int,
    ) -> None:
        self.rows = _sample(len(train), seed)
        self.clean, self.noisy = (torch.from_numpy(y[self.rows]) for y in (clean, noisy))
        self.test_labels = torch.from_numpy(test_labels)
        self._train, self._test = train, test
        self._task = task
        self._batch_size = batch_size

    def measure(self, networks: Sequence[TrainedNetwork]) -> dict[str, Any]:
        """Return the figures of a record, of all networks' mean answer (see `history`)."""
        train = self._answers(networks, self._train, self.rows)
        test = self._answers(networks, self._test, None)
        if self._task == "regression":
            figures = _errors("noisy_train", train.mean(0), self.noisy)
            figures |= _errors("clean_train", train.mean(0), self.clean)
            figures |= _apart(train.mean(0), self.clean, self.noisy)
            figures |= _errors("test", test.mean(0), self.test_labels)
        else:
            figures = _accuracies(train.mean(0), self.clean, self.noisy)
            figures["test"] = _accuracy(test.mean(0), self.test_labels)
        if len(networks) > 1:
            measured = _mape if self._task == "regression" else _accuracy
            figures["test_each"] = [measured(answers, self.test_labels) for answers in test]
        return figures

    def _answers(
        self, networks: Sequence[TrainedNetwork], inputs: Inputs, rows: NDArray[np.int64] | None
    ) -> Tensor:
        """Return every network's probabilities, or predictions (networks, n, …), on the CPU."""
        found = torch.stack([n.answers(inputs, self._batch_size, rows).cpu() for n in networks])
        return found.double() if self._task == "regression" else found.double().softmax(2)


def _sample(count: int, seed: int) -> NDArray[np.int64]:
    if count <= SAMPLE:
        return np.arange(count)
    keys = numbers(seed, Stream.SAMPLE).random(count)
    return np.sort(np.argsort(keys, kind="stable")[:SAMPLE])


def _accuracies(answers: Tensor, clean: Tensor, noisy: Tensor) -> dict[str, Any]:
    wrong = noisy != clean
    memorized = _accuracy(answers[wrong], noisy[wrong]) if wrong.any() else None
    return {
        "noisy_train": _accuracy(answers, noisy),
        "clean_train": _accuracy(answers, clean),
        "memorized": memorized,
    }


def _accuracy(answers: Tensor, labels: Tensor) -> float:
    return float((answers.argmax(1) == labels).double().mean())


def _apart(answers: Tensor, clean: Tensor, noisy: Tensor) -> dict[str, float | None]:
    """Return how well the targets are fitted that noise has changed, and the others."""
    changed = (noisy != clean).reshape(len(clean), -1).any(1)
    errors = (answers.reshape(noisy.shape) - noisy).square().reshape(len(noisy), -1).mean(1)
    kinds = {"corrupted_mse": changed, "uncorrupted_mse": ~changed}
    return {k: float(errors[rows].mean()) if rows.any() else None for k, rows in kinds.items()}


def _errors(name: str, answers: Tensor, targets: Tensor) -> dict[str, Any]:
    return {
        name: _mape(answers, targets),
        f"{name}_mse": float((answers.reshape(targets.shape) - targets).square().mean()),
    }


def _mape(answers: Tensor, targets: Tensor) -> float | None:
    """Return the mean absolute percentage error, in percent; None where a target is 0."""
    if not bool((targets != 0).all()):
        return None
    errors = (answers.reshape(targets.shape) - targets) / targets
    return float(100 * errors.abs().mean())
