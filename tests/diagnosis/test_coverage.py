"""A small run of the study that counts how often intervals cover the truth."""

import sys
from pathlib import Path

import pytest

ANALYSES = Path(__file__).parents[2] / "analyses"


@pytest.fixture(scope="module")
def study():
    sys.path.insert(0, str(ANALYSES))
    try:
        import intervals
    finally:
        sys.path.remove(str(ANALYSES))
    return intervals


def shares(study, kind, setting, repeats):
    """Return what → figure → share for a few repeats of one setting."""
    found = {}
    for row in study.summarize(study.cell(kind, setting, 0, repeats)):
        found.setdefault(row["what"], {})[row["figure"]] = row["value"]
    return found


def test_intervals_of_probes_and_their_differences_cover_the_truth(study):
    found = shares(study, "compare", "ridge, 60 labels, 4 layers, 5 draws, damage", 12)
    assert len(found) == 4
    for figures in found.values():
        assert figures["coverage"] >= 0.8


def test_the_gain_of_the_fix_covers_the_truth(study):
    found = shares(study, "repair", "ridge, 40 labels, 6 layers, a network nearly as good", 25)
    assert found["gain of the fix"]["coverage"] >= 0.8


def test_networks_without_damage_have_no_onset(study):
    found = shares(study, "compare", "ridge, 60 labels, 4 layers, 3 draws, no damage", 12)
    assert found["damage, several draws"]["false onsets, margin 0"] <= 0.25
    assert found["damage, several draws"]["false onsets, margin 0.01"] <= 0.25
