"""The rows that similarity adds to the table of scores."""

from __future__ import annotations

import math

import numpy as np
import pytest

from repprobe.errors import DataError
from repprobe.similarity import Sketch, agreement_rows, cka, effective_rank, similarity_rows

M = 200


def network(seed, likeness=1.0, layers=("input", "a", "b")):
    """Return the sketch of a network; `likeness` is how much it shares with the others."""
    shared = np.random.default_rng(0).normal(size=(M, 6))
    rng = np.random.default_rng(seed)
    return Sketch(
        np.arange(M),
        {
            name: (likeness * shared @ rng.normal(size=(6, 10)) + rng.normal(size=(M, 10))).astype(
                np.float32
            )
            for name in layers
        },
    )


def by_place(scores):
    return {(r.layer, r.metric): r for r in scores}


def test_every_layer_has_its_rows():
    sketch, reference = network(1), network(2)
    rows = by_place(similarity_rows("net", sketch, [reference]))
    assert list(rows) == [
        ("input", "effective_rank"),
        ("a", "cka"),
        ("a", "effective_rank"),
        ("b", "cka"),
        ("b", "effective_rank"),
    ]
    row = rows["b", "cka"]
    assert (row.model, row.order, row.width, row.probe) == ("net", 2, 10, "none")
    assert (row.clean_labels, row.seed, row.split, row.group) == (0, "", "test", "all")
    assert row.value == cka(sketch.layers["b"], reference.layers["b"])
    assert row.low < row.value < row.high
    assert rows["a", "effective_rank"].value == effective_rank(sketch.layers["a"])
    assert math.isnan(rows["a", "effective_rank"].low)


def test_layers_that_the_reference_lacks_have_no_cka():
    rows = by_place(similarity_rows("net", network(1), [network(2, layers=("input", "b", "c"))]))
    assert ("a", "cka") not in rows
    assert ("a", "effective_rank") in rows
    assert ("b", "cka") in rows


def test_several_references_are_averaged_and_widen_the_interval():
    near, far = network(2, 2.0), network(3, 0.2)
    one = by_place(similarity_rows("net", network(1), [near]))["a", "cka"]
    two = by_place(similarity_rows("net", network(1), [near, far]))["a", "cka"]
    assert two.value == pytest.approx(
        np.mean([cka(network(1).layers["a"], r.layers["a"]) for r in (near, far)])
    )
    assert two.high - two.low > one.high - one.low


def test_a_network_is_like_itself():
    row = by_place(similarity_rows("net", network(1), [network(1)]))["a", "cka"]
    assert (row.value, row.low, row.high) == pytest.approx((1, 1, 1), abs=1e-9)


def test_a_layer_without_figure_is_marked():
    broken = network(1)
    broken.layers["a"][3, 2] = np.nan
    rows = by_place(similarity_rows("net", broken, [network(2)]))
    for metric in ("cka", "effective_rank"):
        row = rows["a", metric]
        assert all(math.isnan(v) for v in (row.value, row.low, row.high))


def test_other_examples_are_refused():
    other = Sketch(np.arange(1, M + 1), network(2).layers)
    with pytest.raises(DataError, match="same examples"):
        similarity_rows("net", network(1), [other])


def test_networks_of_one_label_are_compared_in_pairs():
    networks = [network(seed) for seed in (1, 2, 3)]
    row = by_place(agreement_rows("random", networks))["a", "cka"]
    pairs = [(0, 1), (0, 2), (1, 2)]
    assert row.value == pytest.approx(
        np.mean([cka(networks[i].layers["a"], networks[j].layers["a"]) for i, j in pairs])
    )
    assert row.low < row.value < row.high


def test_two_networks_give_a_figure_without_an_interval():
    row = by_place(agreement_rows("twins", [network(1), network(2)]))["a", "cka"]
    assert math.isfinite(row.value)
    assert math.isnan(row.low)


def test_a_single_network_agrees_with_none():
    metrics = {row.metric for row in agreement_rows("net", [network(1)])}
    assert metrics == {"effective_rank"}


def test_the_interval_covers_the_cka_of_the_population():
    rng = np.random.default_rng(5)
    a, b = rng.normal(size=(4, 8)), rng.normal(size=(4, 6))
    cross, own_x, own_y = a.T @ b, a.T @ a + np.eye(8), b.T @ b + np.eye(6)
    norm = np.linalg.norm
    truth = norm(cross) ** 2 / (norm(own_x) * norm(own_y))

    def sketch(seed):
        draw = np.random.default_rng(seed)
        shared = draw.normal(size=(M, 4))
        x, y = (shared @ w + draw.normal(size=(M, w.shape[1])) for w in (a, b))
        return (
            Sketch(np.arange(M), {"a": x.astype(np.float32)}),
            Sketch(np.arange(M), {"a": y.astype(np.float32)}),
        )

    rows = [similarity_rows("net", x, [y]).rows[0] for x, y in map(sketch, range(300))]
    covered = np.mean([row.low <= truth <= row.high for row in rows])
    assert 0.92 < covered < 0.98
    assert np.mean([row.value for row in rows]) == pytest.approx(truth, abs=0.01)
