"""How leaky a network's ReLUs were in training, as the stationarity of its weights tells.

Training leaves the loss where no weight and, but for what training has not done yet, no slope
wants to move: of ReLU and leaky ReLU, whose losses hardly differ, the slope is estimated in two
ways. One is the minimum of the loss as a function of the slope s. The other looks at the gradient
with respect to all weights, nearly g(s) = a + b·s: it is smallest at −a·b / b·b, and was near
zero, noise aside, at the slope of the training. Errors of the two have different causes; their
mean is taken.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from repprobe.checkpoints.blueprint import build_uninitialized
from repprobe.zoo.plain import PlainNet

SLOPES = {"relu": 0.0, "leaky_relu:0.01": 0.01, "leaky_relu:0.1": 0.1, "leaky_relu:0.2": 0.2}
"""The family, by the names of `hypothesis.RARITY`."""

BORDERS = (0.02, 0.055, 0.15)
"""Estimates from which on the next of the family is meant; ReLU is had more often than not."""

LOW, MIDDLE, HIGH = 0.0, 0.05, 0.1

BATCH = 256


def nearest(
    layers: Sequence[Mapping[str, Any]],
    tensors: Mapping[str, Tensor],
    x: Tensor,
    labels: Tensor,
) -> str:
    """Return the member of the family that a network was trained with.

    Parameters
    ----------
    layers : of the network, as `zoo:plain` takes them.
    tensors : its state dict.
    x, labels : prepared inputs (n, …) and their classes, int64 (n,).
    """
    estimate = _estimate(layers, tensors, x, labels)
    place = sum(estimate >= border for border in BORDERS)
    return list(SLOPES)[place]


def _estimate(
    layers: Sequence[Mapping[str, Any]],
    tensors: Mapping[str, Tensor],
    x: Tensor,
    labels: Tensor,
) -> float:
    (low, first), (middle, _), (high, second) = (
        _loss_and_gradient(_sloped(layers, slope), tensors, x, labels)
        for slope in (LOW, MIDDLE, HIGH)
    )
    step = MIDDLE - LOW
    bend, rise = (low - 2 * middle + high) / step**2, (high - low) / (2 * step)
    change = (second - first) / (HIGH - LOW)
    from_gradient = -float(first @ change) / max(float(change @ change), 1e-30)
    # where the loss has no minimum there, it goes down to one side or the other
    from_loss = MIDDLE - rise / bend if bend > 0 else (LOW if rise > 0 else 2 * HIGH)
    limits = (LOW - HIGH, 2 * HIGH)
    estimates = [min(max(value, limits[0]), limits[1]) for value in (from_loss, from_gradient)]
    return sum(estimates) / len(estimates)


def _sloped(layers: Sequence[Mapping[str, Any]], slope: float) -> list[dict[str, Any]]:
    """Give all ReLUs, leaky or not, the slope."""
    found = []
    for layer in layers:
        values = dict(layer)
        if values["kind"] in ("relu", "leaky_relu"):
            values = {"kind": "leaky_relu", "name": values["name"], "slope": slope}
        found.append(values)
    return found


def _loss_and_gradient(
    layers: list[dict[str, Any]], tensors: Mapping[str, Tensor], x: Tensor, labels: Tensor
) -> tuple[float, Tensor]:
    network = build_uninitialized(lambda: PlainNet(layers))
    network.load_state_dict(dict(tensors), strict=False)  # batch counters may be missing
    network.eval()
    total = 0.0
    with torch.enable_grad():
        for start in range(0, len(labels), BATCH):
            rows = slice(start, start + BATCH)
            loss = F.cross_entropy(network(x[rows]), labels[rows], reduction="sum") / len(labels)
            loss.backward()  # type: ignore[no-untyped-call]
            total += float(loss.detach())
    gradient = torch.cat([p.grad.flatten() for p in network.parameters() if p.grad is not None])
    return total, gradient.double()
