"""`Sweep`: the one loop over the data in which every chosen layer is recorded."""

from __future__ import annotations

import contextlib
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from repprobe.capture.answers import Answers
from repprobe.capture.batching import batch_size
from repprobe.capture.outcome import Pass
from repprobe.capture.place import device_of
from repprobe.capture.recorder import Recorder, own
from repprobe.capture.run import first_line
from repprobe.errors import CaptureError

if TYPE_CHECKING:
    from repprobe.capture.choose import Choice
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
        self.widths = {
            INPUT: self._source.width,
            **{layer.name: pooler.width for layer, pooler in poolers.items()},
        }
        self.answers = _answers(trace)

    def run(
        self,
        sink: Sink,
        answers: Store,
        progress: Callable[[str, int, int], None] | None = None,
    ) -> Pass:
        """Run the network on all inputs; features go to `sink`, its own answers to `answers`.

        Raises
        ------
        CaptureError
            The network cannot be run on some examples, or none of the layers was recorded.
        """
        with _ordinary():
            sink.begin(self.widths)
        collected = Answers(answers)
        with self._recorder.attached(self._job.pooling.seed):
            self._batches(sink, collected, progress)
        recorder = self._recorder
        widths = {name: w for name, w in self.widths.items() if name not in recorder.failed}
        return Pass(
            self._inputs.train_rows,
            self._inputs.test_rows,
            widths,
            collected.array(),
            {name: self._non_finite[name] for name in widths},
            {**self._skipped, **recorder.failed},
            self._trace.notes,
        )

    def _batches(
        self,
        sink: Sink,
        answers: Answers,
        progress: Callable[[str, int, int], None] | None,
    ) -> None:
        inputs, recorder, done = self._inputs, self._recorder, 0
        dropped: set[str] = set()
        size = self._job.batch_size or batch_size(self._trace, device_of(recorder.module))
        with contextlib.closing(inputs.batches(size)) as batches:
            for raw in batches:
                x = inputs.prepared(raw, recorder.module, self._trace.integer_inputs)
                x = x.contiguous(memory_format=self._memory_format)
                rows = {INPUT: own(self._source(x), x)}
                output = self._run(x, done)
                rows.update(recorder.features)
                failed = recorder.failed
                if len(failed) == len(self.widths) - 1:
                    name, reason = next(iter(failed.items()))
                    raise CaptureError(f"none of the layers can be probed ({name}: {reason}).")
                with _ordinary():
                    answers.add(output, len(x))
                    for name in [n for n in failed if n not in dropped]:
                        sink.drop(name)
                    dropped.update(failed)
                    for name in self.widths:
                        if name not in dropped:
                            sink.add(name, rows[name])
                self._count(rows)
                done += len(x)
                if progress:
                    progress("capture", done, len(inputs))

    def _count(self, rows: dict[str, Tensor]) -> None:
        # one sum tells of any NaN or infinity; only then are they counted
        sums = torch.stack([features.sum() for features in rows.values()])
        suspect = (~torch.isfinite(sums)).tolist()
        for (name, features), look in zip(rows.items(), suspect, strict=True):
            if look:
                self._non_finite[name] += int((~torch.isfinite(features)).any(1).sum())
            self._non_finite[name] += self._recorder.unseen.get(name, 0)

    def _run(self, x: Tensor, done: int) -> Any:
        try:
            return self._recorder.run(x)
        except Exception as error:
            line = first_line(error)
            if isinstance(error, MemoryError) or re.search("(out of|allocate) memory", line):
                raise CaptureError(
                    f"a batch of {len(x)} examples does not fit into memory; lower --batch-size."
                ) from error
            raise CaptureError(
                f"the network cannot be run on the examples {done} to {done + len(x) - 1}: {line}"
            ) from error


@contextlib.contextmanager
def _ordinary() -> Iterator[None]:
    """Leave inference mode for the sink's sake, still without gradients."""
    with torch.inference_mode(False), torch.no_grad():
        yield


def _answers(trace: Trace) -> int:
    """Return how many values per example the network puts out, for the memory they take."""
    return max((la.values for la in trace.root.layers if len(la.shape) < 2), default=0)
