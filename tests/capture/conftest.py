"""Models and data for the tests of capture."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from repprobe.checkpoints.model import Model
from repprobe.checkpoints.preprocessing import Preprocessing
from repprobe.data.dataset import ArrayPart, Data
from repprobe.feeding import Fed

SHARED = Path(__file__).resolve().parents[2].parent / "shared"


def make_model(module: nn.Module, preprocess: str = "none", **known) -> Model:
    """Wrap a module as it would come out of a checkpoint."""
    return Model("net", module.eval(), "net", Preprocessing.parse(preprocess), **known)


def make_data(*shape: int, n: int = 20, low: int = 0, words: int | None = None) -> Data:
    """Return random data, `n` training and n // 2 test examples of that shape."""
    rng = np.random.default_rng(0)

    def part(count: int) -> ArrayPart:
        x = rng.standard_normal((count, *shape)).astype(np.float32)
        if words is not None:
            x = rng.integers(0, words, (count, *shape)).astype(np.float32)
        return ArrayPart(x, rng.integers(0, 3, count))

    return Data("random", part(n), part(n // 2), "classification", ("a", "b", "c"), 1.0, f"{shape}")


def fed(x: torch.Tensor) -> Fed:
    """Return a batch of examples that are no graphs."""
    return Fed(x, len(x))


def everything(data: Data) -> np.ndarray:
    """Return the rows of the training part and of the test part, one after the other."""
    return np.concatenate(
        [data.train.inputs(np.arange(len(data.train))), data.test.inputs(np.arange(len(data.test)))]
    )


@pytest.fixture(autouse=True)
def _seeded():
    torch.manual_seed(0)
