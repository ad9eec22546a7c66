"""Networks whose preprocessing is known, made in a moment, and data for them."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from repprobe.checkpoints import Model, Preprocessing
from repprobe.data import ArrayPart, Data


def model_of(module: nn.Module, name: str = "net") -> Model:
    """Return a network whose preprocessing nobody has told."""
    return Model(name, module.eval(), name, Preprocessing.parse("unit", found="default"))


def images(data: Data, count: int) -> np.ndarray:
    return np.asarray(data.train.inputs(np.arange(count)))


def normalized(data: Data, preprocess: str, count: int = 800, channels: int = 1) -> Model:
    """Return a random network with the batch statistics of inputs that were prepared so."""
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(channels, 8, 3, padding=1, bias=False),
        nn.BatchNorm2d(8, momentum=None),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(2),
        nn.Flatten(),
        nn.Linear(32, len(data.classes)),
    ).train()
    with torch.no_grad():
        module(Preprocessing.parse(preprocess).apply(images(data, count), data.unit))
    return model_of(module)


def fitted(data: Data, preprocess: str, order: list[int] | None = None) -> Model:
    """Return a network without batch norm whose last layer is fitted to inputs prepared so.

    With `order`, the output of class k is number `order[k]`.
    """
    torch.manual_seed(0)
    raw = images(data, 1000)
    first = nn.Linear(raw[0].size, 150)
    start = nn.Sequential(nn.Flatten(), first, nn.ReLU())
    with torch.no_grad():
        x = start(Preprocessing.parse(preprocess).apply(raw, data.unit)).double()
    labels = torch.from_numpy(np.asarray(data.train.labels[: len(raw)]))
    if order is not None:
        labels = torch.tensor(order)[labels]
    width = max(len(data.classes), max(order or [0]) + 1)
    targets = 12 * nn.functional.one_hot(labels, width).double()
    shift, level = x.mean(0), targets.mean(0)
    gram = (x - shift).T @ (x - shift) + 0.01 * len(x) * x.var() * torch.eye(x.shape[1])
    weight = torch.linalg.solve(gram, (x - shift).T @ (targets - level))
    last = nn.Linear(x.shape[1], width)
    with torch.no_grad():
        last.weight.copy_(weight.T)
        last.bias.copy_(level - shift @ weight)
    return model_of(nn.Sequential(*start, last))


def colours(count: int = 300, side: int = 28, seed: int = 0) -> Data:
    """Return smooth colour images of three classes, the channels unlike each other."""
    rng = np.random.default_rng(seed)
    coarse = rng.normal(size=(count, 3, 7, 7))
    coarse[:, 1] = 0.8 * coarse[:, 0] + 0.6 * coarse[:, 1]
    smooth = np.kron(coarse, np.ones((side // 7, side // 7)))
    level = np.array([170, 120, 70]).reshape(1, 3, 1, 1)
    labels = rng.integers(0, 3, count)
    level = level + 25 * (labels - 1).reshape(-1, 1, 1, 1)
    raw = np.clip(level + 40 * smooth, 0, 255).astype(np.uint8)
    part = ArrayPart(raw, labels.astype(np.int64))
    return Data("colours", part, part, "classification", ("a", "b", "c"), 255.0, "colours")
