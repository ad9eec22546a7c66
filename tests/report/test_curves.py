"""What the training curves show."""

from __future__ import annotations

import math

import numpy as np
import pytest
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from PIL import Image

from repprobe.errors import DataError, OutputError
from repprobe.report import TrainingCurves, save_curves, style
from repprobe.report.panel import spread

TEST = [0.4, 0.7, 0.65, 0.5]


def history(test=TEST, **columns):
    """Return records of a network that learns the truth first, and then the noise by heart."""
    columns = {
        "noisy_train": [0.2, 0.4, 0.5, 0.6],
        "clean_train": [0.45, 0.72, 0.66, 0.52],
        "memorized": [0.1, 0.2, 0.4, 0.6],
        "loss": [2.0, 1.5, 1.2, 1.0],
        "test": test,
        **columns,
    }
    return [
        {"epoch": place + 1, **{name: values[place] for name, values in columns.items()}}
        for place in range(len(test))
    ]


def lines(axes):
    return {to_hex(line.get_color()): line for line in axes.lines if len(line.get_xdata()) > 1}


def told(axes):
    return [text.get_text().replace(style.NBSP, " ") for text in axes.texts]


def test_every_figure_is_a_line_over_the_epochs_and_the_loss_has_a_panel_of_its_own():
    axes = TrainingCurves.from_history(history()).draw()
    assert len(lines(axes)) == 4
    test = lines(axes)[style.color(0)]
    assert test.get_xdata().tolist() == [1, 2, 3, 4]
    assert test.get_ydata() == pytest.approx([40, 70, 65, 50])
    below = axes.figure.axes[1]
    assert below.get_ylabel() == "Loss"
    assert below.lines[0].get_ydata() == pytest.approx([2.0, 1.5, 1.2, 1.0])
    assert below.get_xlim() == axes.get_xlim()


def test_the_lines_are_named_at_their_ends_and_the_best_epoch_is_called_that():
    assert told(TrainingCurves.from_history(history()).draw()) == [
        "60.0 % noisy-train",
        "52.0 % clean-train",
        "60.0 % of wrong labels memorized",
        "50.0 % test, best 70.0 % at epoch 2",
    ]


def test_a_ring_marks_the_best_test_epoch():
    curves = TrainingCurves.from_history(history())
    assert curves.panels[0].best == 1
    (ring,) = [line for line in curves.draw().lines if len(line.get_xdata()) == 1]
    assert (ring.get_xdata()[0], ring.get_ydata()[0]) == pytest.approx((2, 70))


def test_the_last_epoch_is_not_named_twice_where_it_is_the_best():
    axes = TrainingCurves.from_history(history(test=[0.4, 0.5, 0.6, 0.7])).draw()
    assert told(axes)[-1] == "70.0 % test"


def test_training_on_clean_labels_has_one_line_for_the_training_part():
    clean = [0.45, 0.72, 0.8, 0.9]
    same = history(noisy_train=clean, clean_train=clean, memorized=[None] * 4)
    assert list(TrainingCurves.from_history(same).panels[0].figures) == ["clean_train", "test"]
    near = history(noisy_train=[0.4, *clean[1:]], clean_train=clean, memorized=[None] * 4)
    assert "noisy_train" in TrainingCurves.from_history(near).panels[0].figures


def test_epochs_that_were_not_measured_are_bridged():
    curves = TrainingCurves.from_history(history(test=[0.4, None, 0.6, None]))
    assert curves.panels[0].best == 2
    axes = curves.draw()
    assert lines(axes)[style.color(0)].get_xdata().tolist() == [1, 3]
    assert told(axes)[-1] == "60.0 % test"


def test_a_single_epoch_is_drawn_as_dots():
    axes = TrainingCurves.from_history(history()[:1]).draw()
    assert [t for t in axes.get_xticks() if axes.get_xlim()[0] <= t <= axes.get_xlim()[1]] == [1]
    assert {line.get_marker() for line in axes.lines} == {"o"}


def errors(**columns):
    """Return records of a regression."""
    figures = {
        "noisy_train": [90.0, 80, 70, 60],
        "clean_train": [80.0, 20, 5, 2],
        "noisy_train_mse": [9.0, 8, 7, 6],
        "clean_train_mse": [8.0, 2, 0.5, 0.2],
        "test_mse": [9000.0, 3, 1, 2460],
        "memorized": [None] * 4,
    }
    return history(test=[90.0, 30, 2.5, 6], **{**figures, **columns})


