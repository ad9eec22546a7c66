"""What the layer heatmap shows."""

from __future__ import annotations

import math

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from score_builders import CIFAR10, RESNET20, build, deep, intervened, together

from repprobe.report import LayerHeatmap, style

NAN = float("nan")


def numbers(axes):
    return [text.get_text() for text in axes.texts]


def hatched(axes):
    return [p for p in axes.patches if isinstance(p, Rectangle) and p.get_hatch()]


def test_one_model_is_layer_by_class():
    heatmap = LayerHeatmap.from_scores(build())
    assert heatmap.layers == list(RESNET20)
    assert heatmap.columns == ["all", *CIFAR10]
    assert heatmap.values[:, 0].tolist() == list(RESNET20.values())
    axes = heatmap.draw()
    assert [label.get_text() for label in axes.get_xticklabels()] == heatmap.columns
    assert "83.6" in numbers(axes)
    assert axes.figure.texts[0].get_text() == "resnet20-cifar10"


def test_several_models_are_layer_by_model_of_the_overall_figure():
    scores = together(build(model="r = 0"), build({"bn1": 0.2, "output": 0.3}, model="r = 0.8"))
    heatmap = LayerHeatmap.from_scores(scores)
    assert heatmap.columns == ["r = 0", "r = 0.8"]
    assert heatmap.values[heatmap.layers.index("bn1")].tolist() == [0.39, 0.2]
    assert heatmap.absent[heatmap.layers.index("layer1.0")].tolist() == [False, True]


def test_regression_is_one_column_of_r2_per_model():
    heatmap = LayerHeatmap.from_scores(build(classes=["target"], metric="r2"))
    assert heatmap.columns == ["resnet20-cifar10"]
    axes = heatmap.draw()
    assert axes.figure.axes[1].get_ylabel() == "Test R²"
    assert "0.836" in numbers(axes)


def test_the_best_layer_is_framed_and_bold():
    axes = LayerHeatmap.from_scores(build()).draw()
    frames = [p for p in axes.patches if not p.get_fill()]
    assert len(frames) == 1
    at = list(RESNET20).index("layer3.2")
    assert frames[0].get_y() < axes.get_yticks()[at] < frames[0].get_y() + frames[0].get_height()
    bold = [la.get_text() for la in axes.get_yticklabels() if la.get_fontweight() == "bold"]
    assert bold == ["layer3.2"]
    assert [t.get_text() for t in axes.texts if t.get_fontweight() == "bold"] == ["83.6"]


def test_each_model_has_its_own_best_layer():
    falling = {"input": 0.1, "a": 0.8, "b": 0.4, "output": 0.3}
    rising = {"input": 0.1, "a": 0.4, "b": 0.8, "output": 0.3}
    scores = together(build(falling, [], model="x"), build(rising, [], model="y"))
    assert LayerHeatmap.from_scores(scores).best == {0: 1, 1: 2}


def test_a_lost_layer_is_hatched_and_labelled():
    axes = LayerHeatmap.from_scores(build({**RESNET20, "layer2.1": NAN})).draw()
    assert len(hatched(axes)) == 11
    assert numbers(axes).count("NaN") == 11


def test_a_layer_that_a_model_does_not_have_is_hatched_and_not_labelled():
    scores = together(build({"a": 0.4, "b": NAN}, [], model="x"), build({"a": 0.5}, [], model="y"))
    axes = LayerHeatmap.from_scores(scores).draw()
    assert len({patch.get_hatch() for patch in hatched(axes)}) == 2
    assert numbers(axes) == ["40.0", "NaN", "50.0"]


def test_a_model_that_failed_everywhere_is_drawn_all_the_same():
    heatmap = LayerHeatmap.from_scores(build({"a": NAN, "output": NAN}))
    assert heatmap.best == {}
    assert heatmap.limits() == (0, 1)
    assert numbers(heatmap.draw()) == ["NaN"] * 22


