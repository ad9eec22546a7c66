"""Fitted probes: votes of neighbours."""

import numpy as np
import pytest

from repprobe.probes.engines import get_engine
from repprobe.probes.fitting import GRIDS, fit_probe
from repprobe.probes.probe import votes


def test_votes_are_counted_for_every_number_of_neighbours_in_one_go():
    neighbours = np.array([[2, 0, 0, 1], [1, 1, 2, 2]])
    one, three, four = votes(neighbours, 3, [1, 3, 4])
    assert one.tolist() == [[0, 0, 1], [0, 1, 0]]
    assert three.tolist() == [[2, 0, 1], [0, 2, 1]]
    assert four.tolist() == [[2, 1, 1], [0, 2, 2]]


@pytest.mark.parametrize("distance", ["euclidean", "cosine"])
def test_the_number_of_neighbours_is_the_best_one_leaving_one_out(distance):
    generator = np.random.default_rng(0)
    y = np.arange(120) % 3
    x = generator.normal(size=(120, 10)) + 1.2 * np.eye(3, 10)[y]
    engine = get_engine("sklearn")
    probe = fit_probe("knn", x, y, 3, engine, np.zeros(120, np.int64), distance)
    rows = probe.rows
    accuracies = {}
    for k in GRIDS["knn"]:
        if k < 120:
            hits = 0
            for i in range(120):
                others = np.delete(np.arange(120), i)
                found = engine.neighbours(rows[others], rows[i : i + 1], int(k), False, distance)
                counts = np.bincount(y[others[found[0]]], minlength=3)
                hits += counts.argmax() == y[i]
            accuracies[k] = hits
    assert probe.regularization == max(accuracies, key=accuracies.get)
    assert (probe.validation.argmax(1) == y).sum() == max(accuracies.values())


def test_the_cosine_is_blind_to_how_long_a_feature_is():
    generator = np.random.default_rng(0)
    y = np.arange(200) % 2
    # Both classes lie along a line through the mean: only the angle tells them apart.
    x = np.array([[1.0, 0.8], [0.8, 1.0]])[y] * generator.lognormal(0, 2, (200, 1))
    x, y = np.concatenate([x, -x]), np.concatenate([y, y])
    accuracies = {}
    for distance in ("euclidean", "cosine"):
        probe = fit_probe("knn", x, y, 2, get_engine(), np.zeros(400, np.int64), distance)
        accuracies[distance] = (probe.validation.argmax(1) == y).mean()
    assert accuracies["cosine"] == 1 > accuracies["euclidean"]
