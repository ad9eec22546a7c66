"""What the picture of similarity shows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from score_builders import RESNET20, alike, build, together

from repprobe.errors import DataError
from repprobe.probes.scores import Scores
from repprobe.report import SimilarityProfile, style


def curve(axes, color):
    return next(
        line.get_xydata()
        for line in axes.lines
        if line.get_color() == color and line.get_linestyle() == "-"
    )


def legend(axes):
    return [text.get_text() for text in axes.get_legend().get_texts()]


def test_cka_and_rank_run_along_the_depth():
    scores = alike()
    axes = SimilarityProfile.from_scores(scores).draw()
    first, second = axes.figure.axes
    assert first.get_xlabel() == "CKA to the reference"
    assert second.get_xlabel() == "Effective rank"
    for ax, metric in ((first, "cka"), (second, "effective_rank")):
        wanted = [r.value for r in scores.where(metric=metric) if r.layer != "input"]
        assert curve(ax, style.color(0))[:, 0] == pytest.approx(wanted)
    assert axes.get_legend() is None
    assert axes.figure.texts[0].get_text() == "noisy"


def test_layers_are_those_that_were_compared():
    profile = SimilarityProfile.from_scores(together(build(model="noisy"), alike()))
    assert profile.layers == [name for name in RESNET20 if name != "output"]


def test_references_come_last_and_the_legend_says_what_theirs_is():
    twin = Scores(r for r in alike(model="twin") if r.metric == "effective_rank")
    scores = together(alike(model="random", likeness=0.1), twin, alike(model="noisy"))
    profile = SimilarityProfile.from_scores(scores, references=["random", "twin"])
    axes = profile.draw()
    assert legend(axes) == ["noisy", "random (across seeds)", "twin"]
    assert axes.get_xlabel() == "CKA to the reference"
    assert axes.figure.texts[0].get_text() == "noisy"


def test_where_only_references_are_alike_the_axis_says_so():
    ranks = Scores(r for r in alike() if r.metric == "effective_rank")
    scores = together(ranks, alike(model="random", likeness=0.1))
    axes = SimilarityProfile.from_scores(scores, references=["random"]).draw()
    assert axes.get_xlabel() == "CKA across seeds"


def test_without_a_reference_there_is_the_rank_alone():
    ranks = Scores(r for r in alike() if r.metric == "effective_rank")
    axes = SimilarityProfile.from_scores(ranks).draw()
    assert [ax.get_xlabel() for ax in axes.figure.axes] == ["Effective rank"]


def test_snapshots_are_coloured_by_epoch_and_the_legend_names_both_ends():
    epochs = {f"e{e}": e for e in range(20, 0, -1)}
    scores = together(*(alike(model=m, likeness=e / 20) for m, e in epochs.items()))
    axes = SimilarityProfile.from_scores(scores, epochs=epochs).draw()
    names = legend(axes)
    assert (names[0], names[-1]) == ("epoch 1", "epoch 20")
    assert len(names) < 10
    assert curve(axes, style.depth_colors(20)[0])[0, 0] == pytest.approx(0.97 / 20, abs=0.01)


def test_a_wide_range_of_ranks_is_logarithmic():
    flat = Scores(replace(r, value=8.0) for r in alike() if r.metric == "effective_rank")
    assert SimilarityProfile.from_scores(flat).draw().get_xscale() == "linear"
    steep = SimilarityProfile.from_scores(alike()).draw().figure.axes[1]
    assert steep.get_xscale() == "log"
    assert 2 <= len(steep.get_xticks()) <= 5


def test_a_lost_layer_breaks_the_line_and_a_missing_one_does_not():
    rows = [
        replace(r, value=np.nan, low=np.nan, high=np.nan) if r.layer == "layer2.0" else r
        for r in alike()
    ]
    axes = SimilarityProfile.from_scores(Scores(rows)).draw()
    assert np.isnan(curve(axes, style.color(0))[:, 0]).sum() == 1
    short = Scores(r for r in alike(model="short") if r.layer != "layer2.0")
    axes = SimilarityProfile.from_scores(together(alike(model="long"), short)).draw()
    assert np.isfinite(curve(axes, style.color(1))).all()


def test_figures_that_are_all_lost_are_drawn_all_the_same():
    rows = [replace(r, value=np.nan, low=np.nan, high=np.nan) for r in alike()]
    axes = SimilarityProfile.from_scores(Scores(rows)).draw()
    assert [ax.get_xlabel() for ax in axes.figure.axes] == ["Effective rank"]


def test_without_such_rows_there_is_nothing_to_draw():
    with pytest.raises(DataError, match="no similarity to draw"):
        SimilarityProfile.from_scores(build())
