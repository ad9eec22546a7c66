"""A pass that records layers, against the bare forward pass on ready batches."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

import numpy as np
import torch
import torchvision
from torch import Tensor, nn

from repprobe.capture import capture
from repprobe.checkpoints import Model, Preprocessing
from repprobe.data import ArrayPart, Data, load_data
from repprobe.zoo import build

from .harness import Report

IMAGES = 2000


def run(report: Report) -> None:
    """ResNet-20 on CIFAR-10 from memory and from JPEG files; ResNet-18 at 224 pixels."""
    resnet20 = build("cifar-resnet", depth=20, num_classes=10).eval()
    resnet18 = torchvision.models.resnet18().eval()
    small, large = images(IMAGES, 32), images(320, 224)
    for what, patterns, pool, demand in (
        ("11 blocks, grid", ("bn1", "layer?.?", "linear.input"), "auto", 1.25),
        ("48 leaves, mean", ("all",), "mean", 1.3),
    ):
        compare(report, f"ResNet-20, {what}", resnet20, small, patterns, pool, 256, demand)
        if "REPPROBE_DATA" in os.environ:
            cifar = load_data("cifar10")
            name = f"ResNet-20, {what}, JPEG decoded on the way"
            compare(report, name, resnet20, cifar, patterns, pool, 256, None)
    compare(report, "ResNet-18 at 224, stages", resnet18, large, (), "auto", 8, 1.1)


def compare(
    report: Report,
    name: str,
    module: nn.Module,
    data: Data,
    layers: Sequence[str],
    pool: str,
    batch: int,
    demand: float | None,
) -> None:
    """Time `capture` on the training part against the bare network on batches made before."""
    model = Model("net", module, "net", Preprocessing.parse("imagenet"))
    rows = np.arange(min(IMAGES, len(data.train)))
    none = np.arange(0)

    def ours() -> np.ndarray:
        features = capture(
            model, data, train_rows=rows, test_rows=none, layers=layers, pool=pool, batch_size=batch
        )
        return features.output

    prepared = model.preprocessing.apply(data.train.inputs(rows), data.unit).split(batch)
    bare = forward(module, prepared)
    equal = bool(np.allclose(ours(), bare().numpy(), atol=1e-4))
    report.compare(name, ("capture", ours), ("bare forward pass", bare), demand=demand, equal=equal)


def forward(module: nn.Module, batches: Sequence[Tensor]) -> Callable[[], Tensor]:
    """Return what runs the network on the batches, and nothing else."""

    def work() -> Tensor:
        with torch.inference_mode():
            return torch.cat([module(batch) for batch in batches])

    return work


def images(count: int, side: int) -> Data:
    """Return noise in the form of 8-bit colour images."""
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (count, 3, side, side), np.uint8)
    part = ArrayPart(x, rng.integers(0, 10, count))
    return Data("noise", part, part, "classification", tuple("abcdefghij"), 255.0, "noise")
