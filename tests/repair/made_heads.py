"""Networks with random weights, heads for their layers, and answers to compare."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from repprobe.capture import Features, Pooling, capture
from repprobe.checkpoints.model import Model
from repprobe.checkpoints.preprocessing import Preprocessing
from repprobe.data.dataset import ArrayPart, Data
from repprobe.repair.head import Head


def made_model(module: nn.Module, preprocess: str = "none", **known) -> Model:
    """Wrap a module as it would come out of a checkpoint, with norms that have seen something."""
    generator = torch.Generator().manual_seed(0)
    for part in module.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.running_mean.normal_(0, 0.1, generator=generator)
            part.running_var.uniform_(0.5, 2, generator=generator)
    return Model("net", module.eval(), "net", Preprocessing.parse(preprocess), **known)


def made_data(*shape: int, n: int = 12, words: int | None = None) -> Data:
    """Return random data in three classes, n training and n test examples of that shape."""
    rng = np.random.default_rng(0)

    def part() -> ArrayPart:
        x = rng.standard_normal((n, *shape)).astype(np.float32)
        if words is not None:
            x = rng.integers(0, words, (n, *shape)).astype(np.float32)
        return ArrayPart(x, rng.integers(0, 3, n))

    return Data("random", part(), part(), "classification", ("a", "b", "c"), 1.0, f"{shape}")


def captured(model: Model, data: Data, pooling: Pooling, layers: tuple[str, ...] = ()) -> Features:
    """Return features of a few training examples and all test examples."""
    return capture(
        model,
        data,
        train_rows=np.arange(min(6, len(data.train))),
        layers=layers,
        pool=pooling.mode,
        width=pooling.width,
        seed=pooling.seed,
    )


def made_head(layer: str, pooling: Pooling, width: int, outputs: int = 3) -> Head:
    """Return a head with random weights."""
    rng = np.random.default_rng(len(layer))
    weight = rng.standard_normal((outputs, width)) / np.sqrt(width)
    return Head(layer, pooling, weight, rng.standard_normal(outputs), "ridge", 1.0)


def scores(head: Head, features: np.ndarray) -> np.ndarray:
    """Return what a head makes of features (n, d)."""
    return features.astype(np.float64) @ head.weight.T + head.bias


def assert_alike(found: np.ndarray, expected: np.ndarray) -> None:
    """Check scores (n, C): equal up to rounding, and the same answers."""
    assert np.abs(found - expected).max() <= 1e-4 * np.abs(expected).max()
    assert (found.argmax(1) == expected.argmax(1)).all()
