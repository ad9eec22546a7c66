"""What the pictures of damage show."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from score_builders import RESNET20, build, damaged, together

from repprobe.errors import DataError
from repprobe.probes.scores import Scores
from repprobe.report import DamageHeatmap, DamageProfile, style

NAMES = list(RESNET20)
TWO = together(damaged(begins=8, model="a"), damaged(begins=6, model="b", with_reference=False))


def texts(axes):
    return [text.get_text().replace(style.NBSP, " ") for text in axes.texts]


def dots(axes):
    return [tuple(line.get_xydata()[0]) for line in axes.lines if line.get_marker() == "o"]


def test_every_model_with_damage_has_a_column_and_its_reference_none():
    heatmap = DamageHeatmap.from_scores(TWO)
    assert heatmap.columns == ["a", "b"]
    assert heatmap.layers == NAMES[1:]
    rows = {(r.model, r.layer): r for r in TWO.where(metric="damage")}
    for column, model in enumerate("ab"):
        for row, layer in enumerate(heatmap.layers):
            found = rows[model, layer]
            assert heatmap.values[row, column] == found.value
            assert heatmap.low[row, column] == found.low
            assert heatmap.high[row, column] == found.high


@pytest.mark.parametrize(
    ("references", "told"),
    [
        (None, "Reference minus model"),
        ({"a": ("noisy epoch 5",), "b": ("noisy epoch 5",)}, "Reference (noisy epoch 5) minus"),
        ({"a": ("one", "two"), "b": ("one", "two")}, "Reference (mean of 2) minus model"),
        ({"a": ("b",), "b": ("a",)}, "Reference (each model's own) minus model"),
        ({"a": (), "b": ()}, "Reference (each model's best layer) minus model"),
    ],
)
def test_the_reference_is_named(references, told):
    axes = DamageHeatmap.from_scores(TWO, references=references).draw()
    found = " ".join(text.get_text() for text in axes.figure.texts)
    assert told in " ".join(found.split())


def test_one_scale_is_centred_at_nothing_lost():
    heatmap = DamageHeatmap.from_scores(TWO)
    assert heatmap.limit() == pytest.approx(0.4)
    mesh = heatmap.draw().collections[0]
    assert mesh.get_clim() == pytest.approx((-40, 40))
    red, green, blue, _ = mesh.to_rgba(np.array([20.0]))[0]
    assert red > max(green, blue)
    assert mesh.to_rgba(np.array([0.0]))[0].min() > 0.9


def test_a_model_that_is_better_does_not_look_worse():
    better = Scores(replace(r, value=-0.3, low=-0.32, high=-0.28) for r in TWO)
    mesh = DamageHeatmap.from_scores(Scores([*better.where(metric="damage")])).draw().collections[0]
    red, _, blue, _ = mesh.to_rgba(np.array([-30.0]))[0]
    assert blue > red


def test_dots_stand_where_the_interval_excludes_nothing():
    heatmap = DamageHeatmap.from_scores(TWO)
    sure = (heatmap.low > 0) | (heatmap.high < 0)
    assert 0 < sure.sum() < sure.size
    axes = heatmap.draw()
    assert len(dots(axes)) == sure.sum()
    assert any("excludes 0" in text.get_text() for text in axes.figure.texts)


def test_without_intervals_there_are_no_dots_and_no_word_of_them():
    bare = Scores(replace(r, low=float("nan"), high=float("nan")) for r in TWO)
    axes = DamageHeatmap.from_scores(bare).draw()
    assert dots(axes) == []
    assert not any("Dot" in text.get_text() for text in axes.figure.texts)


def test_where_damage_begins_is_framed_in_its_own_column():
    axes = DamageHeatmap.from_scores(TWO, onsets={"b": "layer2.0", "a": "gone"}).draw()
    (frame,) = [p for p in axes.patches if not p.get_fill()]
    row = axes.get_yticks()[NAMES.index("layer2.0") - 1]
    assert frame.get_y() < row < frame.get_y() + frame.get_height()
    assert frame.get_x() < axes.get_xticks()[1] < frame.get_x() + frame.get_width()


def test_layers_without_damage_are_blank():
    late = Scores(r for r in TWO if r.metric != "damage" or r.order > 5)
    axes = DamageHeatmap.from_scores(late).draw()
    assert len(axes.texts) == 2 * (len(NAMES) - 6)
    assert not [p for p in axes.patches if p.get_hatch()]


def test_snapshots_stand_in_the_order_of_epochs():
    epochs = {"late": 20, "early": 3}
    scores = together(*(damaged(model=m, with_reference=False) for m in epochs))
    heatmap = DamageHeatmap.from_scores(scores, epochs=epochs)
    assert (heatmap.columns, heatmap.by_epoch) == (["3", "20"], True)
    assert heatmap.draw().get_xlabel() == "epoch"
    assert DamageHeatmap.from_scores(scores, epochs={"late": 20}).columns == ["late", "early"]


def test_nothing_is_never_minus_nothing():
    rows = [replace(r, value=-0.0001) for r in TWO if r.metric == "damage"]
    assert set(texts(DamageHeatmap.from_scores(Scores(rows)).draw())) == {"0.0"}


def test_the_heatmap_can_be_drawn_into_given_axes():
    left, right = Figure(figsize=(8, 3)).subplots(1, 2)
    assert DamageHeatmap.from_scores(TWO).draw(right) is right
    assert not left.collections


@pytest.mark.parametrize("kind", [DamageHeatmap, DamageProfile])
def test_without_damage_there_is_nothing_to_draw(kind):
    with pytest.raises(DataError, match="no damage to draw"):
        kind.from_scores(build())


def test_a_profile_is_of_one_model():
    with pytest.raises(DataError, match="draw a heatmap"):
        DamageProfile.from_scores(TWO)


def curves(axes):
    return {
        name: next(
            line.get_xydata()
            for line in axes.lines
            if line.get_color() == style.color(place) and line.get_linestyle() == "-"
        )
        for place, name in enumerate(("own", "theirs"))
    }


def test_the_profile_shows_both_curves_and_the_damage_of_every_layer():
    scores = damaged()
    axes = DamageProfile.from_scores(scores, references=("clean twin",), onset="layer2.2").draw()
    drawn = curves(axes)
    own, theirs = (
        [100 * r.value for r in scores.where(model=m, metric="accuracy")][1:-1]
        for m in ("noisy", "clean twin")
    )
    assert drawn["own"][:, 0] == pytest.approx(own)
    assert drawn["theirs"][:, 0] == pytest.approx(theirs)
    shaded = [
        c
        for c in axes.collections
        if len(c.get_facecolor()) and to_hex(c.get_facecolor()[0]) == style.WORSE
    ]
    assert len(shaded) == 1
    assert len(axes.texts) == len(NAMES) - 1
    bold = [t for t in axes.texts if t.get_fontweight() == "bold"]
    assert [t.get_text() for t in bold] == [t for t in texts(axes) if t.endswith("begins")]
    assert [la.get_text() for la in axes.get_yticklabels() if la.get_fontweight() == "bold"] == [
        "layer2.2"
    ]


def test_the_mean_of_several_references_lies_as_much_above_as_damage_says():
    scores = damaged()
    profile = DamageProfile.from_scores(scores, references=("clean twin", "other"))
    assert profile.reference == "mean of 2 references"
    for layer, (value, low, _) in profile.theirs.items():
        assert value == pytest.approx(profile.own[layer][0] + profile.damage[layer][0])
        assert np.isnan(low)


def test_without_a_reference_the_best_layer_stands_for_it():
    late = list(damaged(with_reference=False).where(metric="accuracy"))
    values = {r.layer: r.value for r in late}
    best = max(NAMES[1:-1], key=lambda la: values[la])
    top = values[best]
    after = NAMES[NAMES.index(best) + 1 :]
    late += [
        replace(r, metric="damage", value=top - r.value, low=0.0, high=1.0)
        for r in late
        if r.layer in after
    ]
    profile = DamageProfile.from_scores(Scores(late))
    assert profile.reference == f"its best layer, {best}"
    assert list(profile.theirs) == after
    assert [v for v, _, _ in profile.theirs.values()] == pytest.approx([top] * len(after))


def test_a_lost_layer_breaks_the_line():
    scores = Scores(
        replace(r, value=float("nan"))
        if (r.model, r.layer, r.metric) == ("noisy", "layer2.0", "accuracy")
        else r
        for r in damaged()
        if (r.model, r.layer, r.metric) != ("noisy", "layer2.0", "damage")
    )
    axes = DamageProfile.from_scores(scores, references=("clean twin",)).draw()
    assert np.isnan(curves(axes)["own"][:, 0]).sum() == 1
