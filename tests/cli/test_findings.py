"""Columns beside the accuracy of layers."""

from dataclasses import replace

import pytest
from repprobe.cli.findings import WIDTH, finding_tables, points
from repprobe.cli.tables import layer_table, render

from repprobe.probes.scores import Score, Scores

LAYERS = ["layer1", "layer2", "output"]


def row(layer, metric="accuracy", value=0.5, **others):
    order = LAYERS.index(layer) + 1
    base = Score(
        *("net", layer, order, 64, "ridge", 0.1, 100, 0, "test", "all", metric, value),
        *(value - 0.02, value + 0.02),
    )
    return replace(base, **others)


@pytest.fixture
def scores():
    rows = [row(layer) for layer in LAYERS]
    rows += [row("layer2", "damage", 0.123), row("layer2", "over_input", -0.05)]
    rows += [row("layer1", "cka", 0.98765, probe="none", clean_labels=0, seed="")]
    rows += [
        row("layer2", metric, value, split="corrupted", probe=probe, clean_labels=0)
        for probe, shift in (("ridge", 0.0), ("knn", 0.1))
        for metric, value in (("given", 0.2 + shift), ("true", 0.6 + shift))
    ]
    return Scores(rows)


def test_differences_are_in_points_with_half_their_interval():
    assert points(row("layer1", "damage", 0.123), True) == "+12.3 ±2.0"
    assert points(row("layer1", "damage", -0.123), False) == "-0.123 ±0.020"
    assert points(row("layer1", "damage", 0.1, low=float("nan")), True) == "+10.0"


def test_what_was_compared_stands_beside_the_accuracy(scores):
    header, first, second, _ = layer_table(scores, "layer1", "layer2")
    assert header[3:5] == ["damage", "over input"]
    assert first[3:5] == ["", ""]
    assert second[3:5] == ["+12.3 ±2.0", "-5.0 ±2.0"]
    assert first[-1].endswith("◀")
    assert second[-1].endswith("onset")


def test_the_bar_gives_way_to_long_names(scores):
    long = "a" * 30
    named = Scores(replace(r, layer=long) if r.layer == "layer2" else r for r in scores)
    assert len(layer_table(scores, None)[1][-1]) == 8
    assert max(map(len, render(layer_table(named, None)).splitlines())) <= WIDTH
    assert len(layer_table(named, None)[1][-1]) < 8


def test_further_findings_share_a_table_and_columns_without_figures_are_left_out(scores):
    ((title, table),) = finding_tables(scores, "layer2", with_compared=False)
    assert table == [
        ["layer", "CKA", "given", "true", "kNN given", "kNN true", ""],
        ["layer1", "0.99", "", "", "", "", ""],
        ["layer2", "", "20.0 %", "60.0 %", "30.0 %", "70.0 %", "onset"],
    ]
    assert "CKA" in title
    assert "rank" not in title
    assert "rewound" not in title


def test_groups_that_do_not_fit_have_a_table_of_their_own(scores):
    long = "a" * 60
    named = Scores(replace(r, layer=long) if r.layer == "layer2" else r for r in scores)
    tables = [table for _, table in finding_tables(named, None, with_compared=True)]
    assert [table[0][1] for table in tables] == ["damage", "given"]
    assert all(max(map(len, render(table).splitlines())) <= WIDTH for table in tables)


def test_the_figure_over_all_draws_goes_before_those_of_each(scores):
    scores.rows += [row("layer2", "damage", 0.3, seed="all")]
    assert layer_table(scores, None)[2][3] == "+30.0 ±2.0"


def test_with_neighbours_as_the_probe_there_are_no_columns_of_a_linear_one(scores):
    kept = Scores(r for r in scores if not (r.split == "corrupted" and r.probe == "ridge"))
    ((_, table),) = finding_tables(kept, None, with_compared=False)
    assert table[0] == ["layer", "CKA", "kNN given", "kNN true", ""]
