"""What the budget curve shows."""

from __future__ import annotations

import math

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from score_builders import RESNET20, build, deep, over_budgets, together

from repprobe.errors import DataError
from repprobe.probes.scores import Scores
from repprobe.report import BudgetCurve, LayerHeatmap, style

NAN = float("nan")
ONE = over_budgets(build(), 100, 1000, 5000)
SEVERAL = together(
    over_budgets(build(model="clean"), 100, 5000),
    over_budgets(build({**RESNET20, "output": NAN}, model="noisy"), 100),
)


def solid(axes):
    return [line for line in axes.lines if line.get_linestyle() == "-"]


def dashed(axes):
    return [line for line in axes.lines if line.get_linestyle() != "-"]


def named(axes):
    return [text.get_text().replace(style.NBSP, " ") for text in axes.get_legend().get_texts()]


def test_every_layer_is_a_line_over_the_budgets_on_a_logarithmic_axis():
    axes = BudgetCurve.from_scores(ONE).draw()
    assert axes.get_xscale() == "log"
    assert len(solid(axes)) == len(RESNET20) - 1
    for line, value in zip(solid(axes), RESNET20.values(), strict=False):
        shares = np.sqrt(np.arange(1, 4) / 3)
        assert line.get_xdata().tolist() == [100, 1000, 5000]
        assert line.get_ydata() == pytest.approx(100 * value * shares, abs=0.01)
    assert [t.get_text() for t in axes.get_xticklabels()] == ["5,000", "1,000", "100"]


def test_layers_are_coloured_by_depth_and_the_input_is_grey():
    colors = [to_hex(line.get_color()) for line in solid(BudgetCurve.from_scores(ONE).draw())]
    assert colors == [style.SOFT, *style.depth_colors(len(RESNET20) - 2)]
    assert len(set(colors)) == len(colors)


def test_every_line_has_the_band_of_its_intervals():
    curve = BudgetCurve.from_scores(ONE)
    # One band per line; the band of the network's own answer is a rectangle.
    bands = list(curve.draw().collections)
    assert len(bands) == len(curve.layers)
    for line, band in enumerate(bands):
        heights = band.get_paths()[0].vertices[:, 1]
        assert heights.min() == pytest.approx(100 * curve.low[line].min())
        assert heights.max() == pytest.approx(100 * curve.high[line].max())


def test_the_networks_own_answer_is_a_dashed_line_with_its_interval():
    axes = BudgetCurve.from_scores(ONE).draw()
    (own,) = dashed(axes)
    assert list(own.get_ydata()) == pytest.approx([81, 81])
    (band,) = axes.patches
    assert band.get_y() < 81 < band.get_y() + band.get_height()
    assert named(axes)[-1] == "output"


def test_the_best_layer_of_the_largest_budget_stands_out():
    curve = BudgetCurve.from_scores(ONE)
    assert curve.layers[curve.best] == "layer3.2"
    axes = curve.draw()
    widest = max(solid(axes), key=lambda line: line.get_linewidth())
    assert widest.get_ydata()[-1] == pytest.approx(83.6)
    bold = [t.get_text() for t in axes.get_legend().get_texts() if t.get_fontweight() == "bold"]
    assert bold == ["layer3.2"]


def test_the_legend_names_every_layer_of_few_and_the_best_of_many():
    assert named(BudgetCurve.from_scores(ONE).draw()) == list(RESNET20)
    curve = BudgetCurve.from_scores(over_budgets(build(deep(150), []), 10, 20))
    names = named(curve.draw())
    assert curve.layers[curve.best] in names
    assert len(names) < 30


def test_a_lost_layer_has_no_line_to_be_seen():
    curve = BudgetCurve.from_scores(over_budgets(build({**RESNET20, "layer2.1": NAN}), 10, 20))
    lost = curve.layers.index("layer2.1")
    assert np.isnan(curve.values[lost]).all()
    assert np.isfinite(curve.values[lost + 1]).all()
    curve.draw()


def test_several_models_are_compared_at_their_best_layers():
    curve = BudgetCurve.from_scores(SEVERAL)
    assert (curve.models, curve.layers) == (["clean", "noisy"], ["layer3.2", "layer3.2"])
    assert np.isfinite(curve.values).tolist() == [[True, True], [True, False]]
    axes = curve.draw()
    assert len(solid(axes)) == 2
    assert len(dashed(axes)) == 1
    assert named(axes) == [
        "clean: at layer3.2, output 81.0 %",
        "noisy: at layer3.2",
        "output: the network's own answer, no probe",
    ]


def test_one_budget_makes_no_curve():
    with pytest.raises(DataError, match="at least two"):
        BudgetCurve.from_scores(build())


def test_regression_is_drawn_by_r2():
    scores = over_budgets(build({"input": -90.0, "a": 0.5, "output": 0.4}, [], metric="r2"), 9, 99)
    curve = BudgetCurve.from_scores(scores)
    assert curve.limits()[0] > -1
    assert curve.draw().get_ylabel() == "Test R²"


def test_the_other_pictures_show_the_largest_budget():
    small, large = LayerHeatmap.from_scores(build()), LayerHeatmap.from_scores(ONE)
    assert np.array_equal(small.values, large.values)


@pytest.mark.parametrize("scores", [ONE, SEVERAL])
def test_the_curve_can_be_drawn_into_given_axes(scores, recwarn):
    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    assert BudgetCurve.from_scores(scores).draw(right, title="two") is right
    figure.draw_without_rendering()
    assert [str(w.message) for w in recwarn] == []
    assert right.get_title(loc="left") == "two"
    assert right.get_position().width > 0.2
    assert not left.lines


def test_the_table_survives_the_way_through_csv():
    rounded = Scores.from_csv(ONE.to_csv())
    there, back = BudgetCurve.from_scores(rounded), BudgetCurve.from_scores(ONE)
    assert np.allclose(there.values, back.values, atol=1e-5)
    assert math.isclose(there.own[0, 0], 0.81)
