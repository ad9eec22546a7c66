"""Made layers whose truth is known: Gaussian classes, where a linear rule's accuracy is exact."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from repprobe.data import draws
from repprobe.data.splits import Draw
from repprobe.probes.engines import Engine, get_engine
from repprobe.probes.fitting import Kind
from repprobe.probes.probing import Labels, Probes, probe_layers
from repprobe.probes.scores import Scores

Floats = NDArray[np.float64]

SHARED_NOISE = 0.5
"""Share of the layers' own noise that all layers of a network have in common."""


class MadeFeatures(dict[str, Floats]):
    """Layer → features (n, d), the training rows first, as `probe_layers` takes them."""

    def __init__(self, layers: dict[str, Floats], train_count: int) -> None:
        super().__init__(layers)
        self.train_count = train_count

    @property
    def layers(self) -> tuple[str, ...]:
        return tuple(self)

    @property
    def non_finite(self) -> dict[str, int]:
        return dict.fromkeys(self, 0)


@dataclass(frozen=True)
class World:
    """Two classes at ±mean in a latent space; a layer sees it turned, with noise of its own.

    Attributes
    ----------
    width : dimensions of the latent space and of every layer.
    signal : distance of a class mean from the origin; a perfect rule's accuracy is Φ(signal).
    noise : standard deviation of each layer's own noise.
    """

    width: int
    signal: float
    noise: tuple[float, ...]

    @property
    def mean(self) -> Floats:
        return np.eye(self.width)[0] * self.signal

    def turn(self, layer: int) -> Floats:
        """Return the orthogonal matrix (d, d) of a layer."""
        made = np.random.default_rng([self.width, layer]).normal(size=(self.width, self.width))
        return np.asarray(np.linalg.qr(made)[0])

    def latent(self, n: int, random: np.random.Generator) -> tuple[NDArray[np.int64], Floats]:
        """Return classes (n,), as many of either, and latent vectors (n, d)."""
        y = random.permutation(np.arange(n) % 2)
        return y, (2 * y - 1)[:, None] * self.mean + random.normal(size=(n, self.width))

    def layers(self, latent: Floats, random: np.random.Generator) -> dict[str, Floats]:
        """Return the features of every layer, in single precision's range of names "0", "1" …"""
        common = math.sqrt(SHARED_NOISE) * random.normal(size=latent.shape)
        found = {}
        for place, size in enumerate(self.noise):
            own = math.sqrt(1 - SHARED_NOISE) * random.normal(size=latent.shape)
            found[str(place)] = latent @ self.turn(place) + size * (common + own)
        return found

    def accuracy(self, layer: int, weight: Floats, bias: Floats) -> float:
        """Return the accuracy of scores x · weightᵀ + bias, weight (2, d), on new examples."""
        w, b = weight[1] - weight[0], float(bias[1] - bias[0])
        spread = math.sqrt((1 + self.noise[layer] ** 2) * float(w @ w))
        if spread == 0:
            return 0.5
        shift = float(w @ self.turn(layer).T @ self.mean)
        return (phi((shift + b) / spread) + phi((shift - b) / spread)) / 2


def phi(z: float) -> float:
    """Return the normal distribution function."""
    return (1 + math.erf(z / math.sqrt(2))) / 2


def probed(
    world: World,
    latent: Floats,
    y: NDArray[np.int64],
    test_count: int,
    drawn: list[Draw],
    kind: Kind,
    model: str,
    random: np.random.Generator,
) -> tuple[Scores, Probes]:
    """Probe all layers of one network, whose test examples come last among the latent vectors."""
    train = len(y) - test_count
    features = MadeFeatures(world.layers(latent, random), train)
    labels = Labels(y[:train], y[train:], ("0", "1"), drawn)
    return probe_layers(features, labels, model=model, kind=kind, engine=engine(kind))


def engine(kind: Kind) -> Engine:
    """Return what is fastest for so few examples; every engine finds the same fits."""
    return get_engine("sklearn" if kind == "logistic" else "torch", "cpu")


def independent_draws(y: NDArray[np.int64], clean: int, count: int) -> list[Draw]:
    """Return draws of clean labels that share no example: each from its own part of the rows.

    Two folds choose the regularization, for the sake of time.
    """
    found = []
    for seed in range(count):
        part = np.arange(seed * clean, (seed + 1) * clean)
        (draw,) = draws(y[part], [clean], [seed], "classification", fold_count=2)
        found.append(Draw(seed, part[draw.rows], draw.budgets, draw.folds))
    return found
