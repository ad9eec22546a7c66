"""Lines and tables of epochs, and the bars of a terminal."""

import io
import sys

import pytest
from repprobe.cli.epochs import best_epoch, epoch_brief, epoch_line, epoch_table
from repprobe.cli.progress import EpochReporter


def record(epoch=12, **others):
    figures = {"noisy_train": 0.451, "clean_train": 0.602, "test": 0.63, "memorized": 0.123}
    return {"epoch": epoch, "loss": 1.234, **figures, "seconds": 2.06, **others}


def errors(epoch=1, **others):
    figures = {"noisy_train": 45.1, "clean_train": 6.0, "test": 6.3, "memorized": None}
    squares = {"noisy_train_mse": 300.0, "clean_train_mse": 4.0, "test_mse": 12345.6}
    return record(epoch, **{**figures, **squares, **others})


def test_an_epoch_is_a_line():
    assert epoch_line(record(), 30) == (
        "epoch  12/30  loss 1.234  noisy-train 45.1 %  clean-train 60.2 %  test 63.0 %  "
        "memorized 12.3 %  2.1 s"
    )
    assert epoch_line(record(3), 300).startswith("epoch    3/300  ")


def test_what_was_not_measured_is_left_out():
    bare = {"epoch": 1, "loss": 1.0, "seconds": 1.0}
    assert epoch_line(bare, 2) == "epoch  1/2  loss 1.000  1.0 s"
    assert epoch_line(record(memorized=None), 12).endswith("test 63.0 %  2.1 s")
    assert epoch_brief(bare) == "loss 1.000"


def test_without_wrong_labels_there_is_one_figure_of_the_training_examples():
    clean = record(noisy_train=0.602, memorized=None)
    assert epoch_line(clean, 12).endswith("loss 1.234  train 60.2 %  test 63.0 %  2.1 s")
    assert epoch_table([clean])[0] == ["epoch", "loss", "train", "test", ""]
    assert "noisy-train 60.2 %  clean-train" in epoch_line({**clean, "memorized": 0.1}, 12)


def test_regression_is_told_in_its_own_measure():
    assert epoch_line(errors(), 9) == (
        "epoch  1/9  loss 1.234  MAPE  noisy-train 45.1 %  clean-train  6.0 %  test  6.3 %  2.1 s"
    )
    targets_of_0 = errors(noisy_train=None, clean_train=None, test=None)
    assert "MSE  noisy-train    300  clean-train      4  test 1.235e+04" in epoch_line(
        targets_of_0, 9
    )
    assert epoch_table([targets_of_0])[0][4] == "test MSE"


@pytest.mark.parametrize(
    ("history", "best"),
    [
        ([record(e, test=t) for e, t in enumerate([0.5, 0.7, 0.7, 0.6], 1)], 2),
        ([errors(e, test=t) for e, t in enumerate([50.0, 7, 8, 7], 1)], 2),
        ([record(1, test=None), record(2, test=0.1), record(3, test=None)], 2),
    ],
)
def test_the_best_epoch_is_the_first_with_the_best_test_figure(history, best):
    assert best_epoch(history)["epoch"] == best


def test_nothing_is_best_where_nothing_was_measured():
    bare = [{"epoch": 1, "loss": 1.0, "seconds": 1.0}]
    assert best_epoch(bare) is None
    assert epoch_table(bare)[1][-1] == "the last, in the file"


def test_the_table_has_the_last_and_the_best_epoch():
    history = [record(1, test=0.5), record(2, test=0.8), record(3, test=0.6)]
    header, last, best = epoch_table(history)
    assert header == ["epoch", "loss", "noisy-train", "clean-train", "test", "memorized", ""]
    assert last == [
        *("3", "1.234", "45.1 %", "60.2 %", "60.0 %", "12.3 %", "the last, in the file")
    ]
    assert (best[0], best[4], best[-1]) == ("2", "80.0 %", "the best on test, not kept")


def test_one_row_is_enough_where_the_last_epoch_is_the_best():
    header, only = epoch_table([record(1, memorized=None)])
    assert "memorized" not in header
    assert only[-1] == "the last, in the file, and the best on test"


def test_one_row_is_enough_where_the_last_epoch_is_as_good_as_the_best():
    rows = epoch_table([record(1, test=0.8), record(2, test=0.5), record(3, test=0.8)])
    assert [row[0] for row in rows] == ["epoch", "3"]
    assert rows[1][-1] == "the last, in the file, and the best on test"


def run_reporter():
    with EpochReporter() as reporter:
        reporter.progress("read", 10, 10)
        reporter.progress("train", 2, 4)
        for epoch in (3, 4):
            reporter.epoch(record(epoch))
            reporter.progress("train", epoch, 4)


def test_without_a_terminal_there_are_lines_only(capsys):
    run_reporter()
    printed = capsys.readouterr()
    assert printed.out == ""
    assert [line[:12] for line in printed.err.splitlines()] == [
        *("going on fro", "epoch  3/4  ", "epoch  4/4  ")
    ]


def test_on_a_terminal_lines_stand_above_the_bars(monkeypatch):
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "140")
    run_reporter()
    shown = terminal.getvalue()
    assert "going on from epoch 2 of 4" in shown
    assert "epoch  3/4  loss 1.234  noisy-train 45.1 %" in shown
    assert "loss 1.234  test 63.0 %" in shown
    assert "left" in shown
    assert sys.stderr is terminal
