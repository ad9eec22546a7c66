"""What networks answer to examples, and how several answer as one."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from repprobe.errors import CaptureError

if TYPE_CHECKING:
    from torch import Tensor

    from repprobe.checkpoints import Model
    from repprobe.data import Data
    from repprobe.repair.settings import FixSettings

Progress = Callable[[str, int, int], None]
Scores = NDArray[np.floating]


class _Nowhere:
    """A sink that lets everything go."""

    def begin(self, widths: Mapping[str, int]) -> None:
        pass

    def add(self, name: str, rows: Tensor) -> None:
        pass

    def drop(self, name: str) -> None:
        pass


def answers(
    model: Model,
    data: Data,
    settings: FixSettings,
    device: str,
    progress: Progress,
    *,
    train_rows: NDArray[np.int64] | None = None,
    test_rows: NDArray[np.int64] | None = None,
) -> NDArray[np.float32]:
    """Return what a network puts out (n, C) for training rows, then for test rows.

    None of both is needed: without training rows none of them are run, without test rows all.
    """
    from repprobe.capture import stream

    none = np.zeros(0, np.int64)
    done = stream(
        model,
        data,
        sink=_Nowhere(),
        train_rows=none if train_rows is None else train_rows,
        test_rows=test_rows,
        width=1,
        batch_size=settings.batch_size,
        device=device,
        memory_bytes=settings.memory,
        seed=settings.seed,
        progress=progress,
    )
    if done.output is None:
        raise CaptureError(f"'{model.name}' puts out no scores per example.")
    return done.output


def own_scores(outputs: Sequence[Scores], classes: int) -> Scores:
    """Return the answer (n, C) that networks give as they are; two give the mean of theirs.

    Of classes it is the mean of probabilities, as while they are trained.
    """
    if len(outputs) == 1:
        return outputs[0]
    return added([probabilities(o) if classes else o for o in outputs]) / len(outputs)


def added(scores: Sequence[Scores]) -> Scores:
    """Return the sum (n, C) of several networks' scores."""
    result: Scores = np.sum(scores, axis=0)
    return result


def probabilities(scores: Scores) -> NDArray[np.float64]:
    """Return the softmax (n, C) of scores, in float64."""
    shifted = scores.astype(np.float64) - scores.max(axis=1, keepdims=True)
    powers = np.exp(shifted)
    result: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
    return result
