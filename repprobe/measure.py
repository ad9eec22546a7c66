"""One network measured: run over the data, every layer probed, its own answer scored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from repprobe.clock import Clock
from repprobe.probes.engines import Distance, Engine
from repprobe.probes.fitting import Kind
from repprobe.probes.probing import Labels, own_answer, probe_layers
from repprobe.probes.scores import Scores

if TYPE_CHECKING:
    from repprobe.capture import Features, Pass
    from repprobe.checkpoints import Model
    from repprobe.data import Data, Draw
    from repprobe.settings import Settings

Progress = Callable[[str, int, int], None]

_UNTOLD = (
    "nothing says how its inputs were normalized, so values from 0 to 1 were taken; if it was "
    "trained on others, its figures are too low: give --preprocess."
)

REPLAYED_ROWS = 1024
"""Rows of kept features that are taken up at a time."""


@dataclass(frozen=True)
class Measurement:
    """How networks are to be measured.

    Attributes
    ----------
    data : with the draws of clean labels, whose rows are rows of its training part.
    kind, engine, device : the probe, what fits it, and where.
    """

    data: Data
    draws: Sequence[Draw]
    kind: Kind
    engine: Engine
    device: str
    settings: Settings
    progress: Progress
    clock: Clock

    def of(self, name: str, model: Model) -> tuple[Scores, Pass, list[str]]:
        """Return the scores of a network, what is known of the pass, and notes for the user.

        Ridge and least squares are fitted while the network runs, where the engine can;
        everything else needs features that are kept.
        """
        streams = self.engine.streams and self.kind in ("ridge", "least-squares")
        if streams:
            scores, outcome = self._summed(name, model)
        else:
            scores, outcome = self._kept(name, model)
        output, notes = outcome.output, list(outcome.notes)
        if model.preprocessing.found == "default" and len(self.data.input_shape) == 3:
            notes.insert(0, _UNTOLD)
        if output is None:
            notes.append("the network puts out no scores per class, so there is no `output` row.")
        elif misfit := _misfit(output.shape[1], self.data):
            notes.append(misfit)
        else:
            answer = np.asarray(output[outcome.train_count :])
            scores += own_answer(answer, self._labels, name, len(outcome.layers))
        return scores, outcome, [*notes, *_marks(scores)]

    def _summed(self, name: str, model: Model) -> tuple[Scores, Pass]:
        """Fit from sums; features are kept only for the cache, or if memory is too small."""
        from repprobe.capture import replay, stream
        from repprobe.capture.store import memory_bound
        from repprobe.probes.engines.border import Streaming
        from repprobe.probes.streaming import RidgeStream, SumsTooLargeError

        def sink(memory: int | None) -> RidgeStream:
            return RidgeStream(
                self._labels,
                model=name,
                kind=self.kind,
                engine=cast("Streaming", self.engine),
                memory_bytes=memory,
                progress=self.progress,
            )

        if self.settings.cache is None:
            memory = self.settings.memory
            sums = sink(memory_bound(memory))
            try:
                with self.clock.timed("capture"):
                    outcome = stream(
                        model, self.data, sink=sums, memory_bytes=memory, **self._options()
                    )
            except SumsTooLargeError:
                pass  # those of one layer at a time, as below, are small
            else:
                self.clock.move(sums.seconds, "capture", "probe")
                with self.clock.timed("probe"):
                    return sums.scores(outcome.non_finite), outcome
        sums = sink(None)
        with self._captured(model) as features, self.clock.timed("probe"):
            replay(features, sums, REPLAYED_ROWS, self.device)
            return sums.scores(features.non_finite), features

    def _kept(self, name: str, model: Model) -> tuple[Scores, Pass]:
        """Fit after the pass, on features in memory or on disk."""
        with self._captured(model) as features, self.clock.timed("probe"):
            scores, _ = probe_layers(
                features,
                self._labels,
                model=name,
                kind=self.kind,
                engine=self.engine,
                distance=cast("Distance", self.settings.distance or "euclidean"),
                progress=self.progress,
            )
        return scores, features

    def _captured(self, model: Model) -> Features:
        from repprobe.capture import capture

        with self.clock.timed("capture"):
            return capture(
                model,
                self.data,
                memory_bytes=self.settings.memory,
                cache_dir=self.settings.cache,
                **self._options(),
            )

    @cached_property
    def _rows(self) -> np.ndarray:
        return np.unique(np.concatenate([draw.rows for draw in self.draws]))

    @cached_property
    def _labels(self) -> Labels:
        """Return the labels of the rows that are run, the draws counting among these."""
        rows, data = self._rows, self.data
        draws = [replace(d, rows=np.searchsorted(rows, d.rows)) for d in self.draws]
        return Labels(data.train.labels[rows], data.test.labels, data.classes, draws)

    def _options(self) -> dict[str, Any]:
        settings = self.settings
        return {
            "train_rows": self._rows,
            "layers": settings.layers,
            "pool": settings.pool,
            "width": settings.width,
            "batch_size": settings.batch_size,
            "device": self.device,
            "dtype": settings.dtype,
            "seed": settings.seed,
            "progress": self.progress,
        }


def _misfit(found: int, data: Data) -> str | None:
    """Return why a network that puts out so many values does not answer for these labels."""
    if data.task == "classification":
        wanted, what = len(data.classes), "classes"
    else:
        wanted, what = 1 if data.train.labels.ndim == 1 else data.train.labels.shape[1], "targets"
    if found == wanted:
        return None
    return (
        f"the network puts out {found} values and the data have {wanted} {what}, so there is no "
        "`output` row."
    )


def _marks(scores: Scores) -> list[str]:
    """Return what the user must know of rows that are not what they seem."""
    notes = [
        f"layer '{row.layer}' holds NaN or infinity in {100 * row.value:.3g} % of the examples: "
        "it could not be probed."
        for row in scores.where(metric="non_finite")
    ]
    notes += [
        f"the probe on '{row.layer}' ({row.clean_labels} labels, seed {row.seed}) did not "
        "converge; its row says so."
        for row in scores.where(metric="converged", value=0.0)
    ]
    return notes
