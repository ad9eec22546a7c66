"""Ridge: from rows against RidgeCV, and while a network runs against the bare network."""

from __future__ import annotations

import os
from dataclasses import replace

import numpy as np
from sklearn.linear_model import RidgeCV

from repprobe import layers
from repprobe.checkpoints import Model, Preprocessing
from repprobe.data import Data, SubsetPart, draws, load_data
from repprobe.probes.engines import get_engine
from repprobe.probes.fitting import GRIDS
from repprobe.zoo import build

from .bench_capture import forward, images
from .harness import Report
from .made import made

BLOCKS = ("bn1", "layer?.?", "linear.input")


def run(report: Report) -> None:
    """5,000 × 1,024, 25 penalties; then the eleven blocks of a ResNet-20, 5,000 + 10,000."""
    from_rows(report, 5000, 1024, 10)
    network = build("cifar-resnet", depth=20, num_classes=10).eval()
    while_it_runs(report, network, images(15_000, 32), "images in memory", 2.0)
    if "REPPROBE_DATA" in os.environ:
        while_it_runs(report, network, load_data("cifar10"), "JPEG decoded on the way", None)


def from_rows(report: Report, n: int, d: int, classes: int, pairs: int = 5) -> None:
    """Time leave-one-out over the path; equal if penalty, errors and coefficients are."""
    x, y, _ = made(n, d, classes)
    targets, grid = np.eye(classes)[y], GRIDS["ridge"]
    engine = get_engine("torch")
    (path,) = engine.ridge(x, [targets], grid, None)
    model = RidgeCV(grid).fit(x, targets)
    equal = bool(
        np.isclose(model.alpha_, path.regularization[path.best])
        and np.isclose(-model.best_score_, path.held_out_loss[path.best] / classes)
        and np.allclose(model.coef_.T, path.coefficients[path.best], atol=1e-8)
    )
    report.compare(
        f"ridge path, {n:,} × {d:,} × {classes}, {len(grid)} alphas, LOO",
        ("torch engine", lambda: engine.ridge(x, [targets], grid, None)),
        ("RidgeCV", lambda: RidgeCV(grid).fit(x, targets)),
        demand=1 / 5,
        equal=equal,
        pairs=pairs,
    )


def while_it_runs(
    report: Report, network: object, data: Data, what: str, demand: float | None, pairs: int = 5
) -> None:
    """Time everything from inputs to scores against the network alone on ready batches."""
    if len(data.train) == len(data.test):  # noise: the first third to learn from
        data = _split(data, 5000)
    model = Model("net", network, "net", Preprocessing.parse("imagenet"))
    (draw,) = draws(data.train.labels, [5000], [0], data.task)
    rows = np.sort(draw.rows)
    inputs = np.concatenate([data.train.inputs(rows), data.test.inputs(np.arange(len(data.test)))])
    prepared = model.preprocessing.apply(inputs, data.unit).split(256)
    report.compare(
        f"streaming ridge, 11 blocks, 25 alphas, 5 folds, {what}",
        ("repprobe.layers", lambda: layers(model, data, probe="ridge", layers=BLOCKS, clean=5000)),
        ("bare forward pass", forward(network, prepared)),
        demand=demand,
        pairs=pairs,
    )


def _split(data: Data, count: int) -> Data:
    every = np.arange(len(data.train))
    return replace(
        data,
        train=SubsetPart(data.train, every[:count]),
        test=SubsetPart(data.train, every[count:]),
    )