@pytest.mark.parametrize(
    ("layers", "classes", "expected"),
    [
        ({"a": 0.62, "b": 0.84}, CIFAR10[:2], (0.5, 0.9)),  # no class is below chance
        ({"a": 0.05, "b": 0.84}, [], (0.0, 0.9)),
        ({"a": 1.0}, [], (0.0, 1.0)),
    ],
)
def test_the_colour_scale_covers_the_data_and_begins_no_higher_than_chance(
    layers, classes, expected
):
    heatmap = LayerHeatmap.from_scores(build(layers, classes))
    assert heatmap.limits() == pytest.approx(expected, abs=0.051)
    low, high = heatmap.limits()
    assert low <= heatmap.chance
    assert low <= heatmap.values.min()
    assert heatmap.values.max() <= high


def test_the_colour_bar_states_both_ends():
    for scores in (build(), build(deep(2), ["a", "b"]), build({"a": 0.3, "b": 1.0}, [])):
        heatmap = LayerHeatmap.from_scores(scores)
        bar = heatmap.draw().figure.axes[1]
        ticks = bar.get_yticks()
        assert (ticks[0], ticks[-1]) == pytest.approx([100 * end for end in heatmap.limits()])
        assert bar.get_ylabel() == "Test accuracy (%)"


def test_a_very_bad_r2_leaves_the_scale_to_the_others_and_is_said():
    heatmap = LayerHeatmap.from_scores(build({"a": -500.0, "b": 0.5}, [], metric="r2"))
    assert heatmap.limits() == (0, 0.5)
    axes = heatmap.draw()
    assert "−500" in numbers(axes)
    assert axes.collections[0].colorbar.extend == "min"


def test_many_cells_go_without_numbers_but_the_overall_column_keeps_its_own():
    axes = LayerHeatmap.from_scores(build(classes=[f"c{i}" for i in range(100)])).draw()
    assert numbers(axes) == [f"{100 * v:.1f}" for v in RESNET20.values()]


def test_colours_keep_their_order_in_grey_print():
    colors = mpl.colormaps[style.COLORMAP](np.linspace(0, 1, 64))[:, :3]
    luminance = colors @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(luminance) > 0).all()


def test_numbers_can_be_read_on_every_colour():
    for shade in mpl.colormaps[style.COLORMAP](np.linspace(0, 1, 64)):
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in shade[:3]]
        luminance = float(np.dot(linear, [0.2126, 0.7152, 0.0722]))
        text = 1.0 if style.dark(shade) else 0.01
        high, low = max(text, luminance), min(text, luminance)
        assert (high + 0.05) / (low + 0.05) >= 3  # WCAG 2's bound for graphics


def test_the_heatmap_can_be_drawn_into_given_axes():
    figure = Figure(figsize=(8, 3))
    left, right = figure.subplots(1, 2)
    heatmap = LayerHeatmap.from_scores(build())
    assert heatmap.draw(right, title="here") is right
    assert right.get_title(loc="left") == "here"
    assert not left.collections
    assert numbers(right)


def test_numbers_that_do_not_fit_given_axes_are_left_out():
    axes = Figure(figsize=(1.5, 1.0)).subplots()
    assert numbers(LayerHeatmap.from_scores(build()).draw(axes)) == []


def test_the_users_settings_are_neither_changed_nor_followed():
    plain = LayerHeatmap.from_scores(build()).draw()
    with mpl.rc_context({"font.size": 30, "text.usetex": True, "axes.facecolor": "black"}):
        before = dict(mpl.rcParams)
        axes = LayerHeatmap.from_scores(build()).draw()
        assert dict(mpl.rcParams) == before
    assert axes.figure.get_size_inches().tolist() == plain.figure.get_size_inches().tolist()
    assert axes.get_facecolor() == plain.get_facecolor()


def test_names_are_no_formulas_and_any_script_is_taken(recwarn):
    axes = LayerHeatmap.from_scores(build(classes=["$a_1$", "猫"], model="m_1 $x$")).draw()
    with style.look():
        axes.figure.canvas.draw()
    assert not axes.get_xticklabels()[1].get_parse_math()
    assert [str(w.message) for w in recwarn] == []


