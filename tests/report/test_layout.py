"""No text touches another, and nothing leaves the page, whatever the number of names."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from matplotlib.text import Text
from score_builders import (
    CIFAR10,
    RESNET20,
    alike,
    build,
    damaged,
    deep,
    intervened,
    memorized,
    over_budgets,
    together,
)

from repprobe.report import (
    BudgetCurve,
    DamageHeatmap,
    DamageProfile,
    DepthProfile,
    LayerHeatmap,
    MemorizationProfile,
    SimilarityProfile,
    style,
)
from repprobe.report.layout import Ruler, Stack

VERDICT = (
    "The representation is best at layer3.2 (83.6 %), 2.6 points above the network's own answer "
    "(81.0 %): a new head would win them back."
)
LONG = "a class name of sixty characters, as ImageNet has them, no. {:2d}"
CASES = {
    "one layer": build(deep(1), ["a", "b"]),
    "ten layers": build(RESNET20, CIFAR10, model="x" * 90),
    "60 layers": build(deep(60, long=True), [str(i) for i in range(4)]),
    "150 layers": build(deep(150, long=True), ["cat", "dog"]),
    "100 classes": build(RESNET20, [LONG.format(i) for i in range(100)]),
    "lost layers": build({**RESNET20, "layer2.0": float("nan"), "input": float("nan")}),
    "one model, no classes": build({"fc": 0.5}, []),
    "two models": together(
        build({**RESNET20, "bn1": float("nan")}, model="clean"),
        build(deep(9, long=True), model="r = 0.4"),
    ),
    "twelve models": together(
        *(
            build(deep(12, long=True), [], model=f"runs/resnet20-uniform-{i}/m.pt")
            for i in range(12)
        )
    ),
    "regression": build({**RESNET20, "input": -31234.5, "bn1": -0.3}, [], metric="r2"),
}


@pytest.fixture
def written(monkeypatch):
    """Record every piece of text that is drawn, with its extents in pixels."""
    boxes: dict[Text, tuple[str, np.ndarray]] = {}
    draw = Text.draw

    def spy(self, renderer, *args, **kwargs):
        if self.get_visible() and self.get_text().strip():
            # Of an annotation, the text alone.
            boxes[self] = (self.get_text(), Text.get_window_extent(self, renderer).extents)
        return draw(self, renderer, *args, **kwargs)

    monkeypatch.setattr(Text, "draw", spy)
    return boxes


def assert_apart(written, figure):
    """No text touches another, and none leaves the page."""
    boxes = np.array([box for _, box in written.values()])
    assert (boxes[:, :2] >= 0).all()
    assert (boxes[:, 2:] <= np.array(figure.bbox.size)).all()

    left, bottom, right, top = boxes.T
    across = np.minimum(right[:, None], right) - np.maximum(left[:, None], left)
    along = np.minimum(top[:, None], top) - np.maximum(bottom[:, None], bottom)
    touching = np.argwhere(np.triu((across > 0) & (along > 0), k=1))
    texts = [text for text, _ in written.values()]
    assert [(texts[i], texts[j]) for i, j in touching] == []


@pytest.mark.parametrize("kind", [LayerHeatmap, DepthProfile])
@pytest.mark.parametrize("case", CASES)
def test_names_stand_in_full_and_no_text_touches_another_or_leaves_the_page(case, kind, written):
    display = kind.from_scores(CASES[case])
    figure = display.draw(note=VERDICT).figure
    with style.look():
        figure.canvas.draw()
    texts = [text for text, _ in written.values()]
    assert set(display.layers) <= set(texts)
    if kind is LayerHeatmap:
        assert set(display.columns) <= set(texts)
    assert_apart(written, figure)


@pytest.mark.parametrize("budgets", [(1, 2), (100, 1000, 5000, 1_281_167), (4000, 4999, 5000)])
@pytest.mark.parametrize("case", CASES)
def test_no_text_of_the_budget_curve_touches_another_or_leaves_the_page(case, budgets, written):
    figure = BudgetCurve.from_scores(over_budgets(CASES[case], *budgets)).draw(note=VERDICT).figure
    with style.look():
        figure.canvas.draw()
    assert f"{budgets[-1]:,}" in [text for text, _ in written.values()]
    assert_apart(written, figure)


THREE = {"input": 0.2, "fc1": 0.5, "fc2": 0.6, "output": 0.55}
DEPTHS = {"3 layers": THREE, "40 layers": deep(40, long=True)}
MODELS = [f"runs/resnet20-uniform-{i}/model.pt" for i in range(12)]
EPOCHS = {model: 5 * place for place, model in enumerate(MODELS)}


def several(kind, layers):
    return together(*(kind(layers, model=model) for model in MODELS))


def twelve_damaged(layers):
    rows = [
        damaged(layers, model=m, with_reference=False, begins=1 + i) for i, m in enumerate(MODELS)
    ]
    return together(*rows)


def with_references(layers):
    models = (build(layers, model="noisy"), build(layers, [], model="clean twin"))
    return intervened(together(*models, build(layers, [], model="random")), "noisy")


DRAWN = {
    "damage of one": lambda la: DamageProfile.from_scores(
        damaged(la, 2), references=("clean twin",), onset=list(la)[2]
    ),
    "damage of twelve": lambda la: DamageHeatmap.from_scores(
        twelve_damaged(la), onsets={MODELS[1]: list(la)[2]}
    ),
    "damage by epoch": lambda la: DamageHeatmap.from_scores(twelve_damaged(la), epochs=EPOCHS),
    "layers by epoch": lambda la: LayerHeatmap.from_scores(twelve_damaged(la), epochs=EPOCHS),
    "references": lambda la: LayerHeatmap.from_scores(
        with_references(la), references=["clean twin", "random"]
    ),
    "memorization of one": lambda la: MemorizationProfile.from_scores(memorized(la)),
    "memorization of twelve": lambda la: MemorizationProfile.from_scores(several(memorized, la)),
    "similarity of one": lambda la: SimilarityProfile.from_scores(alike(la)),
    "similarity of twelve": lambda la: SimilarityProfile.from_scores(several(alike, la)),
    "similarity by epoch": lambda la: SimilarityProfile.from_scores(
        several(alike, la), epochs=EPOCHS
    ),
}


@pytest.mark.parametrize("depth", DEPTHS)
@pytest.mark.parametrize("case", DRAWN)
def test_no_text_of_a_diagnosis_touches_another_or_leaves_the_page(case, depth, written):
    display = DRAWN[case](DEPTHS[depth])
    figure = display.draw(note=VERDICT).figure
    with style.look():
        figure.canvas.draw()
    assert set(display.layers) <= {text for text, _ in written.values()}
    assert_apart(written, figure)


def test_the_legend_and_the_remarks_stand_outside_of_the_data(written):
    axes = DepthProfile.from_scores(CASES["two models"]).draw()
    with style.look():
        axes.figure.canvas.draw()
    data = axes.get_window_extent()
    assert axes.get_legend().get_window_extent().y0 >= data.y1
    remarks = [box for text, box in written.values() if text.startswith("NaN")]
    assert remarks
    assert all(box[0] >= data.x1 for box in remarks)


def test_numbers_stand_within_their_cells(written):
    heatmap = LayerHeatmap.from_scores(build())
    axes = heatmap.draw()
    with style.look():
        axes.figure.canvas.draw()
    numbers = [text for text in axes.texts if text in written]
    assert len(numbers) == heatmap.values.size
    for text in numbers:
        box = Text.get_window_extent(text)
        (x0, y1), (x1, y0) = axes.transData.inverted().transform(box.get_points())
        column = int(np.argmin(np.abs(axes.get_xticks() - (x0 + x1) / 2)))
        half_width = 0.25 / 2 if column else 0.5 / 2
        assert abs(x0 - axes.get_xticks()[column]) < half_width
        assert y1 - y0 < style.Rows.of(len(heatmap.layers)).pitch


def test_input_and_output_are_set_apart():
    stack = Stack.of(["input", "a", "b", "output"])
    steps = [b - a for a, b in itertools.pairwise(stack.tops)]
    pitch, gap = stack.sizes.pitch, stack.sizes.gap
    assert gap > 0
    assert steps == pytest.approx([pitch + gap, pitch, pitch + gap])


def test_text_is_broken_between_words_and_inside_only_if_need_be():
    with style.look():
        ruler = Ruler()
        room = ruler.width("three words and", 8)
        assert ruler.wrap("three words and one", 8, room) == ["three words and", "one"]
        pieces = ruler.wrap("w" * 50, 8, room)
        assert len(pieces) > 1
        assert "".join(pieces) == "w" * 50
        assert all(ruler.width(piece, 8) <= room for piece in pieces)
        assert ruler.wrap(f"95{style.NBSP}%", 8, 0.3) != ["95", "%"]
        assert ruler.wrap("", 8, room) == []
