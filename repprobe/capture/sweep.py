"""`Sweep`: the one loop over the data in which every chosen layer is recorded."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any, get_args

import torch
from torch import Tensor, nn

from repprobe.capture.answers import Answers
from repprobe.capture.batching import batch_size, example_bytes, within
from repprobe.capture.graph_pooling import Grouping
from repprobe.capture.layer import RowMode
from repprobe.capture.outcome import Pass
from repprobe.capture.place import device_of
from repprobe.capture.recorder import Recorder, own
from repprobe.capture.refusal import first_line
from repprobe.capture.shortage import is_shortage, no_room
from repprobe.errors import CaptureError
from repprobe.feeding import Fed

if TYPE_CHECKING:
    from repprobe.capture.choose import Choice
    from repprobe.capture.job import Job
    from repprobe.capture.layer import Trace
    from repprobe.capture.sink import Sink
    from repprobe.capture.store import Store
    from repprobe.data.dataset import Raw

INPUT = "input"
"""The name of the first layer, the preprocessed input."""


class Sweep:
    """A traced network, its chosen layers and the inputs it is to be run on.

    Attributes
    ----------
    widths : layer name -> width, in the order of execution, `input` first.
    answers : numbers per example in the network's own answer.
    """

    def __init__(
        self,
        job: Job,
        module: nn.Module,
        trace: Trace,
        choice: Choice,
        memory_format: torch.memory_format,
    ) -> None:
        self._job = job
        self._inputs = job.inputs
        self._trace = trace
        self._skipped = choice.skipped
        self._memory_format = memory_format
        pooling = job.pooling
        poolers = {layer: pooling.plan_layer(layer) for layer in choice.layers}
        of_nodes = trace.source.level == "node"
        self._source = (pooling if of_nodes else replace(pooling, mode="auto")).plan_layer(
            trace.source
        )
        self._recorder = Recorder(module, poolers, job.precision)
        self._non_finite: Counter[str] = Counter()
        self._notes: list[str] = self._pooling_notes()
        self._example_bytes = example_bytes(trace, job.inputs.rows)
        self.widths = {
            INPUT: self._source.width,
            **{layer.name: pooler.width for layer, pooler in poolers.items()},
        }
        self.answers = _answers(trace)

    def activation_bytes(self, bound: int) -> int:
        """Return what the activations of a batch are estimated to take in the CPU's memory."""
        return min(self._size(bound), len(self._inputs)) * self._example_bytes

    def run(
        self,
        sink: Sink,
        answers: Store,
        bound: int,
        progress: Callable[[str, int, int], None] | None = None,
    ) -> Pass:
        """Run the network on all inputs; features go to `sink`, its own answers to `answers`.

        On the CPU batches are so small that their activations stay within `bound` bytes, by
        estimate; wherever memory turns out to be short, they are halved.

        Raises
        ------
        CaptureError
            The network cannot be run on some examples, or none of the layers was recorded.
        """
        with _ordinary():
            sink.begin(self.widths)
        collected, recorder, done = Answers(answers), self._recorder, 0
        dropped: set[str] = set()
        with recorder.attached(self._job.pooling.seed):
            for batch, rows, output in self._batches(self._size(bound), bound):
                with _ordinary():
                    collected.add(output, batch)
                    for name in [n for n in recorder.failed if n not in dropped]:
                        sink.drop(name)
                    dropped.update(recorder.failed)
                    for name in self.widths:
                        if name not in dropped:
                            sink.add(name, rows[name])
                self._count(rows)
                done += batch.count
                if progress:
                    progress("capture", done, len(self._inputs))
        widths = {name: w for name, w in self.widths.items() if name not in recorder.failed}
        return Pass(
            self._inputs.train_rows,
            self._inputs.test_rows,
            widths,
            collected.array(),
            {name: self._non_finite[name] for name in widths},
            {**self._skipped, **recorder.failed},
            (*self._trace.notes, *self._notes),
        )

    def _size(self, bound: int) -> int:
        """Return the batch size to begin with."""
        if self._inputs.whole:
            return max(len(self._inputs.train_rows), len(self._inputs.test_rows))
        device = device_of(self._recorder.module)
        size = self._job.batch_size or batch_size(self._trace, device, self._inputs.rows)
        return within(size, self._example_bytes, bound) if device.type == "cpu" else size

    def _batches(self, size: int, bound: int) -> Iterator[tuple[Fed, dict[str, Tensor], Any]]:
        """Yield each batch, its features, and what the network put out for it."""
        asked, whole = self._job.batch_size, self._inputs.whole
        if whole:
            self._notes += self._whole_notes(size, bound)
        elif asked is not None and size < asked:
            self._notes.append(
                f"batches of {asked} examples would take about "
                f"{asked * self._example_bytes / 1e9:.2g} GB for activations alone, more than "
                f"--memory allows; {size} were taken."
            )
        done, begun = 0, size
        while done < len(self._inputs):
            try:
                with contextlib.closing(self._inputs.batches(size, done)) as batches:
                    for raw in batches:
                        yield self._run(raw, done)
                        done += len(raw)
            except (RuntimeError, MemoryError) as error:
                if not is_shortage(error):
                    raise
                if size == 1 or whole:
                    raise no_room(whole) from error
                size //= 2
            self._recorder.forget()
        if size < begun:
            self._notes.append(
                f"batches of {begun} examples did not fit into memory; they were lowered to {size}."
            )

    def _run(self, raw: Raw, done: int) -> tuple[Fed, dict[str, Tensor], Any]:
        recorder = self._recorder
        batch = self._inputs.prepared(raw, recorder.module, self._trace.integer_inputs)
        batch = batch.in_format(self._memory_format)
        grouping = Grouping(batch)
        pooled = own(self._source(batch.x, grouping), batch.x)
        unseen = self._source.unseen(pooled, batch.x, grouping)
        try:
            output = recorder.run(batch)
        except Exception as error:
            if is_shortage(error):
                raise
            raise CaptureError(
                f"the network cannot be run on the examples {done} to {done + batch.count - 1}: "
                f"{first_line(error)}"
            ) from error
        if len(recorder.failed) == len(self.widths) - 1:
            name, reason = next(iter(recorder.failed.items()))
            raise CaptureError(f"none of the layers can be probed ({name}: {reason}).")
        recorder.unseen[INPUT] = unseen
        return batch, {INPUT: pooled, **recorder.features}, output

    def _whole_notes(self, size: int, bound: int) -> Iterator[str]:
        """Say where a bound cannot be kept since a graph goes through the network whole."""
        if self._job.batch_size is not None:
            yield "the graph goes through the network whole, so --batch-size was not used."
        needed = size * self._example_bytes
        if needed > bound and device_of(self._recorder.module).type == "cpu":
            yield (
                f"the whole graph takes about {needed / 1e9:.2g} GB for activations alone, more "
                "than --memory allows; it cannot be split."
            )

    def _pooling_notes(self) -> list[str]:
        """Say what nodes and edges were pooled by where the user may expect something else."""
        source, mode = self._trace.source, self._job.pooling.mode
        if source.level == "example" or self._inputs.whole or mode in get_args(RowMode):
            return []
        if source.own_pooling is None:
            return [
                "the network does not show how it pools nodes (as the mean, maximum or sum over "
                "each graph), so layers of nodes and edges are pooled by their mean; give --pool "
                "max or sum for another."
            ]
        if mode == "auto":
            return []
        return [
            f"--pool {mode} is not for nodes and edges, whose number differs between graphs; "
            "their layers are pooled as the network does."
        ]

    def _count(self, rows: dict[str, Tensor]) -> None:
        # one sum tells of any NaN or infinity; only then are they counted
        sums = torch.stack([features.sum() for features in rows.values()])
        suspect = (~torch.isfinite(sums)).tolist()
        for (name, features), look in zip(rows.items(), suspect, strict=True):
            if look:
                self._non_finite[name] += int((~torch.isfinite(features)).any(1).sum())
            self._non_finite[name] += self._recorder.unseen.get(name, 0)


@contextlib.contextmanager
def _ordinary() -> Iterator[None]:
    """Leave inference mode for the sink's sake, still without gradients."""
    with torch.inference_mode(False), torch.no_grad():
        yield


def _answers(trace: Trace) -> int:
    """Return how many values per example the network puts out, for the memory they take."""
    return max((la.values for la in trace.root.layers if len(la.shape) < 2), default=0)
