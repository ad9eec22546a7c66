"""The verdict reads sensibly for accuracies and for R², also below zero."""

import dataclasses
import json

import numpy as np
from score_tables import rows, share

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
    assert "as a new head it would gain 0.500 in R²" in d.verdict
    assert "Damage begins at b, 0.350 in R² (0.341 to 0.359) below the same layer of clean." in (
        d.verdict
    )
    assert "%" not in d.verdict
    assert "points" not in d.verdict


def test_an_r2_below_zero_is_explained():
    (d,) = diagnose(regression(noisy=(0.9, 0.6, -3.2)))
    assert "R² −3.200 (−3.220 to −3.180), worse than always answering the mean" in d.verdict
    assert "would gain 4.100 in R²" in d.verdict


def test_a_probe_that_is_worse_than_the_network_would_lose():
    scores = rows({("net", "a"): {0: share(0.6)}, ("net", "output"): {"": share(0.9)}})
    assert "as a new head it would lose 30.0 points (27.1 to 32.8)" in diagnose(scores)[0].verdict


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
