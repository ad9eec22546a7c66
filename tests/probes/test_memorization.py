"""What layers say of corrupted examples: made features that hold known labels."""

import math

import numpy as np
import pytest
from made_features import MadeFeatures

from repprobe.probes.control import control_task, random_labels
from repprobe.probes.engines import get_engine
from repprobe.probes.memorization import _chance, memorization
from repprobe.probes.prediction_depth import neighbour_answers, prediction_depths

CLASSES = tuple("abcde")
N = 500


def told(labels, generator, width=12, noise=0.4):
    """Features that tell these labels."""
    centres = generator.normal(size=(len(CLASSES), width))
    return (centres[labels] + noise * generator.normal(size=(len(labels), width))).astype("f4")


@pytest.fixture
def case():
    """Layer 1 tells the true labels, layer 2 both, layer 3 the given ones, the input nothing."""
    generator = np.random.default_rng(0)
    true = np.arange(N) % 5
    given = np.where(generator.random(N) < 0.4, generator.integers(0, 5, N), true)
    one, three = told(true, generator), told(given, generator)
    noise = generator.normal(size=(N, 12)).astype("f4")
    layers = {
        "input": noise,
        "layer1": one,
        "layer2": np.hstack([one, three]),
        "layer3": three,
    }
    # Other training rows lie between those that were seen, and test rows behind them.
    rows = np.flatnonzero(np.arange(N + 100) % 6)
    features = MadeFeatures(N + 100)
    for name, x in layers.items():
        features[name] = np.full((N + 150, x.shape[1]), 7, np.float32)
        features[name][rows] = x
    return features, rows, given, true


def asked(case, kind="logistic", **changes):
    features, rows, given, true = case
    options = {"model": "m", "kind": kind, "engine": get_engine(), **changes}
    return memorization(features, rows, given, true, CLASSES, **options)


def figure(scores, layer, metric, probe):
    (row,) = scores.where(layer=layer, metric=metric, probe=probe).rows
    return row


@pytest.mark.parametrize("kind", ["logistic", "ridge", "least-squares", "knn"])
def test_each_layer_says_the_labels_that_it_holds(case, kind):
    scores, found = asked(case, kind)
    for probe in {kind, "knn"}:
        assert figure(scores, "layer1", "true", probe).value > 0.95
        assert figure(scores, "layer1", "given", probe).value < 0.05
        assert figure(scores, "layer3", "given", probe).value > 0.95
        assert figure(scores, "layer3", "true", probe).value < 0.05
        assert 0.1 < figure(scores, "input", "given", probe).value < 0.3
    row = figure(scores, "layer3", "given", kind)
    assert (row.split, row.clean_labels, row.order, row.width) == ("corrupted", 0, 3, 12)
    assert row.low < row.value <= row.high
    corrupted = (case[2] != case[3]).sum()
    assert found.given.shape == found.true.shape == found.chance.shape == (4, corrupted)
    assert row.value == found.given[3].mean()


@pytest.mark.parametrize("kind", ["logistic", "ridge"])
def test_engines_agree(case, kind):
    del case[0]["layer2"]
    if kind == "logistic":
        del case[0]["layer1"], case[0]["layer3"]
    ours, _ = asked(case, kind)
    theirs, _ = asked(case, kind, engine=get_engine("sklearn"))
    for a, b in zip(ours, theirs, strict=True):
        assert (a.layer, a.metric, a.probe) == (b.layer, b.metric, b.probe)
        assert a.value == pytest.approx(b.value, abs=0.02)


def test_the_example_itself_had_no_say():
    # More features than examples: a fit that saw the example would say its label for certain.
    generator = np.random.default_rng(0)
    true = np.arange(200) % 5
    given = np.where(generator.random(200) < 0.5, (true + 1) % 5, true)
    features = MadeFeatures(200, wide=generator.normal(size=(200, 400)).astype("f4"))
    for kind in ("logistic", "ridge", "least-squares"):
        scores, _ = asked((features, np.arange(200), given, true), kind)
        assert figure(scores, "wide", "given", kind).value < 0.4
        assert figure(scores, "wide", "control", kind).value > 0.9 or kind == "ridge"


