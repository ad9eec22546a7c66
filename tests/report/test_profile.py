"""What the depth profile shows."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from score_builders import RESNET20, build, deep, together

from repprobe.probes.scores import Scores
from repprobe.report import DepthProfile, style

NAN = float("nan")


def remarks(axes):
    return [text.get_text().replace(style.NBSP, " ") for text in axes.texts]


def curve(axes, model=0):
    """Return the line through the layers of a model, `(n, 2)`."""
    return next(
        line.get_xydata()
        for line in axes.lines
        if line.get_linestyle() == "-" and line.get_color() == style.color(model)
    )


def spans(axes):
    """Return the horizontal bars that are drawn, as (left, right)."""
    return [
        (round(segment[0][0], 4), round(segment[1][0], 4))
        for lines in axes.collections
        for segment in lines.get_segments()
        if segment[0][1] == segment[1][1] and to_hex(lines.get_color()[0]) != style.RULE
    ]


def test_layers_run_from_top_to_bottom_and_input_and_output_stand_apart():
    axes = DepthProfile.from_scores(build()).draw()
    bottom, top = axes.get_ylim()
    assert top < bottom
    assert len(curve(axes)) == len(RESNET20) - 2
    assert curve(axes)[:, 0] == pytest.approx([100 * v for v in list(RESNET20.values())[1:-1]])


def test_every_figure_has_its_interval():
    axes = DepthProfile.from_scores(build()).draw()
    rows = build().where(group="all")
    expected = [(100 * row.low, 100 * row.high) for row in rows]
    assert np.array(spans(axes)) == pytest.approx(np.array(expected), abs=1e-3)
    assert "95" in axes.get_xlabel()


def test_figures_without_interval_get_none_and_the_axis_speaks_of_none():
    rows = [
        type(row)(**{**{f: getattr(row, f) for f in row.__slots__}, "low": NAN, "high": NAN})
        for row in build().where(group="all")
    ]
    axes = DepthProfile.from_scores(Scores(rows)).draw()
    assert spans(axes) == []
    assert axes.get_xlabel() == "Test accuracy (%)\nlogistic probe"


def test_the_networks_own_accuracy_is_a_line_with_a_label():
    axes = DepthProfile.from_scores(build()).draw()
    upright = [
        segment
        for lines in axes.collections
        for segment in lines.get_segments()
        if segment[0][0] == segment[1][0]
    ]
    assert [segment[0][0] for segment in upright] == pytest.approx([81.0])
    assert "81.0 % network's answer" in remarks(axes)


def test_the_best_layer_has_its_value():
    axes = DepthProfile.from_scores(build()).draw()
    assert "83.6 % best layer" in remarks(axes)


def test_the_line_breaks_at_a_lost_layer():
    axes = DepthProfile.from_scores(build({**RESNET20, "layer2.1": NAN})).draw()
    assert np.isnan(curve(axes)[:, 0]).sum() == 1
    assert "NaN" in remarks(axes)


def test_the_line_goes_on_past_a_layer_that_the_model_does_not_have():
    short = {"a": 0.2, "c": 0.4}
    whole = {"a": 0.2, "b": 0.3, "c": 0.4}
    axes = DepthProfile.from_scores(
        together(build(short, [], model="x"), build(whole, [], model="y"))
    ).draw()
    assert curve(axes)[:, 0] == pytest.approx([20, 40])


def test_models_differ_in_more_than_colour():
    assert len({(style.color(i), style.marker(i)) for i in range(12)}) == 12
    assert len({style.marker(i) for i in range(12)}) == 12
    scores = together(*(build(deep(3), [], model=f"m{i}") for i in range(12)))
    handles = DepthProfile.from_scores(scores).draw().get_legend().legend_handles
    assert [handle.get_marker() for handle in handles] == list(style.MARKERS)


def test_the_legend_names_model_best_layer_and_output():
    scores = together(build(model="r = 0"), build({"a": NAN, "output": NAN}, model="r = 0.8"))
    legend = DepthProfile.from_scores(scores).draw().get_legend()
    assert [text.get_text().replace(style.NBSP, " ") for text in legend.get_texts()] == [
        "r = 0: best 83.6 % at layer3.2, output 81.0 %",
        "r = 0.8: NaN in every layer",
        "output: the network's own answer, no probe",
    ]


def test_a_very_bad_r2_stands_at_the_edge_with_its_value():
    profile = DepthProfile.from_scores(build({"a": -500.0, "b": 0.5}, [], metric="r2"))
    assert profile.limits()[0] > -1
    axes = profile.draw()
    assert "R² −500" in remarks(axes)
    assert [line for line in axes.lines if line.get_marker() == "<" and len(line.get_xdata())]


def test_the_limits_hold_every_value_and_interval():
    profile = DepthProfile.from_scores(build(examples=50))
    low, high = profile.limits()
    assert low < np.nanmin(profile.low)
    assert high > np.nanmax(profile.high)


@pytest.mark.parametrize("layers", [{"a": 0.5}, {"a": 1.0, "b": 1.0}, {"a": NAN}])
def test_little_to_draw_is_drawn(layers):
    axes = DepthProfile.from_scores(build(layers, [])).draw()
    left, right = axes.get_xlim()
    assert left < right


def test_given_axes_keep_their_room_under_an_automatic_layout(recwarn):
    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    DepthProfile.from_scores(build()).draw(left)
    DepthProfile.from_scores(together(build(model="x"), build(model="y"))).draw(right)
    figure.draw_without_rendering()
    assert [str(w.message) for w in recwarn] == []
    assert left.get_position().width > 0.2
    assert right.get_position().width > 0.2


def test_the_profile_can_be_drawn_into_given_axes():
    figure = Figure()
    left, right = figure.subplots(1, 2)
    before = dict(mpl.rcParams)
    scores = together(build(model="x"), build(model="y"))
    assert DepthProfile.from_scores(scores).draw(right, title="two") is right
    assert right.get_title(loc="left") == "two"
    figure.draw_without_rendering()
    title = next(t for t in right.get_children() if getattr(t, "get_text", str)() == "two")
    assert title.get_window_extent().y0 > right.get_legend().get_window_extent().y1
    assert not left.lines
    assert dict(mpl.rcParams) == before
