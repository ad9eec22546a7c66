"""`Fix`: what became of a network that was to be mended."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from repprobe.repair.choosing import ChosenCut
from repprobe.repair.finetuning import Finetuning
from repprobe.repair.gain import Comparison, in_points, span

if TYPE_CHECKING:
    from repprobe.checkpoints import Model


@dataclass(frozen=True, eq=False)
class Fix:
    """A network with a new head, how it was made and what it is worth.

    Attributes
    ----------
    models : the mended network, or two whose scores are added.
    cut : where, and how that was chosen.
    probe, regularization : of the head: what was fitted, and the chosen C or alpha.
    classes : number of classes; 0 for regression, where figures are R².
    clean_labels, own_labels : numbers of examples that the head was fitted on, with true labels
        and with the network's own.
    held_out : before and after on clean examples that had no say in the network: what decides.
        Each is answered by a network that was made as this one is, without it.
    test : before and after on the test part.
    raw_input : what a probe on the raw input gives on the examples of `held_out`, each judged by a
        fit without it; None where there is none.
    finetuning : what came of it; None where it was not asked for.
    refusal : why the network should not be written; None where it should.
    written, exported : the files, None where none was written.
    program_inputs : what the exported program takes, as a phrase; None where there is none.
    notes : sentences the user should be told.
    info : command, data, networks, machine, seconds, as plain values.
    """

    models: tuple[Model, ...]
    cut: ChosenCut
    probe: str
    regularization: float | None
    classes: int
    clean_labels: int
    own_labels: int
    held_out: Comparison
    test: Comparison
    raw_input: float | None = None
    finetuning: Finetuning | None = None
    refusal: str | None = None
    written: Path | None = None
    exported: Path | None = None
    program_inputs: str | None = None
    notes: tuple[str, ...] = ()
    info: dict[str, Any] = field(default_factory=dict)

    @property
    def verdict(self) -> str:
        """Two or three sentences for people."""
        test, held_out = self.test, self.held_out
        return (
            f"{self._made()} On the test part it goes from {self._figure(test.before[0])} to "
            f"{self._figure(test.after[0])} ({self._gain(test)}); on {held_out.count:,} clean "
            f"examples, each judged by {self._judge}, from "
            f"{self._figure(held_out.before[0])} to {self._figure(held_out.after[0])} "
            f"({self._gain(held_out)})."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values; NaN as None."""
        cut, raw = self.cut, self.raw_input
        return {
            **self.info,
            "verdict": self.verdict,
            "cut": {
                "layer": cut.layer,
                "drop_in": cut.drop_in,
                "best": cut.best,
                "certainty": cut.certainty,
                "validation": {
                    k: v if math.isfinite(v) else None for k, v in cut.validation.items()
                },
            },
            "probe": self.probe,
            "regularization": self.regularization,
            "clean_labels": self.clean_labels,
            "own_labels": self.own_labels,
            "held_out": self.held_out.to_dict(),
            "test": self.test.to_dict(),
            "raw_input": raw if raw is not None and math.isfinite(raw) else None,
            "finetuning": self.finetuning and self.finetuning.to_dict(),
            "refusal": self.refusal,
            "written": self.written is not None,
            "file": None if self.written is None else str(self.written),
            "program": None if self.exported is None else str(self.exported),
            "program_inputs": self.program_inputs,
            "notes": list(self.notes),
        }

    @property
    def cross_validated(self) -> bool:
        """Whether `held_out` is of every fold in its turn, and not of one that was left out."""
        return self.finetuning is None or not self.finetuning.kept

    @property
    def _judge(self) -> str:
        return f"a {'head' if self.cross_validated else 'network'} fitted without it"

    def _made(self) -> str:
        labels = f"{self.clean_labels:,} clean labels"
        if self.own_labels:
            labels += f" and {self.own_labels:,} of the network's own"
        tuned = ", then tuned" if self.finetuning and self.finetuning.kept else ""
        both = "both networks" if len(self.models) == 2 else "the network"
        return f"A {self.probe} head on '{self.cut.layer}' of {both}, fitted on {labels}{tuned}."

    def _figure(self, value: float) -> str:
        return f"{100 * value:.1f} %" if self.classes else f"R² {value:.3f}".replace("-", "−")

    def _gain(self, comparison: Comparison) -> str:
        gain, low, high = comparison.gain
        return f"{in_points(gain, self.classes)}, 95 % interval {span(low, high, self.classes)}"