def test_regression_is_told_by_its_errors_and_the_least_is_the_best():
    curves = TrainingCurves.from_history(errors(), "regression")
    assert [panel.best for panel in curves.panels] == [2, 2, None]
    axes = curves.draw()
    assert [panel.get_ylabel() for panel in axes.figure.axes] == ["MAPE (%)", "MSE", "Loss"]
    assert axes.get_yscale() == "log"
    assert told(axes)[-1] == "6.0 % test, best 2.5 % at epoch 3"
    assert told(axes.figure.axes[1])[-1] == "2,460 test, best 1 at epoch 3"
    labels = [t.get_text() for t in axes.get_yticklabels()]
    assert "10" in labels
    assert not any("$" in label for label in labels)


def test_targets_of_0_have_no_percentage_error():
    none = dict.fromkeys(("noisy_train", "clean_train"), [None] * 4)
    records = [{**record, "test": None} for record in errors(**none)]
    axes = TrainingCurves.from_history(records, "regression").draw()
    assert [panel.get_ylabel() for panel in axes.figure.axes] == ["MSE", "Loss"]


def test_a_history_without_epochs_is_an_error():
    with pytest.raises(DataError, match="no epoch"):
        TrainingCurves.from_history([])


def test_names_are_moved_apart_by_as_little_as_may_be():
    assert spread([0.5, 2.0, 1.0], 0.1, 3) == [0.5, 2.0, 1.0]
    assert spread([1.0, 1.0], 0.2, 3) == pytest.approx([0.9, 1.1])
    assert spread([0.0, 0.0, 0.0], 0.2, 3) == pytest.approx([0.0, 0.2, 0.4])
    assert spread([3.0, 2.95], 0.2, 3) == pytest.approx([3.0, 2.8])


@pytest.mark.parametrize("count", [1, 2, 5, 40])
def test_names_never_overlap(count):
    places = np.random.default_rng(count).random(count) ** 4
    moved = np.array(spread(list(places), 0.05, 2.0))
    order = np.argsort(places)
    assert (np.diff(moved[order]) > 0.05 - 1e-9).all()
    assert moved.min() >= 0


def test_the_curves_can_be_drawn_into_given_axes(recwarn):
    figure = Figure(figsize=(9, 4), layout="constrained")
    left, right = figure.subplots(1, 2)
    assert TrainingCurves.from_history(history()).draw(right, title="ce") is right
    figure.draw_without_rendering()
    assert [str(w.message) for w in recwarn] == []
    assert right.get_title(loc="left") == "ce"
    assert not left.lines


def test_the_files_stand_beside_the_checkpoint_and_are_the_same_every_time(tmp_path):
    there = save_curves(history(), tmp_path / "noisy.v2.pt", title="noisy", note="All is well.")
    assert [path.name for path in there] == ["noisy.v2.png", "noisy.v2.svg"]
    assert "All is well." in there[1].read_text(encoding="utf-8")
    again = save_curves(
        history(), tmp_path / "again" / "noisy.v2.pt", title="noisy", note="All is well."
    )
    assert [p.read_bytes() for p in there] == [p.read_bytes() for p in again]
    with Image.open(there[0]) as picture:
        assert 4 < picture.width / style.DPI < 6.5


def test_nothing_is_cut_off():
    long = [{**record, "epoch": 1000 * record["epoch"]} for record in history()]
    axes = TrainingCurves.from_history(long).draw(title="a name", note="a note " * 40)
    figure = axes.figure
    figure.draw_without_rendering()
    page = figure.bbox
    for each in figure.axes:
        box = each.get_tightbbox()
        assert page.x0 <= box.x0
        assert box.x1 <= page.x1
        assert page.y0 <= box.y0
        assert box.y1 <= page.y1
    assert math.isfinite(figure.get_size_inches().sum())


def test_a_place_that_cannot_be_written_is_an_error_of_one_line(tmp_path):
    (tmp_path / "taken").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        save_curves(history(), tmp_path / "taken" / "noisy.pt")
