"""What is told of an epoch of training: a line while it goes on, a table at the end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_PARTS = {"noisy_train": "noisy-train", "clean_train": "clean-train", "test": "test"}


def epoch_line(record: Mapping[str, Any], epochs: int) -> str:
    """Return an epoch's record as a line."""
    number = f"{record['epoch']:>{len(str(epochs))}}/{epochs}"
    measure = _measure(record)
    told = ["epoch", number, f"loss {_loss(record['loss'])}"]
    told += [] if measure == "accuracy" else [measure]
    for name, words in _parts(record).items():
        if (value := _figure(record, name)) is not None:
            told.append(f"{words} {_text(value, measure):>6}")
    if record.get("memorized") is not None:
        told.append(f"memorized {_text(record['memorized'], 'accuracy'):>6}")
    return "  ".join([*told, f"{record['seconds']:.1f} s"])


def epoch_brief(record: Mapping[str, Any]) -> str:
    """Return what of an epoch's record fits before a progress bar."""
    told = f"loss {_loss(record['loss'])}"
    value = _figure(record, "test")
    return told if value is None else f"{told}  test {_text(value, _measure(record))}"


def best_epoch(history: Sequence[Mapping[str, Any]]) -> Mapping[str, Any] | None:
    """Return the first record with the best test figure; None if none was measured."""
    measured = [record for record in history if _figure(record, "test") is not None]
    if not measured:
        return None
    sign = -1 if _measure(measured[0]) == "accuracy" else 1
    return min(measured, key=lambda record: sign * _figure(record, "test"))  # type: ignore[operator]


def epoch_table(history: Sequence[Mapping[str, Any]]) -> list[list[str]]:
    """Return the cells of the last and of the best epoch, the header first."""
    last, best = history[-1], best_epoch(history)
    measure = _measure(last)
    unit = "" if measure == "accuracy" else f" {measure}"
    parts = _parts(last)
    names = [*parts, *["memorized"] * (last.get("memorized") is not None)]
    header = ["epoch", "loss", *(parts.get(name, name) + unit for name in names), ""]
    if best is None or _figure(best, "test") == _figure(last, "test"):
        shown = [(last, "the last, in the file" + ", and the best on test" * (best is not None))]
    else:
        shown = [(last, "the last, in the file"), (best, "the best on test, not kept")]
    rows = [header]
    for record, remark in shown:
        figures = [_figure(record, name) for name in names]
        cells = ["" if v is None else _text(v, measure) for v in figures]
        rows.append([str(record["epoch"]), _loss(record["loss"]), *cells, remark])
    return rows


def apart_sentence(record: Mapping[str, Any]) -> str | None:
    """Return what each of several networks gets on test; None for one, or if none was measured."""
    figures = record.get("test_each")
    if not figures or None in figures:
        return None
    measure = _measure(record)
    return (
        f"The figures are of {len(figures)} networks' mean answer; by itself each has on test: "
        f"{', '.join(_text(value, measure) for value in figures)}."
    )


def _parts(record: Mapping[str, Any]) -> dict[str, str]:
    """Return what a record's figures are called; without wrong labels two of them are one."""
    noisy, clean = (_figure(record, name) for name in ("noisy_train", "clean_train"))
    if noisy != clean or record.get("memorized") is not None:
        return _PARTS
    return {"clean_train": "train", "test": "test"}


def _measure(record: Mapping[str, Any]) -> str:
    """Return what the figures of a record are; MAPE is not known where a target is 0."""
    if "test_mse" not in record:
        return "accuracy"
    return "MSE" if record.get("test") is None else "MAPE"


def _figure(record: Mapping[str, Any], name: str) -> float | None:
    return record.get(f"{name}_mse" if _measure(record) == "MSE" else name)


def _text(value: float, measure: str) -> str:
    if measure == "MSE":
        return f"{value:.4g}"
    return f"{100 * value if measure == 'accuracy' else value:.1f} %"


def _loss(value: float) -> str:
    return f"{value:.3f}" if abs(value) < 1000 else f"{value:.4g}"
