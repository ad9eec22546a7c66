"""Builders of realistic scores for the tests of this room."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from repprobe.probes.scores import ALL, INPUT, OUTPUT, Score, Scores

RESNET20 = {
    "input": 0.33,
    "bn1": 0.39,
    "layer1.0": 0.47,
    "layer1.1": 0.57,
    "layer1.2": 0.60,
    "layer2.0": 0.66,
    "layer2.1": 0.69,
    "layer2.2": 0.71,
    "layer3.0": 0.75,
    "layer3.1": 0.80,
    "layer3.2": 0.836,
    "linear.input": 0.83,
    "linear": 0.83,
    "output": 0.81,
}
CIFAR10 = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


def build(
    layers: dict[str, float] = RESNET20,
    classes: Sequence[str] = CIFAR10,
    *,
    model: str = "resnet20-cifar10",
    metric: str = "accuracy",
    examples: int = 10_000,
    probe: str = "logistic",
) -> Scores:
    """Return the scores of one model; a layer of value NaN has NaN in every row."""
    rng = np.random.default_rng(0)
    tilt = rng.normal(0, 0.07, len(classes))
    rows = []
    for order, (layer, value) in enumerate(layers.items()):

        def row(group, figure, n, layer=layer, order=order):
            half = 1.96 * math.sqrt(max(figure * (1 - figure), 1e-4) / n)
            return Score(
                model=model,
                layer=layer,
                order=order,
                width=1024,
                probe="none" if layer == OUTPUT else probe,
                regularization=None if layer == OUTPUT else 0.01,
                clean_labels=5000,
                seed="" if layer == OUTPUT else 0,
                split="test",
                group=group,
                metric=metric,
                # As many digits as a file of scores keeps.
                value=float(f"{figure:.6g}"),
                low=float(f"{figure - half:.6g}"),
                high=float(f"{figure + half:.6g}"),
            )

        rows.append(row(ALL, value, examples))
        for name, shift in zip(classes, tilt, strict=True):
            figure = min(max(value + shift + rng.normal(0, 0.02), 0), 1)
            rows.append(row(name, value if math.isnan(value) else figure, examples / len(classes)))
    return Scores(rows)


def deep(layers: int, *, long: bool = False) -> dict[str, float]:
    """Return layer names with a plausible rise and fall, as many as asked for."""
    stem = "backbone.encoder.stages.3.blocks.{}.attention.output.layernorm" if long else "blocks.{}"
    values = {INPUT: 0.2}
    for place in range(layers):
        depth = (place + 1) / layers
        values[stem.format(place)] = 0.25 + 0.6 * depth - 0.3 * max(0.0, depth - 0.7)
    return {**values, OUTPUT: 0.71}


def together(*scores: Scores) -> Scores:
    """Return the rows of several tables as one."""
    return Scores(row for table in scores for row in table)


def over_budgets(scores: Scores, *budgets: int) -> Scores:
    """Return the scores at each number of clean labels, the lower the fewer there are.

    The last has the figures as given; the network's own answer stands once.
    """
    rows = [replace(r, clean_labels=0) for r in scores if r.layer == OUTPUT]
    for place, budget in enumerate(budgets, 1):
        share = (place / len(budgets)) ** 0.5
        rows += [
            replace(
                r,
                clean_labels=budget,
                value=r.value * share,
                low=r.low - r.value * (1 - share),
                high=r.high - r.value * (1 - share),
            )
            for r in scores
            if r.layer != OUTPUT
        ]
    return Scores(rows)
