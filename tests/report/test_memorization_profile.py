"""What the picture of memorization shows."""

from __future__ import annotations

import pytest
from score_builders import RESNET20, build, memorized, together

from repprobe.errors import DataError
from repprobe.probes.scores import Scores
from repprobe.report import MemorizationProfile, style

ONE = together(build(), memorized())


def labels(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def lines(axes, color, dashed):
    return [
        line.get_xydata()
        for line in axes.lines
        if line.get_color() == color and line.is_dashed() == dashed and len(line.get_xdata()) > 1
    ]


def test_shares_of_probe_and_neighbours_run_along_the_depth():
    axes = MemorizationProfile.from_scores(ONE).draw()
    for metric, place in (("given", 1), ("true", 0)):
        for probe in ("logistic", "knn"):
            wanted = [
                100 * r.value
                for r in ONE.where(split="corrupted", metric=metric, probe=probe)
                if r.layer != "input"
            ]
            drawn = [xy[:, 0].tolist() for xy in lines(axes, style.color(place), probe == "knn")]
            assert pytest.approx(wanted) in drawn


def test_layers_are_those_that_were_asked():
    profile = MemorizationProfile.from_scores(ONE)
    assert profile.layers == [name for name in RESNET20 if name != "output"]


def test_chance_is_that_of_the_diagnosis_or_is_not_drawn():
    chances = {la: 0.1 - 0.005 * place for place, la in enumerate(RESNET20) if la != "output"}
    (model,) = ONE.models
    profile = MemorizationProfile.from_scores(ONE, chances={model: chances})
    axes = profile.draw()
    (dotted,) = [line for line in axes.lines if line.get_color() == style.SOFT]
    drawn = [100 * value for la, value in chances.items() if la != "input"]
    assert dotted.get_xdata().tolist() == pytest.approx(drawn)
    assert "given by chance, by the probe" in labels(axes)
    assert not any("chance" in key for key in labels(MemorizationProfile.from_scores(ONE).draw()))


def test_prediction_depths_are_marked_between_the_layers():
    profile = MemorizationProfile.from_scores(ONE)
    axes = profile.draw()
    marks = [float(line.get_ydata()[0]) for line in axes.lines if line.get_marker() == "<"]
    rows = axes.get_yticks()
    corrupted, uncorrupted = 0.8 * 13, 0.45 * 13
    assert rows[int(corrupted)] < marks[0] < rows[int(corrupted) + 1]
    assert rows[int(uncorrupted)] < marks[1] < rows[int(uncorrupted) + 1]


def test_a_single_model_has_its_selectivity_beside():
    axes = MemorizationProfile.from_scores(ONE).draw()
    one, two = axes.figure.axes
    assert two.get_xlabel().startswith("Selectivity")
    assert len(one.get_yticks()) == len(two.get_yticks())


def test_several_models_have_a_panel_each_in_the_order_of_epochs():
    scores = together(*(memorized(model=f"m{i}") for i in range(6)))
    figure = MemorizationProfile.from_scores(scores).draw().figure
    assert [ax.get_title(loc="left") for ax in figure.axes] == [f"m{i}" for i in range(6)]
    figure = (
        MemorizationProfile.from_scores(scores, epochs={f"m{i}": 10 - i for i in range(6)})
        .draw()
        .figure
    )
    assert figure.axes[0].get_title(loc="left") == "epoch 5"


def test_without_such_rows_there_is_nothing_to_draw():
    with pytest.raises(DataError, match="no memorization to draw"):
        MemorizationProfile.from_scores(build())


def test_neighbours_alone_are_drawn():
    rows = Scores(r for r in memorized() if r.probe == "knn")
    axes = MemorizationProfile.from_scores(rows).draw()
    assert len(axes.figure.axes) == 1
    assert not any("probe" in text for text in labels(axes))
