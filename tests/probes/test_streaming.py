"""Ridge from sums while the rows come gives what ridge from kept rows gives."""

import itertools
import math

import numpy as np
import pytest
import torch
from made_features import MadeFeatures, held

from repprobe.data import draws
from repprobe.probes.engines import get_engine
from repprobe.probes.moments import PENDING, MomentSums
from repprobe.probes.probing import Labels, probe_layers
from repprobe.probes.streaming import RidgeStream, SumsTooLargeError

TRAIN, TEST = 240, 150


def classified(widths, seed=0, classes=4):
    """Layers of these widths that tell the classes apart, more or less."""
    generator = np.random.default_rng(seed)
    y = generator.permutation(np.arange(TRAIN + TEST) % classes)
    layers = {}
    for i, width in enumerate(widths):
        centres = generator.normal(size=(classes, width)) * 2 / math.sqrt(width)
        mixing = generator.normal(size=(width, width)) / math.sqrt(width)
        x = (centres[y] + generator.normal(size=(len(y), width)) @ mixing) * 3 + 40 * i
        layers[f"layer{i}"] = x.astype(np.float32)
    return MadeFeatures(TRAIN, **layers), y, tuple("abcd"[:classes])


def labelled(y, classes, budgets, seeds=(0,)):
    task = "classification" if classes else "regression"
    return Labels(y[:TRAIN], y[TRAIN:], classes, draws(y[:TRAIN], budgets, seeds, task))


def stream_of(labels, kind="ridge", **options):
    return RidgeStream(labels, model="m", kind=kind, engine=get_engine("torch"), **options)


def feed(stream, features, sizes=(50, 1, 37)):
    """Give all rows in batches of these sizes in turn, no batch holding rows of both parts."""
    stream.begin({name: x.shape[1] for name, x in features.items()})
    count = len(next(iter(features.values())))
    for start, end in ((0, features.train_count), (features.train_count, count)):
        for size in itertools.cycle(sizes):
            if start >= end:
                break
            for name, x in features.items():
                stream.add(name, torch.from_numpy(x[start : min(start + size, end)]))
            start += size
    return stream.scores(features.non_finite)


def assert_alike(features, labels, kind):
    """Compare with scikit-learn on kept rows; return the rows from sums."""
    stream = stream_of(labels, kind, memory_bytes=1 << 30)
    ours = feed(stream, features)
    theirs, probes = probe_layers(
        features, labels, model="m", kind=kind, engine=get_engine("sklearn")
    )
    assert len(ours.rows) == len(theirs.rows) > 0
    for a, b in zip(ours.rows, theirs.rows, strict=True):
        for name in ("layer", "order", "width", "probe", "clean_labels", "seed", "split", "group"):
            assert getattr(a, name) == getattr(b, name)
        assert (a.metric, a.regularization) == (b.metric, b.regularization)
        one_example = 1.01 / TEST if (a.metric, a.group) == ("accuracy", "all") else 0
        assert a.value == pytest.approx(b.value, rel=1e-4, abs=one_example, nan_ok=True), (a, b)
    assert ours.outcomes.keys() == theirs.outcomes.keys()
    for place, outcomes in ours.outcomes.items():
        same = np.isclose(outcomes, theirs.outcomes[place], rtol=1e-3, atol=1e-4)
        assert (~same).sum() <= 1
    assert ours.held_out.keys() == theirs.held_out.keys() == ours.outcomes.keys()
    for place, one in ours.held_out.items():
        other = theirs.held_out[place]
        assert one.best == other.best
        np.testing.assert_array_equal(one.folds, other.folds)
        same = np.isclose(one.outcomes, other.outcomes, rtol=1e-3, atol=1e-3)
        assert (~same).mean() <= 0.01
    assert stream.probes.keys() == probes.keys()
    test = {name: x[TRAIN:] for name, x in features.items()}
    for (layer, *_), probe in stream.probes.items():
        assert np.isfinite(probe.scores(test[layer])).all()
    return ours


def test_classes_with_nested_budgets_and_several_draws():
    features, y, classes = classified((6, 40))
    ours = assert_alike(features, labelled(y, classes, [24, 70, 160], (0, 1)), "ridge")
    assert {(r.clean_labels, r.seed) for r in ours} == {
        (n, seed) for n in (24, 70, 160) for seed in (0, 1, "all")
    }
    errors = [r.value for r in ours.where(layer="layer1", metric="mse", seed=0)]
    assert errors == sorted(errors, reverse=True)


