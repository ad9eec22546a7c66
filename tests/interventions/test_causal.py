"""What interventions say, in words."""

import math

import numpy as np
import pytest

from repprobe.interventions import Causal, Effect, Intervention
from repprobe.probes.differences import Figure, paired


def done(*changes, alike=()):
    """Return effects on the blocks a, b, …: half a point of error to either side."""
    effects = [
        Effect(name, 0.5 + c, Figure(c, c - 0.005, c + 0.005), 0.01 if c > 0.005 else 0.9)
        for name, c in zip("abcdefgh", changes, strict=False)
    ]
    return Intervention(tuple(effects), alike)


def causal(rewound, retrained, metric="accuracy", examples=1000):
    return Causal("net", metric, 0.5, examples, 1000, "its initial weights", 50, rewound, retrained)


def test_what_costs_and_what_wins_back():
    found = causal(done(-0.3, -0.001, -0.1), done(0.02, 0.2, 0.1))
    assert found.details == (
        "Rewinding one block alone to its initial weights gains nothing beyond the error: that of "
        "a costs most (−30.0 points, −30.5 to −29.5), that of b least (−0.1 points, −0.6 to +0.4). "
        "Retrained alone on 50 clean labels, the block of b wins back most: +20.0 points, +19.5 to "
        "+20.5, more than any other."
    )


def test_rewinding_that_gains():
    said = causal(done(-0.3, 0.1), done(0.0, 0.0)).details
    assert "the block of b gains most: +10.0 points, +9.5 to +10.5, more than any other" in said
    assert "that of a costs most (−30.0 points" in said
    assert "costs" not in causal(done(0.1, 0.2), done(0.0)).details


def test_blocks_that_are_not_told_apart():
    said = causal(done(-0.3), done(0.1, 0.1, 0.1, 0.1, 0.1, alike=tuple("bcde"))).details
    assert "(b, c, d and 1 more are not told apart from it)" in said
    assert "(b is not told apart" in causal(done(-0.3), done(0.1, 0.1, alike=("b",))).details


def test_no_block_wins_back_anything():
    said = causal(done(-0.3, -0.2), done(0.001, -0.1)).details
    assert "No block retrained alone on 50 clean labels wins back anything" in said


@pytest.mark.parametrize(
    ("rewound", "retrained", "onset", "said"),
    [
        ((-0.1, -0.2), (0.0, 0.2), "b", "That agrees with the probes, which see damage begin at b"),
        ((-0.1, -0.2), (0.0, 0.2), "a", "what retraining mends most lies after it."),
        ((-0.1, -0.2), (0.2, 0.0), "b", "what retraining mends most lies before it."),
        ((0.1, -0.2), (0.0, 0.2), "b", "what rewinding mends most lies before it; they correlate"),
        ((0.1, -0.2), (0.0, 0.2), "a", "That agrees with the probes"),
        ((-0.1, -0.2), (0.0, 0.0), "a", "no single block holds the harm."),
        ((-0.1, -0.2), (0.0, 0.2), "pool", "where no block with parameters ends."),
        ((-0.1, -0.2), (0.0, 0.0), None, "That agrees with the probes, which see no damage begin."),
        ((-0.1, -0.2), (0.0, 0.2), None, "Probes see no damage begin."),
        ((0.1, -0.2), (0.0, 0.2), None, "they correlate, this decides."),
    ],
)
def test_beside_the_probes(rewound, retrained, onset, said):
    found = causal(done(*rewound), done(*retrained))
    assert "robes" not in found.details
    assert said in found.beside(onset).details


@pytest.mark.parametrize(
    ("rewound", "retrained", "onset", "said"),
    [
        ((-0.1, -0.2), (0.0, 0.2), "b", "Retrained alone, the block of b wins back most"),
        ((-0.1, -0.2), (0.0, 0.2), "b", "(+20.0 points, +19.5 to +20.5), where probes see damage"),
        ((-0.1, -0.2), (0.0, 0.2), "a", ", not that of a, where probes see damage begin."),
        ((0.1, -0.2), (0.0, 0.2), "a", "Rewound alone to its initial weights, the block of a"),
        ((0.1, -0.2), (0.0, 0.2), "b", ", not that of b, where probes see damage begin: they"),
        ((-0.1, -0.2), (0.0, 0.0), "a", "No block that is rewound or retrained alone wins back"),
        ((-0.1, -0.2), (0.0, 0.0), None, "error, as probes see no damage begin."),
        ((-0.1, -0.2), (0.0, 0.2), None, "though probes see no damage begin."),
        ((-0.1, -0.2), (0.0, 0.2), "pool", ", while probes see damage begin at pool."),
    ],
)
def test_one_sentence_for_the_verdict(rewound, retrained, onset, said):
    found = causal(done(*rewound), done(*retrained))
    assert "robes" not in found.sentence
    assert said in found.beside(onset).sentence
    assert found.beside(onset).sentence.count(". ") == 0


def test_one_of_many_blocks_that_gains_by_chance_decides_nothing():
    # Twenty blocks, of which one has an interval above 0: in one of two such networks one does.
    random = np.random.default_rng(0)
    outcomes = random.choice([-1.0, 0.0, 1.0], (20, 1000), p=[0.05, 0.9, 0.05])
    outcomes[7] = np.repeat([1.0, -1.0, 0.0], [60, 37, 903])
    names = [str(i) for i in range(20)]
    changes = [paired(row[None]) for row in outcomes]
    many = Intervention.of_changes(names, [0.5] * 20, changes)
    assert many.best.layer == "7"
    assert many.best.change.low > 0
    assert not many.gains
    alone = Intervention.of_changes(names[7:8], [0.5], changes[7:8])
    assert alone.gains


def test_onset_among_those_not_told_apart():
    found = causal(done(-0.1, -0.1), done(0.2, 0.19, alike=("b",)))
    assert "That agrees" in found.beside("b").details


def test_part_of_the_test_examples_and_other_units():
    found = causal(done(-0.3, -0.1), done(0.25), metric="r2", examples=200)
    assert "(200 of 1,000 test examples)" in found.details
    assert "+0.250 in R², +0.245 to +0.255" in found.details


def test_nothing_that_is_a_number():
    nothing = Intervention((Effect("a", math.nan, Figure(math.nan, math.nan, math.nan)),))
    found = causal(nothing, nothing).beside("a")
    assert found.sentence == found.details == ""
    assert found.to_dict()["rewound"] == {
        "effects": [{"layer": "a", **dict.fromkeys(("value", "change", "low", "high", "p_value"))}],
        "best": None,
        "alike": [],
    }
