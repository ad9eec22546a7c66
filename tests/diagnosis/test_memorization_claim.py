"""The claim that the last layers memorize is tested, not echoed."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from repprobe.diagnosis.memorization import Memorization
from repprobe.probes.memorization import Memorized


def memorized(shares, n=400, chance=0.1, layers=None, seed=0):
    """A finding in which each layer says the given label for about such a share."""
    generator = np.random.default_rng(seed)
    given = generator.random((len(shares), n)) < np.array(shares)[:, None]
    names = layers or ("input", *(f"layer{i}" for i in range(1, len(shares))))
    return Memorized(
        model="net",
        probe="logistic",
        layers=names,
        given=given,
        true=~given,
        chance=np.full(given.shape, chance),
        depths=generator.integers(3, 6, n),
        uncorrupted_depths=generator.integers(0, 2, n),
    )


def test_last_layers_that_memorize_are_said_to():
    found = Memorization.of(memorized([0.1, 0.1, 0.12, 0.1, 0.15, 0.5, 0.8]))
    assert found.answer == "last layers"
    assert found.last == ("layer5", "layer6")
    assert found.rise == "layer5"
    assert found.rise_by == pytest.approx(0.35, abs=0.06)
    value, low, high = found.contrast
    assert low < 0.65 - 0.1175 < high
    assert low < value < high
    assert (found.onset, found.step) == ("layer5", found.contrast)
    for part in ("sets in at layer5, and the last layers are the ones", "400", "last 2 layers"):
        assert part in found.details
    assert "4.0 (4.0 to 4.1)" in found.details
    assert found.sentence.startswith(
        "Memorization sets in at layer5: the last 2 layers are the ones that memorize; beyond "
        f"chance they give corrupted examples the noisy label {100 * value:.1f} points "
        f"({100 * low:.1f} to {100 * high:.1f}) more often than earlier ones."
    )


def test_layers_that_memorize_alike_are_not_said_to_be_the_last():
    found = Memorization.of(memorized([0.1, 0.6, 0.6, 0.6, 0.6, 0.6, 0.6]))
    assert found.answer == "not the last layers"
    assert found.details.startswith(
        "Memorization sets in at layer1 (layer 1 of 6), and the last layers are not the ones that "
        "memorize: "
    )
    assert found.sentence.startswith(
        "Memorization sets in at layer1 (layer 1 of 6), so it is not in the last layers alone: "
        "beyond chance that layer gives corrupted examples the noisy label in "
        f"{100 * found.layers[1].excess[0]:.1f} %"
    )
    assert found.rise == "layer1"


def test_layers_that_memorize_as_much_as_the_last_are_not_earlier_ones():
    # A few layers of the end are asked: the first of them knows nothing yet.
    names = ("input", "stage3.bn1", "stage3.relu1", "stage3.conv2", "stage3.relu2", "linear")
    found = Memorization.of(memorized([0.1, 0.2, 0.6, 0.7, 0.985, 0.984], layers=names))
    assert found.contrast[1] > 0.01
    assert (found.onset, found.last) == ("stage3.relu1", ("stage3.relu2", "linear"))
    assert found.answer == "not the last layers"
    assert "stage3.relu1 (layer 2 of 5), so it is not in the last layers alone" in found.sentence
    assert "linear in 8" in found.sentence
    assert "the last layers are not alone: " in found.details


def test_the_step_is_between_the_layers_that_memorize_and_those_before():
    shares = [0.1, *[0.1] * 5, 0.12, 0.8, 0.9]  # of the last third, the first knows nothing yet
    found = Memorization.of(memorized(shares))
    assert (found.answer, found.onset) == ("last layers", "layer7")
    assert found.last == ("layer6", "layer7", "layer8")
    assert found.sentence.startswith("Memorization sets in at layer7: the last 2 layers are ")
    assert found.step[0] == pytest.approx(0.75, abs=0.05)
    assert found.contrast[0] < found.step[0] - 0.2


def test_a_network_that_memorizes_from_its_first_layer_on_has_no_step():
    found = Memorization.of(memorized([0.9, 0.9, 0.9, 0.9]))
    assert found.onset == "layer1"
    assert math.isnan(found.step[0])
    assert "layer1 (layer 1 of 3), so it is not in the last layers alone" in found.sentence


def test_earlier_layers_that_memorize_more_are_named():
    found = Memorization.of(memorized([0.1, 0.6, 0.6, 0.6, 0.6, 0.2, 0.2]))
    assert found.answer == "not the last layers"
    assert "those before do so more" in found.details
    assert found.sentence.startswith("Memorization sets in at layer1 (layer 1 of 6), so ")


def test_a_last_layer_that_stands_alone_is_named():
    found = Memorization.of(memorized([0.1, 0.1, 0.1, 0.8]))
    assert found.sentence.startswith(
        "Memorization sets in at layer3: the last layer is the one that memorizes; beyond chance "
    )


def test_nothing_beyond_chance_is_nothing_memorized():
    found = Memorization.of(memorized([0.1] * 7, n=2000))
    assert found.answer == "no layer"
    assert found.details.startswith("No layer is found to memorize: ")
    assert found.sentence.startswith("No layer is found to memorize: beyond chance the noisy label")


def test_a_flip_that_is_learned_as_a_rule_is_no_memory():
    # Nine in ten of the class are given the wrong label, and so are told it, corrupted or not.
    found = Memorization.of(memorized([0.1, 0.2, 0.3, 0.3, 0.9, 0.9], n=2000, chance=0.0))
    assert found.answer == "last layers"
    finding = memorized([0.1, 0.2, 0.3, 0.3, 0.9, 0.9], n=2000)
    rule = np.array([0.1, 0.2, 0.3, 0.3, 0.9, 0.9])[:, None] * np.ones((1, 2000))
    assert Memorization.of(replace(finding, chance=rule)).answer == "no layer"


@pytest.mark.parametrize("n", [1, 5, 15, 40])
def test_too_few_examples_allow_no_answer(n):
    found = Memorization.of(memorized([0.1, 0.3, 0.4, 0.3, 0.4, 0.4, 0.35], n=n))
    assert found.answer == "unknown"
    assert found.sentence == (
        f"{n} corrupted training examples are too few to say which layers memorize."
    )


def test_one_layer_alone_does_not_tell_where():
    found = Memorization.of(memorized([0.1, 0.9]))
    assert found.answer == "unknown"
    assert "one layer alone" in found.sentence


def test_examples_without_a_chance_are_left_out_of_the_test():
    finding = memorized([0.1, 0.1, 0.1, 0.8])
    finding.chance[1, :100] = np.nan
    found = Memorization.of(finding)
    assert found.answer == "last layers"
    assert found.layers[0].given[0] == finding.given[0].mean()
    finding.chance[:] = np.nan
    assert Memorization.of(finding).answer == "unknown"


def test_false_alarms_are_rare():
    answers = [
        Memorization.of(memorized([0.2] * 9, n=300, chance=0.2, seed=s)).answer for s in range(200)
    ]
    assert answers.count("last layers") <= 5
    assert answers.count("not the last layers") <= 10


def test_a_network_that_learned_noisy_digits_memorizes_them_in_its_last_stage():
    # 0.02 of the corrupted digits are told their given label in the first stage, 0.9 in the last,
    # which has the last four of the eight layers.
    from repprobe.capture import capture
    from repprobe.checkpoints import load_model
    from repprobe.data import load_data
    from repprobe.probes.engines import get_engine
    from repprobe.probes.memorization import memorization

    examples = Path(__file__).resolve().parents[2] / "examples"
    model, data = load_model(examples / "noisy-digits.pt"), load_data("digits")
    order = np.argsort(model.origin.rows)
    rows, given = model.origin.rows[order], model.origin.noisy_labels[order]
    with capture(model, data, train_rows=rows) as features:
        scores, found = memorization(
            features,
            np.arange(len(rows)),
            given,
            data.train.labels[rows],
            data.classes,
            model="net",
            kind="ridge",
            engine=get_engine(),
        )
    claim = Memorization.of(found)
    assert claim.answer == "not the last layers"
    assert claim.rise == claim.onset == "stage3.relu1"
    assert "stage3.relu1 (layer 5 of 8), so it is not in the last layers alone" in claim.sentence
    assert claim.contrast[1] > 0.5
    shares = {r.layer: r.value for r in scores.where(metric="given", probe="ridge")}
    assert shares["stage1.relu2"] < 0.1 < 0.8 < shares["linear"]
    assert claim.depth[1] > claim.uncorrupted_depth[2]


def test_plain_values_are_for_json():
    plain = Memorization.of(memorized([0.1, 0.9], n=1)).to_dict()
    back = json.loads(json.dumps(plain, allow_nan=False))
    assert back["contrast"] == [None, None, None]
    assert back["answer"] == "unknown"
    assert [layer["layer"] for layer in back["layers"]] == ["input", "layer1"]
    assert math.isfinite(back["layers"][1]["given"][0])
