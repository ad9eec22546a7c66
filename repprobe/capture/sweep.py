"""`Sweep`: the one loop over the data in which every chosen layer is recorded."""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from repprobe.capture.answers import Answers
from repprobe.capture.batching import batch_size, example_bytes, within
from repprobe.capture.outcome import Pass
from repprobe.capture.place import device_of
from repprobe.capture.recorder import Recorder, own
from repprobe.capture.run import first_line
from repprobe.capture.shortage import is_shortage, no_room
from repprobe.errors import CaptureError

if TYPE_CHECKING:
    from repprobe.capture.choose import Choice
    from repprobe.capture.inputs import Raw
    from repprobe.capture.job import Job
    from repprobe.capture.layer import Trace
    from repprobe.capture.sink import Sink
    from repprobe.capture.store import Store

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
        poolers = {layer: pooling.plan(layer.shape, layer.layout) for layer in choice.layers}
        self._source = replace(pooling, mode="auto").plan(trace.source.shape, trace.source.layout)
        self._recorder = Recorder(module, poolers, job.precision)
        self._non_finite: Counter[str] = Counter()
        self._notes: list[str] = []
        self._example_bytes = example_bytes(trace)
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
            for rows, output in self._batches(self._size(bound)):
                count = len(rows[INPUT])
                with _ordinary():
                    collected.add(output, count)
                    for name in [n for n in recorder.failed if n not in dropped]:
                        sink.drop(name)
                    dropped.update(recorder.failed)
                    for name in self.widths:
                        if name not in dropped:
                            sink.add(name, rows[name])
                self._count(rows)
                done += count
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
        device = device_of(self._recorder.module)
        size = self._job.batch_size or batch_size(self._trace, device)
        return within(size, self._example_bytes, bound) if device.type == "cpu" else size

    def _batches(self, size: int) -> Iterator[tuple[dict[str, Tensor], Any]]:
        """Yield the features of each batch and what the network put out for it."""
        asked = self._job.batch_size
        if asked is not None and size < asked:
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
                if size == 1:
                    raise no_room() from error
                size //= 2
            self._recorder.forget()
        if size < begun:
            self._notes.append(
                f"batches of {begun} examples did not fit into memory; they were lowered to {size}."
            )

    def _run(self, raw: Raw, done: int) -> tuple[dict[str, Tensor], Any]:
        recorder = self._recorder
        x = self._inputs.prepared(raw, recorder.module, self._trace.integer_inputs)
        x = x.contiguous(memory_format=self._memory_format)
        rows = {INPUT: own(self._source(x), x)}
        try:
            output = recorder.run(x)
        except Exception as error:
            if is_shortage(error):
                raise
            raise CaptureError(
                f"the network cannot be run on the examples {done} to {done + len(x) - 1}: "
                f"{first_line(error)}"
            ) from error
        if len(recorder.failed) == len(self.widths) - 1:
            name, reason = next(iter(recorder.failed.items()))
            raise CaptureError(f"none of the layers can be probed ({name}: {reason}).")
        return {**rows, **recorder.features}, output

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
