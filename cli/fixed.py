"""What a fix came to: its table, its sentences, its JSON; and the table of budgets."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from repprobe.errors import RepprobeError

from .tables import render, say

if TYPE_CHECKING:
    from repprobe.repair import Fix
    from repprobe.repair.gain import Comparison, Figure
    from repprobe.runs import Run


def show(fix: Fix) -> None:
    """Print what was cut where, and before and after."""
    model = fix.info["models"][0]
    both = ", two networks" if len(fix.models) == 2 else ""
    say(f"{model['name']}: {model['architecture']}, {model['parameters']:,} parameters{both}")
    say(_cut(fix))
    what = "accuracy" if fix.classes else "R²"
    rows = [[what, "network", "fixed", "gain", "95 % interval", ""]]
    how = "cross-validated" if fix.cross_validated else "held out"
    rows.append(_row(f"{fix.held_out.count:,} clean labels, {how}", fix.held_out, fix.classes))
    rows[-1][-1] = "decides"
    rows.append(_row(f"{fix.test.count:,} test examples", fix.test, fix.classes))
    say(render(rows))
    say()
    say(fix.verdict)
    if fix.finetuning is not None:
        say(_tuned(fix))
    if fix.raw_input is not None and fix.raw_input >= fix.held_out.after[0]:
        say(
            f"A {fix.probe} probe on the raw input gives {_value(fix.raw_input, bool(fix.classes))}"
            " on the same clean labels, no less than the fixed network."
        )


def show_written(fix: Fix, data: str, arch_args: Sequence[str]) -> None:
    """Print which files were written, and what may be done with them.

    `arch_args` are the user's --arch-arg.
    """
    if fix.written is not None:
        form = (
            "in the form of the file it came from"
            if _keeps_form(fix)
            else "which repprobe.load opens"
        )
        say(f"\n{fix.written}: the fixed network, {form}.")
    if fix.exported is not None:
        say(
            f"\n{fix.exported}: a program that runs without repprobe; it takes "
            f"{fix.program_inputs}."
        )
    if fix.written is not None:
        following = ["repprobe", "layers", str(fix.written), "--data", data]
        say(f"\nNext: {shlex.join([*following, *_needed(fix, arch_args)])}")


def _keeps_form(fix: Fix) -> bool:
    from repprobe.repair.form import keeps_form

    assert fix.written is not None
    source = fix.info["source"]
    return keeps_form(None if source is None else Path(source), fix.models, fix.written)


def _needed(fix: Fix, arch_args: Sequence[str]) -> list[str]:
    """Return the options that the written file cannot be read without."""
    settings, model, keeps = fix.info["settings"], fix.models[0], _keeps_form(fix)
    options = []
    if settings["arch"] and (keeps or ".py:" in settings["arch"]):  # no file runs of itself
        options += ["--arch", settings["arch"]]
        options += [word for argument in arch_args for word in ("--arch-arg", argument)]
    for option in ("entry", "classes"):
        if settings[option] and (keeps or option == "classes"):
            options += [f"--{option}", settings[option]]
    if keeps and settings["trust"]:
        options.append("--trust")
    if keeps and model.preprocessing.found not in ("checkpoint", "config", "default"):
        options += ["--preprocess", model.preprocessing.name]
    size = settings["image_size"]
    if size is not None and (model.origin is None or model.origin.image_size != size):
        options += ["--image-size", str(size)]
    return options


def print_json(fix: Fix) -> None:
    """Print the fix as one JSON object."""
    say(json.dumps(fix.to_dict(), allow_nan=False))


def check_written(fix: Fix) -> None:
    """Raise RepprobeError if nothing was written, with the reason."""
    if fix.refusal is not None and fix.written is None and fix.exported is None:
        raise RepprobeError(f"nothing was written: {fix.refusal} --force writes it all the same.")


def show_budget(run: Run) -> None:
    """Print a row per number of clean labels, and what it means."""
    model = run.info["models"][0]
    say(f"{model['name']}: {model['architecture']}, {model['parameters']:,} parameters")
    figures = {f.clean_labels: f for f in run.scores.leading()}
    own = figures[0]
    classes = own.metric == "accuracy"
    labels = "labels per class" if classes else "labels"
    rows = [[labels, "in all", "fixed", "95 % interval", "gain", "95 % interval", "cut"]]
    for budget in run.info["budgets"]:
        figure = figures[budget["clean_labels"]]
        gain = (budget["gain"], budget["low"], budget["high"])
        per_class = budget["per_class"]
        rows.append(
            [
                "all" if per_class is None else f"{per_class:,}",
                f"{budget['clean_labels']:,}",
                _value(figure.value, classes),
                _span((figure.value, figure.low, figure.high), classes),
                _signed(gain[0], classes),
                _span(gain, classes, signed=True),
                ", ".join(dict.fromkeys(budget["cuts"])),
            ]
        )
    own_span = _span((own.value, own.low, own.high), classes)
    rows.append(["network itself", "0", _value(own.value, classes), own_span, "", "", ""])
    say(render(rows))
    say()
    say(run.info["verdict"])
    if run.folder is not None:
        names = sorted(path.name for path in run.folder.iterdir())
        say(f"\n{run.folder}: {', '.join(names)}")


def print_budget_json(run: Run) -> None:
    """Print the budgets as one JSON object."""
    figures = [
        {"layer": r.layer, "clean_labels": r.clean_labels, "metric": r.metric}
        | {k: None if v != v else v for k, v in zip(_ENDS, (r.value, r.low, r.high), strict=True)}
        for r in run.scores.leading()
    ]
    say(json.dumps({**run.info, "figures": figures, "folder": str(run.folder)}, allow_nan=False))


_ENDS = ("value", "low", "high")


def _cut(fix: Fix) -> str:
    cut = fix.cut
    value = f"{_value(cut.validation[cut.layer], bool(fix.classes))} by cross-validation"
    text = f"cut after '{cut.layer}', {value}"
    if len(cut.validation) == 1:
        return text
    again = f"in {100 * cut.certainty:.0f} % of bootstrap samples the best layer"
    if cut.layer == cut.best:
        return f"{text}, {again}"
    best = f"{_value(cut.validation[cut.best], bool(fix.classes))} at '{cut.best}'"
    return f"{text}: within one standard error of {best} ({again}), and the network keeps its form"


def _row(name: str, comparison: Comparison, classes: int) -> list[str]:
    percent = bool(classes)
    return [
        name,
        _value(comparison.before[0], percent),
        _value(comparison.after[0], percent),
        _signed(comparison.gain[0], percent),
        _span(comparison.gain, percent, signed=True),
        "",
    ]


def _tuned(fix: Fix) -> str:
    assert fix.finetuning is not None
    done = fix.finetuning
    gain = _signed(done.over_head.gain[0], bool(fix.classes))
    span = _span(done.over_head.gain, bool(fix.classes), signed=True)
    kept = "is kept" if done.kept else "is left out"
    return (
        f"Fine-tuning {kept}: on {done.over_head.count:,} clean labels that it did not see it "
        f"makes {gain} (95 % interval {span}) against the head alone."
    )


def _value(value: float, percent: bool) -> str:
    return (f"{100 * value:.1f} %" if percent else f"{value:.3f}").replace("-", "−")


def _signed(value: float, percent: bool) -> str:
    return (f"{100 * value:+.1f}" if percent else f"{value:+.3f}").replace("-", "−")


def _span(figure: Figure, percent: bool, *, signed: bool = False) -> str:
    _, low, high = figure
    if signed:
        return f"{_signed(low, percent)} to {_signed(high, percent)}"
    text = f"{100 * low:.1f} – {100 * high:.1f}" if percent else f"{low:.3f} – {high:.3f}"
    return text.replace("-", "−")
