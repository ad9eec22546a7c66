"""The verdict reads sensibly for accuracies and for R², also below zero."""

import dataclasses
import json

import numpy as np
from score_tables import held, rows, share

from repprobe.diagnosis import diagnose


def regression(**figures):
    """Return a table of R²: outcomes with these means; two models differ by ±0.2 at half."""
    ripples = [np.tile(signs, 250) for signs in ([-0.1, 0.1, -0.1, 0.1], [-0.1, 0.1, 0.1, -0.1])]
    return rows(
        {
            (model, layer): {"" if layer == "output" else 0: mean + ripple}
            for ripple, (model, means) in zip(ripples, figures.items(), strict=False)
            for layer, mean in zip(("a", "b", "output"), means, strict=True)
        },
        metric="r2",
    )


def test_r2_has_no_percent_and_no_points():
    (d,) = diagnose(regression(clean=(0.9, 0.95, 0.9), noisy=(0.9, 0.6, 0.4)), references=["clean"])
    assert d.best.layer == "a"
    assert "the network's own output reaches R² 0.400 (0.380 to 0.420)" in d.verdict
    assert ", a gain of 0.500 in R² (0.500 to 0.500)." in d.verdict
    assert "Damage begins at b, 0.350 in R² (0.341 to 0.359) below the same layer of clean." in (
        d.verdict
    )
    assert "%" not in d.verdict
    assert "points" not in d.verdict


def test_an_r2_below_zero_is_explained():
    (d,) = diagnose(regression(noisy=(0.9, 0.6, -3.2)))
    assert "R² −3.200 (−3.220 to −3.180), worse than always answering the mean" in d.verdict
    assert ", a gain of 4.100 in R²" in d.verdict


def test_a_probe_that_is_worse_than_the_network_would_lose():
    scores = rows({("net", "a"): {0: share(0.6)}, ("net", "output"): {"": share(0.9)}})
    assert ", a loss of 30.0 points (27.1 to 32.8)" in diagnose(scores)[0].verdict


def test_the_two_sentences_of_a_network_that_lost_its_last_layers():
    table = {"input": 0.8, "a": 0.9, "b": 0.8, "output": 0.5}
    scores = rows({("net", la): {"" if la == "output" else 0: share(v)} for la, v in table.items()})
    for layer, right in (("a", 0.9), ("b", 0.6)):
        random = np.random.default_rng(0)
        scores.held_out["net", layer, 100, 0] = held(random.permutation(share(right, 100)))
    (d,) = diagnose(scores)
    assert d.verdict == (
        "net: the network's own output reaches 50.0 % (48.0 to 52.0); a ridge head on a, chosen "
        "inside 100 clean labels (again in 100 % of bootstrap samples), reaches 90.0 % (88.0 to "
        "92.0), a gain of 40.0 points (36.9 to 43.0). Damage begins at b, 10.0 points (8.1 to "
        "11.9) below a."
    )


def test_without_an_output_there_is_no_gain_and_no_intervals_are_made_up():
    scores = rows({("net", "input"): {0: share(0.7)}, ("net", "a"): {0: share(0.6)}})
    scores.outcomes.clear()
    (d,) = diagnose(scores)
    assert d.verdict == (
        "net: there is no output of the network to score; a ridge head on a, fitted on 100 clean "
        "labels, reaches 60.0 % (58.0 to 62.0), but no more than the raw input (−10.0 points)."
    )


@dataclasses.dataclass
class Found:
    sentence: str

    def to_dict(self):
        return {"sentence": self.sentence, "share": float("nan")}


def test_sentences_of_others_follow_and_their_fields_are_kept():
    scores = rows({("net", "a"): {0: share(0.6)}})
    (d,) = diagnose(scores)
    d = dataclasses.replace(d, memorization=Found("It memorizes."), causal=Found("It is b."))
    assert d.verdict.endswith("It memorizes. It is b.")
    fields = json.loads(json.dumps(d.to_dict(), allow_nan=False))
    assert fields["memorization"] == {"sentence": "It memorizes.", "share": None}
    assert fields["own"] is None
    assert fields["damages"][0]["layer"] == "a"
    assert fields["damages"][0]["damage"]["value"] is None