def test_selectivity_is_low_where_anything_can_be_learned_in_sample():
    generator = np.random.default_rng(0)
    true = np.arange(200) % 5
    given = np.where(generator.random(200) < 0.3, (true + 1) % 5, true)
    x = told(true, generator)
    wide = np.hstack([x, generator.normal(size=(200, 400)).astype("f4")])
    features = MadeFeatures(200, narrow=x, wide=wide)
    scores, _ = asked((features, np.arange(200), given, true), "least-squares")
    row = figure(scores, "wide", "selectivity", "least-squares")
    assert row.value == 0
    assert (row.split, row.regularization) == ("train", None)
    assert figure(scores, "narrow", "selectivity", "least-squares").value > 0.4


def test_random_labels_have_the_same_frequencies():
    true = np.repeat(np.arange(3), [10, 20, 70])
    labels = random_labels(true, 0)
    np.testing.assert_array_equal(np.bincount(labels), np.bincount(true))
    assert 0.4 < (labels == true).mean() < 0.7
    assert (random_labels(true, 1) != labels).any()
    control = control_task(lambda labels: labels, 1 - true % 2, true % 2, 0)
    assert control.hits.all()
    assert not control.true_hits.any()
    assert control.selectivity.mean() == -1


def test_depth_is_where_neighbours_settle(case):
    answers = np.array([[1, 0, 2, 2], [1, 1, 2, 0], [0, 1, 2, 2], [0, 1, 2, 2]])
    assert prediction_depths(answers, np.arange(4)).tolist() == [2, 1, 0, 2]
    assert prediction_depths(answers, np.array([0, 2, 3, 5])).tolist() == [3, 2, 0, 3]
    scores, found = asked(case, "knn")
    deep = figure(scores.where(split="corrupted"), "output", "prediction_depth", "knn")
    shallow = figure(scores.where(split="uncorrupted"), "output", "prediction_depth", "knn")
    assert deep.value == found.depths.mean() > 2
    assert 0 <= shallow.value == found.uncorrupted_depths.mean() < 1.5
    assert deep.order == 4


def test_fewer_neighbours_vote_where_classes_are_small():
    generator = np.random.default_rng(0)
    labels = np.arange(60) % 6
    x = generator.normal(size=(6, 5))[labels] * 5 + 0.1 * generator.normal(size=(60, 5))
    said, k = neighbour_answers(x, labels, 6, get_engine())
    assert k == 10
    assert (said == labels).mean() > 0.9


def test_chance_is_what_others_of_the_class_are_told():
    true = np.array([0, 0, 0, 0, 1, 1])
    given = np.array([1, 1, 0, 0, 0, 0])
    said = np.array([1, 0, 1, 0, 1, 0])
    chance = _chance(said, given, true, 2)
    assert chance[:2].tolist() == [0.5, 0.5]  # of examples 2 and 3 one is told 1
    assert np.isnan(chance[4:]).all()  # all of class 1 were given 0
    # Label flips that are learned as a rule leave no trace of the single example.
    assert _chance(np.array([1, 1, 1, 1, 0, 0]), given, true, 2)[0] == 1


def test_the_same_seed_gives_the_same_table(case):
    tables = [asked(case, "ridge", seed=seed)[0].to_csv() for seed in (0, 0, 1)]
    assert tables[0] == tables[1] != tables[2]


def test_a_layer_with_nan_is_left_out(case):
    case[0]["layer2"][3, 0] = np.nan
    scores, found = asked(case, "knn")
    assert found.layers == ("input", "layer1", "layer3")
    assert not scores.where(layer="layer2").rows
    assert figure(scores, "layer3", "given", "knn").order == 3


def test_nothing_is_said_without_corrupted_examples_or_without_classes(case):
    features, rows, _, true = case
    options = {"model": "m", "kind": "ridge", "engine": get_engine()}
    scores, found = memorization(features, rows, true, true, CLASSES, **options)
    assert not len(scores)
    assert found is None
    assert memorization(features, rows, true, true + 1, (), **options)[1] is None


def test_rows_do_not_pass_for_figures_of_the_layers(case):
    scores, _ = asked(case, "ridge")
    assert scores.budgets == []
    assert not scores.leading().rows
    assert all(math.isfinite(row.low) for row in scores)


def test_progress_is_told_layer_by_layer(case):
    steps = []
    asked(case, "knn", progress=lambda *step: steps.append(step))
    assert steps == [("memorization", i, 4) for i in (1, 2, 3, 4)]


@pytest.mark.parametrize("kind", ["logistic", "ridge", "knn"])
def test_labels_of_one_class_are_not_asked_for(case, kind):
    features, rows, given, true = case
    same = np.zeros_like(given)
    for labels in ((same, true), (given, same)):
        scores, found = asked((features, rows, *labels), kind)
        assert not len(scores)
        assert found is None