def test_values_keep_nan_where_there_is_no_figure():
    heatmap = LayerHeatmap.from_scores(build({"a": 0.4, "b": NAN}, []))
    assert heatmap.values[0, 0] == 0.4
    assert math.isnan(heatmap.values[1, 0])
    assert not heatmap.absent.any()


def gaps(axes):
    """Return after which columns there is a gap."""
    edges = axes.collections[0].get_coordinates()[0, :, 0]
    centres = axes.get_xticks()
    widths = np.diff(edges)
    narrow = [e for e, w in zip(edges, widths, strict=False) if w < 0.1]
    return [int(np.searchsorted(centres, edge)) for edge in narrow]


def test_references_stand_apart_behind_the_classes():
    scores = together(build(model="noisy"), build({"bn1": 0.7}, [], model="twin"))
    heatmap = LayerHeatmap.from_scores(scores, references=["twin"])
    assert heatmap.columns == ["all", *CIFAR10, "twin"]
    assert heatmap.model == "noisy"
    assert heatmap.values[heatmap.layers.index("bn1"), [0, -1]].tolist() == [0.39, 0.7]
    assert heatmap.best[0] == heatmap.layers.index("layer3.2")
    assert heatmap.best[11] == heatmap.layers.index("bn1")
    axes = heatmap.draw()
    assert gaps(axes) == [1, 11]
    assert axes.get_xlabel() == "class"


def test_references_stand_apart_behind_the_models():
    names = ["random", "a", "b"]
    scores = together(*(build(deep(3), [], model=name) for name in names))
    heatmap = LayerHeatmap.from_scores(scores, references=["random"])
    assert heatmap.columns == ["a", "b", "random"]
    assert gaps(heatmap.draw()) == [2]
    assert LayerHeatmap.from_scores(scores, references=names).columns == names


def test_snapshots_stand_in_the_order_of_epochs():
    epochs = {"net epoch 10": 10, "net epoch 2": 2}
    scores = together(*(build(deep(3), [], model=name) for name in (*epochs, "twin")))
    heatmap = LayerHeatmap.from_scores(scores, references=["twin"], epochs=epochs)
    assert heatmap.columns == ["2", "10", "twin"]
    assert heatmap.draw().get_xlabel() == "epoch"
    assert LayerHeatmap.from_scores(scores, epochs=epochs).kinds == ["model"] * 3


def test_many_snapshots_have_numbers_of_two_digits():
    epochs = {f"e{e}": e for e in range(30)}
    scores = together(*(build({"a": 0.512}, [], model=name) for name in epochs))
    axes = LayerHeatmap.from_scores(scores, epochs=epochs).draw()
    assert set(numbers(axes)) == {"51"}
    assert axes.figure.get_size_inches()[0] < 10


def test_every_intervention_has_a_column_on_the_same_scale():
    scores = intervened(
        build({"input": 0.2, "a": 0.5, "output": 0.6}, ["x", "y"]), "resnet20-cifar10"
    )
    heatmap = LayerHeatmap.from_scores(scores)
    assert heatmap.columns == ["all", "x", "y", "rewound", "retrained"]
    rewound, retrained = heatmap.values[:, 3], heatmap.values[:, 4]
    assert rewound[1] == pytest.approx(0.3)
    assert retrained[1] == pytest.approx(0.525)
    assert np.isnan(rewound[[0, 2]]).all()
    axes = heatmap.draw()
    assert numbers(axes)[-2:] == ["30.0", "52.5"]
    assert not hatched(axes)
    assert 3 not in heatmap.best


def test_interventions_on_several_models_name_them():
    layers = {"a": 0.5, "output": 0.6}
    scores = together(*(intervened(build(layers, [], model=m), m) for m in "xy"))
    heatmap = LayerHeatmap.from_scores(scores)
    assert heatmap.columns == ["x", "y", "x rewound", "y rewound", "x retrained", "y retrained"]
