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


def damaged(
    layers: dict[str, float] = RESNET20,
    begins: int = 7,
    *,
    model: str = "noisy",
    reference: str = "clean twin",
    with_reference: bool = True,
    metric: str = "accuracy",
) -> Scores:
    """Return the scores of a model whose layers from place `begins` on are worse, and `damage`."""
    names = list(layers)
    lost = {name: 0.04 * max(0, place - begins + 1) for place, name in enumerate(names)}
    worse = {name: layers[name] - min(lost[name], 0.3) for name in names}
    ours, theirs = (
        build(values, [], model=label, metric=metric)
        for values, label in ((worse, model), (layers, reference))
    )
    rows = list(theirs) if with_reference else []
    for mine, other in zip(ours, theirs, strict=True):
        rows.append(mine)
        value = other.value - mine.value + 0.004 * math.sin(5 * mine.order)
        if mine.layer != INPUT:
            rows.append(
                replace(mine, metric="damage", value=value, low=value - 0.015, high=value + 0.015)
            )
    return Scores(rows)


def intervened(scores: Scores, model: str) -> Scores:
    """Return the scores with a figure of the network after each of its layers was changed."""
    layers = [r for r in scores if r.model == model and r.metric == "accuracy" and r.group == ALL]
    rows = [
        replace(row, metric=metric, probe="none", clean_labels=0, seed="", value=share * row.value)
        for metric, share in (("rewound", 0.6), ("retrained", 1.05))
        for row in layers
        if row.layer not in (INPUT, OUTPUT)
    ]
    return Scores([*scores, *rows])


def memorized(layers: dict[str, float] = RESNET20, *, model: str = "resnet20-cifar10") -> Scores:
    """Return the rows of memorization: given and true shares, selectivity, prediction depth."""
    names = [name for name in layers if name != OUTPUT]
    rows = []
    for order, name in enumerate(names):
        depth = order / max(len(names) - 1, 1)

        def row(probe, split, metric, value, name=name, order=order):
            return Score(
                model,
                name,
                order,
                64,
                probe,
                None,
                0,
                0,
                split,
                ALL,
                metric,
                value,
                value - 0.02,
                value + 0.02,
            )

        for probe, shift in (("logistic", 0.0), ("knn", -0.05)):
            rows.append(row(probe, "corrupted", "given", 0.12 + 0.6 * depth**3 + shift))
            rows.append(
                row(probe, "corrupted", "true", 0.30 + 0.4 * depth - 0.5 * depth**3 + shift)
            )
        rows.append(row("logistic", "train", "control", 0.5 - 0.2 * depth))
        rows.append(row("logistic", "train", "selectivity", 0.1 + 0.4 * depth))
    for split, depth in (("corrupted", 0.8), ("uncorrupted", 0.45)):
        value = depth * len(names)
        rows.append(
            Score(
                model,
                OUTPUT,
                len(names),
                0,
                "knn",
                10.0,
                0,
                0,
                split,
                ALL,
                "prediction_depth",
                value,
                value - 0.1,
                value + 0.1,
            )
        )
    return Scores(rows)


def alike(
    layers: dict[str, float] = RESNET20, *, model: str = "noisy", likeness: float = 1.0
) -> Scores:
    """Return the rows of similarity: CKA to the reference and effective rank."""
    names = [name for name in layers if name != OUTPUT]
    rows = []
    for order, name in enumerate(names):
        depth = order / max(len(names) - 1, 1)
        cka = likeness * (0.97 - 0.6 * depth**2)
        blank = Score(model, name, order, 64, "none", None, 0, "", "test", ALL, "", 0.0)
        if name != INPUT:
            figures = {"value": cka, "low": cka - 0.03, "high": min(cka + 0.03, 1)}
            rows.append(replace(blank, metric="cka", **figures))
        rows.append(replace(blank, metric="effective_rank", value=3 + 80 * depth * likeness))
    return Scores(rows)