def test_all_labels_are_drawn_once_and_budgets_below_them_several_times():
    features, y, classes = classified((5,))
    ours = assert_alike(features, labelled(y, classes, ["all", 30], (0, 1)), "ridge")
    assert [r.seed for r in ours.where(clean_labels=TRAIN, metric="mse")] == [0]


@pytest.mark.parametrize("columns", [None, 2])
def test_regression(columns):
    generator = np.random.default_rng(1)
    features, *_ = classified((12, 30))
    shape = (12,) if columns is None else (12, columns)
    y = features["layer0"] @ generator.normal(size=shape) + 100
    y += 5 * generator.normal(size=y.shape)
    ours = assert_alike(features, labelled(y, (), [60, "all"], (0, 1)), "ridge")
    assert {r.metric for r in ours.where(split="test")} == {"r2", "mse", "mae", "mape"}
    assert ours.where(layer="layer0", metric="r2").rows[0].value > 0.6


def test_least_squares_with_fewer_rows_than_features_is_of_minimum_norm():
    features, y, classes = classified((70,))
    labels = labelled(y, classes, [40], (0, 1))
    ours = assert_alike(features, labels, "least-squares")
    assert all(r.regularization is None for r in ours)
    stream = stream_of(labels, "least-squares")
    feed(stream, features)
    rows = labels.draws[0].rows
    probe = stream.probes["layer0", 40, 0]
    x = features["layer0"][rows].astype(np.float64)
    z = (x - x.mean(0)) / x.std(0)
    targets = np.eye(4)[y[rows]]
    least, *_ = np.linalg.lstsq(z, targets - targets.mean(0), rcond=None)
    np.testing.assert_allclose(probe.coefficients * x.std(0)[:, None], least, atol=1e-9)


def test_features_that_are_constant_or_copies_are_no_trouble():
    features, y, classes = classified((20,))
    x = features["layer0"]
    x[:, 3], x[:, 4] = x[:, 5], 0.1
    for kind in ("ridge", "least-squares"):
        assert_alike(features, labelled(y, classes, [30, 120]), kind)


@pytest.mark.parametrize("kind", ["ridge", "least-squares"])
@pytest.mark.parametrize("level", [0.0, 0.1])
def test_features_that_a_budget_sees_no_spread_of_are_left_alone(kind, level):
    # Sums are taken about an origin that the small budget is far from.
    features, y, classes = classified((30,))
    labels = labelled(y, classes, [40, "all"])
    x = features["layer0"]
    x[:, 10:] = np.maximum(x[:, 10:], level)
    for column, share in zip(range(10), np.linspace(0.1, 0.9, 10), strict=True):
        x[np.argsort(x[:, column])[: int(share * len(x))], column] = level
        x[labels.draws[0].rows[:40], column] = level
    features["copy"] = x[:, 5:] + np.float32(100)
    assert_alike(features, labels, kind)


@pytest.mark.parametrize("row", [0, 100, TRAIN - 1, TRAIN, TRAIN + 90])
def test_a_layer_with_nan_is_marked_and_the_others_are_not_touched(row):
    features, y, classes = classified((6, 8))
    labels = labelled(y, classes, [40, "all"])
    whole = feed(stream_of(labels), features).where(layer="layer1").rows
    features["layer0"][row, 2] = [np.nan, np.inf][row % 2]
    ours = feed(stream_of(labels), features)
    theirs, _ = probe_layers(
        features, labels, model="m", kind="ridge", engine=get_engine("sklearn")
    )
    figure, share = ours.where(layer="layer0").rows
    assert math.isnan(figure.value)
    assert (share.metric, share.value) == ("non_finite", 1 / (TRAIN + TEST))
    assert [r.metric for r in ours] == [r.metric for r in theirs]
    assert ours.where(layer="layer1").rows == whole


def test_a_dropped_layer_has_no_rows_and_the_next_moves_up():
    features, y, classes = classified((6, 8, 5))
    labels = labelled(y, classes, ["all"])
    stream = stream_of(labels)
    stream.begin({name: x.shape[1] for name, x in features.items()})
    stream.add("layer0", torch.from_numpy(features["layer0"][:TRAIN]))
    stream.add("layer1", torch.from_numpy(features["layer1"][:10]))
    stream.drop("layer1")
    stream.add("layer2", torch.from_numpy(features["layer2"][:TRAIN]))
    for name in ("layer0", "layer2"):
        stream.add(name, torch.from_numpy(features[name][TRAIN:]))
    scores = stream.scores({})
    assert {(r.layer, r.order) for r in scores} == {("layer0", 0), ("layer2", 1)}
    del features["layer1"]
    assert scores.to_csv() == feed(stream_of(labels), features).to_csv()


