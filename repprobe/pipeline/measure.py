"""One network measured: run over the data, every layer probed, its own answer scored."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from repprobe.clock import Clock
from repprobe.data import draws
from repprobe.pipeline.own_output import own_output
from repprobe.probes.engines import Distance, Engine
from repprobe.probes.fitting import Kind
from repprobe.probes.over_networks import over_networks
from repprobe.probes.probing import Labels, probe_layers
from repprobe.probes.scores import OUTPUT, Scores

if TYPE_CHECKING:
    from repprobe.capture import Features, Pass
    from repprobe.checkpoints import Model
    from repprobe.data import Data, Draw
    from repprobe.pipeline.learned import Learned
    from repprobe.probes.memorization import Memorized
    from repprobe.probes.streaming import RidgeStream
    from repprobe.settings import Settings
    from repprobe.similarity.sketch import Sketch

Progress = Callable[[str, int, int], None]

_UNTOLD = (
    "nothing says how its inputs were normalized, so values from 0 to 1 were taken; if it was "
    "trained on others, its figures are too low: give --preprocess."
)

REPLAYED_ROWS = 1024
"""Rows of kept features that are taken up at a time."""


@dataclass(frozen=True, eq=False)
class Measured:
    """What was measured of a network.

    Attributes
    ----------
    scores : of its layers, its own answer, and what it memorized.
    outcome : what is known of the pass.
    notes : sentences the user should be told.
    sketch : a small copy of its features, where one was asked for.
    memorized : what the layers say of examples whose labels it learned wrong, where that is known.
    class_order : an order of classes that explains its outputs better, if there is one.
    """

    scores: Scores
    outcome: Pass
    notes: list[str] = field(default_factory=list)
    sketch: Sketch | None = None
    memorized: Memorized | None = None
    class_order: dict[str, Any] | None = None


@dataclass(frozen=True)
class Measurement:
    """How networks are to be measured.

    Attributes
    ----------
    data : with the draws of clean labels, whose rows are rows of its training part.
    kind, engine, device : the probe, what fits it, and where.
    sketches : whether small copies of features are kept, for comparisons of networks.
    columns : for each class the network's output, where it has more outputs than classes and the
        user names them.
    """

    data: Data
    draws: Sequence[Draw]
    kind: Kind
    engine: Engine
    device: str
    settings: Settings
    progress: Progress
    clock: Clock
    sketches: bool = False
    columns: tuple[int, ...] | None = None

    def of(self, name: str, model: Model, learned: Learned | None = None) -> Measured:
        """Measure a network, and what it memorized of the labels it learned.

        Ridge and least squares are fitted while the network runs, where the engine can and
        nothing else needs features; everything else needs features that are kept.
        """
        found = None
        if self._sums and learned is None and self.settings.cache is None:
            found = self._streamed(name, model)
        if found is None:
            found = self._kept(name, model, learned)
        outcome, scores = found.outcome, found.scores
        notes = [*outcome.notes, *found.notes]
        if model.preprocessing.found == "default" and len(self.data.input_shape) == 3:
            notes.insert(0, _UNTOLD)
        labels = self._labels(outcome.train_rows)
        own = own_output(name, outcome, self.data, labels, self.columns)
        scores += own.scores
        marked = [*notes, *own.notes, *_marks(scores)]
        return replace(found, scores=scores, notes=marked, class_order=own.class_order)

    def of_several(self, name: str, networks: Sequence[Model]) -> tuple[Scores, list[Measured]]:
        """Measure networks under one label, each with a draw of clean labels of its own.

        The rows of seed "all" sum up networks and draws. What they answer themselves is left out.
        """
        data, first = self.data, self.draws[0]
        found, each = Scores(), []
        for place, network in enumerate(networks):
            drawn = draws(data.train.labels, first.budgets, [first.seed + place], data.task)
            measured = replace(self, draws=drawn).of(name, network)
            scores = measured.scores
            found += Scores(
                (row for row in scores if row.layer != OUTPUT),
                {at: outcomes for at, outcomes in scores.outcomes.items() if at[1] != OUTPUT},
            )
            each.append(measured)
        found += over_networks(found, data.test.labels, data.classes)
        found.rows.sort(key=lambda row: row.order)
        return found, each

    @cached_property
    def clean_rows(self) -> NDArray[np.int64]:
        """Rows of the training part whose labels probes are fitted on, increasing."""
        return np.unique(np.concatenate([draw.rows for draw in self.draws]))

    def widths(self, model: Model) -> dict[str, int]:
        """Return the layers of a network that would be probed, and how wide their features are."""
        from repprobe.capture import layer_widths

        return layer_widths(model, self.data, **self._chosen)

    @property
    def _sums(self) -> bool:
        return self.engine.streams and self.kind in ("ridge", "least-squares")

    def _streamed(self, name: str, model: Model) -> Measured | None:
        """Fit from sums while the network runs; None where these are too large for the memory."""
        from repprobe.capture import stream
        from repprobe.capture.store import memory_bound
        from repprobe.capture.tee import Tee
        from repprobe.probes.streaming import SumsTooLargeError
        from repprobe.similarity.sketch import SketchSink

        rows, memory = self.clean_rows, self.settings.memory
        sums = self._sink(name, rows, memory_bound(memory))
        copied = SketchSink(len(rows), len(self.data.test)) if self.sketches else None
        sink = sums if copied is None else Tee(sums, copied)
        try:
            with self.clock.timed("capture"):
                outcome = stream(
                    model, self.data, sink=sink, memory_bytes=memory, **self._options(rows)
                )
        except SumsTooLargeError:
            return None  # those of one layer at a time are small
        self.clock.move(sums.seconds, "capture", "probe")
        with self.clock.timed("probe"):
            scores = sums.scores(outcome.non_finite)
        return Measured(scores, outcome, sketch=copied.sketch if copied else None)

    def _kept(self, name: str, model: Model, learned: Learned | None) -> Measured:
        """Fit after the pass, on features in memory or on disk."""
        from repprobe.similarity.sketch import Sketch

        rows = self.clean_rows if learned is None else np.union1d(self.clean_rows, learned.rows)
        with self._captured(model, rows) as features:
            with self.clock.timed("probe"):
                scores = self._probed(name, features)
            sketch = Sketch.of(features) if self.sketches else None
            found = Measured(scores, features, sketch=sketch)
            if learned is not None:
                found = self._with_memorization(name, features, learned, found)
        return found

    def _probed(self, name: str, features: Features) -> Scores:
        from repprobe.capture import replay
        from repprobe.capture.store import memory_bound

        if self._sums:
            memory = memory_bound(self.settings.memory)
            sums = self._sink(name, features.train_rows, memory, one_by_one=True)
            replay(features, sums, REPLAYED_ROWS, self.device)
            return sums.scores(features.non_finite)
        scores, _ = probe_layers(
            features,
            self._labels(features.train_rows),
            model=name,
            kind=self.kind,
            engine=self.engine,
            distance=cast("Distance", self.settings.distance or "euclidean"),
            progress=self.progress,
        )
        return scores

    def _with_memorization(
        self, name: str, features: Features, learned: Learned, found: Measured
    ) -> Measured:
        from repprobe.probes.memorization import memorization

        with self.clock.timed("memorization"):
            scores, memorized = memorization(
                features,
                np.searchsorted(features.train_rows, learned.rows),
                learned.labels,
                np.asarray(self.data.train.labels[learned.rows], np.int64),
                self.data.classes,
                model=name,
                kind=self.kind,
                engine=self.engine,
                seed=self.settings.seed,
                progress=self.progress,
            )
        notes = found.notes
        if memorized is None and not np.ptp(learned.labels):
            notes = [
                *notes,
                "all the labels it learned are the same: it is not said who memorized.",
            ]
        return replace(found, scores=found.scores + scores, memorized=memorized, notes=notes)

    def _sink(
        self, name: str, rows: NDArray[np.int64], memory: int, one_by_one: bool = False
    ) -> RidgeStream:
        from repprobe.probes.engines.border import Streaming
        from repprobe.probes.streaming import RidgeStream

        return RidgeStream(
            self._labels(rows),
            model=name,
            kind=self.kind,
            engine=cast("Streaming", self.engine),
            memory_bytes=memory,
            one_by_one=one_by_one,
            progress=self.progress,
        )

    def _captured(self, model: Model, rows: NDArray[np.int64]) -> Features:
        from repprobe.capture import capture

        with self.clock.timed("capture"):
            return capture(
                model,
                self.data,
                memory_bytes=self.settings.memory,
                cache_dir=self.settings.cache,
                **self._options(rows),
            )

    def _labels(self, rows: NDArray[np.int64]) -> Labels:
        """Return the labels of the rows that are run, the draws counting among these."""
        data = self.data
        drawn = [replace(d, rows=np.searchsorted(rows, d.rows)) for d in self.draws]
        return Labels(data.train.labels[rows], data.test.labels, data.classes, drawn)

    def _options(self, rows: NDArray[np.int64]) -> dict[str, Any]:
        settings = self.settings
        return {
            "train_rows": rows,
            "batch_size": settings.batch_size,
            "progress": self.progress,
            **self._chosen,
        }

    @property
    def _chosen(self) -> dict[str, Any]:
        """What says which layers are recorded, and how."""
        settings = self.settings
        return {
            "layers": settings.layers,
            "pool": settings.pool,
            "width": settings.width,
            "device": self.device,
            "dtype": settings.dtype,
            "seed": settings.seed,
        }


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