def test_how_rows_are_cut_into_batches_changes_no_figure_that_is_written():
    features, y, classes = classified((6, 40))
    labels = labelled(y, classes, [24, 160], (0, 1))
    tables = [
        feed(stream_of(labels), features, sizes).to_csv() for sizes in ((1,), (7, 90), (1000,))
    ]
    assert tables[0] == tables[1] == tables[2]


def test_progress_is_told_layer_by_layer():
    features, y, classes = classified((3, 4))
    told = []
    feed(
        stream_of(labelled(y, classes, ["all"]), progress=lambda *step: told.append(step)), features
    )
    assert told == [("probe", 1, 2), ("probe", 2, 2)]


def test_sums_that_do_not_fit_are_refused_before_the_first_row():
    _, y, classes = classified(())
    labels = labelled(y, classes, [40, 80], (0, 1))
    cells = 2 * 2 * 5
    needed = cells * (MomentSums.nbytes(100, 4) + MomentSums.nbytes(50, 4))
    widths = {"a": 100, "b": 50}
    stream_of(labels, memory_bytes=needed).begin(widths)
    with pytest.raises(SumsTooLargeError, match=str(needed)):
        stream_of(labels, memory_bytes=needed - 1).begin(widths)


@pytest.mark.parametrize("one_by_one", [False, True])
def test_rows_are_remembered_for_held_out_outcomes_where_memory_has_room(one_by_one):
    features, y, classes = classified((30, 50))
    labels = labelled(y, classes, [40, 80], (0, 1))
    counted = (50,) if one_by_one else (30, 50)
    needed = sum(2 * 2 * 5 * MomentSums.nbytes(w, 4) + 4 * w * TRAIN for w in counted)
    streams = [
        stream_of(labels, memory_bytes=memory, one_by_one=one_by_one)
        for memory in (needed, needed - 1, None)
    ]
    enough, short, unbounded = (feed(stream, features) for stream in streams)
    assert enough.held_out.keys() == enough.outcomes.keys()
    assert not short.held_out
    assert not unbounded.held_out
    assert enough.to_csv() == short.to_csv() == unbounded.to_csv()


def test_layers_one_by_one_are_not_refused_for_their_sums():
    features, y, classes = classified((30, 50))
    labels = labelled(y, classes, ["all"])
    assert not feed(stream_of(labels, memory_bytes=1, one_by_one=True), features).held_out


def test_rows_are_given_back_when_the_last_has_come():
    features, y, classes = classified((100,))
    labels = labelled(y, classes, ["all"])
    stream = stream_of(labels, memory_bytes=1 << 30)
    stream.begin({"layer0": 100})
    before = held()
    x = torch.from_numpy(features["layer0"])
    stream.add("layer0", x[: TRAIN - 1])
    assert held() - before >= 4 * 100 * TRAIN
    stream.add("layer0", x[TRAIN - 1 : TRAIN])
    assert held() - before < 4 * 100 * TRAIN + 4 * 100 * len(x)


def taken(n, width):
    """Return the bytes that are held before the last of n training rows, and after it."""
    y = np.random.default_rng(0).normal(size=n)
    labels = Labels(y, y, (), draws(y, ["all"], [0], "regression"))
    before = held()
    stream = stream_of(labels)
    stream.begin({"a": width})
    generator = torch.Generator().manual_seed(0)
    for size in (*[1000] * (n // 1000 - 1), 999):
        stream.add("a", torch.randn(size, width, generator=generator))
    summed = held() - before
    stream.add("a", torch.randn(1, width, generator=generator))
    return summed, held() - before


def test_memory_does_not_grow_with_the_rows_and_is_given_back():
    width = 200
    (few, few_after), (many, many_after) = taken(2000, width), taken(12_000, width)
    targets, waiting = 8, 5 * PENDING * 4 * width
    assert few <= 5 * MomentSums.nbytes(width, 1) + 2000 * targets
    assert many - few <= 10_000 * targets + waiting
    assert many_after - few_after <= 10_000 * targets
    assert few_after < few / 10
