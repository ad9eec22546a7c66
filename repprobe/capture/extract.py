"""Captures every chosen layer of a network in one pass over the data."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from repprobe.capture import cache
from repprobe.capture.choose import Choice, choose
from repprobe.capture.features import Features
from repprobe.capture.inputs import Inputs
from repprobe.capture.layer import PoolMode, Trace
from repprobe.capture.members import logits
from repprobe.capture.place import placed
from repprobe.capture.pooling import Pooler, Pooling
from repprobe.capture.recorder import Recorder
from repprobe.capture.run import first_line
from repprobe.capture.store import OUTPUT, FileStore, MemoryStore, Store, default_memory
from repprobe.capture.trace import EXAMPLES, trace
from repprobe.errors import CaptureError, UsageError

if TYPE_CHECKING:
    from torch import Tensor

    from repprobe.checkpoints.model import Model
    from repprobe.data.dataset import Data

Progress = Callable[[str, int, int], None]
"""Called with the stage, the examples done, and all examples."""

CPU_BATCH_BYTES, GPU_BATCH_BYTES = 16 << 20, 512 << 20
"""Bytes of a batch's largest activation; a processor should still find it in its cache."""

BATCH_SIZES = (8, 1024)
"""Smallest and largest batch that is chosen."""


def capture(
    model: Model,
    data: Data,
    *,
    train_rows: NDArray[np.int64],
    test_rows: NDArray[np.int64] | None = None,
    layers: Sequence[str] = (),
    pool: str = "auto",
    width: int = 1024,
    batch_size: int | None = None,
    device: str = "cpu",
    memory_bytes: int | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Features:
    """Record the pooled activations of a network's layers, all in one forward pass.

    The network is left as it was. The first layer is `input`, the preprocessed input itself,
    pooled by the mode `auto`.

    Parameters
    ----------
    train_rows, test_rows : indices into the two parts; None takes the whole test part. The
        features have the training rows first, each part in increasing order.
    layers : glob patterns over layer names; `all` for every leaf; none for one per stage.
    pool, width : see `Pooling`.
    batch_size : examples per batch; by default as many as suit the size of the activations.
    memory_bytes : features beyond it are kept in files; by default a quarter of the memory.
    cache_dir : a folder in which the features are kept; if they are there already and nothing
        that shapes them has changed, no pass is made.
    seed : of the random projections, and of networks that draw random numbers.

    Raises
    ------
    CaptureError
        The network cannot be run on the data, or no layer can be recorded.
    UnknownNameError
        A pattern matches no layer, or the pooling mode does not exist.
    UsageError
        The preprocessing does not fit, or the device cannot be used.
    DataError, OutputError
        Rows that do not exist, inputs that cannot be read; features that cannot be written.
    """
    if batch_size is not None and batch_size < 1:
        raise UsageError(f"the batch size must be 1 or more, not {batch_size}.")
    job = _Job(
        Inputs.of(model, data, train_rows, test_rows),
        Pooling(cast("PoolMode", pool), width, seed),
        tuple(layers),
        batch_size,
        device,
        progress,
    )
    if cache_dir is None:
        return job.capture(memory_bytes)
    folder, key = Path(cache_dir), job.key()
    kept = cache.load(folder, key, job.inputs.train_rows, job.inputs.test_rows)
    return job.capture(memory_bytes, folder, key) if kept is None else kept


@dataclass(frozen=True)
class _Job:
    """What was asked for, checked."""

    inputs: Inputs
    pooling: Pooling
    patterns: tuple[str, ...]
    batch_size: int | None
    device: str
    progress: Progress | None

    def key(self) -> dict[str, Any]:
        """Return everything that shapes the features, for the cache."""
        return {
            **cache.model_key(self.inputs.model),
            **cache.inputs_key(self.inputs),
            **cache.machine_key(self.device),
            "layers": list(self.patterns),
            "pooling": [self.pooling.mode, self.pooling.width, self.pooling.seed],
            "batch_size": self.batch_size,
        }

    def capture(
        self,
        memory_bytes: int | None,
        folder: Path | None = None,
        key: dict[str, Any] | None = None,
    ) -> Features:
        """Run the network; keep the features in `folder` under `key` if they are given."""
        inputs = self.inputs
        with placed(inputs.model.module, self.device) as module:
            few = inputs.prepared(inputs.few(EXAMPLES), module)
            run = trace(module, few, self.pooling.seed)
            choice = choose(run, self.patterns)
            poolers = {la: self.pooling.plan(la.shape, la.layout) for la in choice.layers}
            source = Pooling("auto", self.pooling.width, self.pooling.seed).plan(
                run.source.shape, run.source.layout
            )
            values = sum(p.width for p in (source, *poolers.values())) + _answers(run)
            recorder = Recorder(module, poolers)
            with _store(len(inputs), values, memory_bytes, folder) as store:
                with recorder.attached(self.pooling.seed):
                    self._pass(run, recorder, source, store)
                features = self._features(run, choice, recorder, store, temporary=key is None)
                if folder is None or key is None or not isinstance(store, FileStore):
                    return features
                return cache.keep(folder, key, store, features)

    def _pass(self, run: Trace, recorder: Recorder, source: Pooler, store: Store) -> None:
        inputs, done = self.inputs, 0
        widths: set[int] = set()
        size = self.batch_size or _batch_size(run, self.device)
        with contextlib.closing(inputs.batches(size)) as batches:
            for raw in batches:
                x = inputs.prepared(raw, recorder.module, run.integer_inputs)
                store.add("input", _numbers(source(x)))
                answer = _answer(self._run(recorder, x, done), len(x))
                widths.add(answer.shape[1])
                if len(widths) == 1:
                    store.add(OUTPUT, answer)
                for name, pooled in recorder.features.items():
                    if name not in recorder.failed:
                        store.add(name, _numbers(pooled))
                done += len(x)
                if self.progress:
                    self.progress("capture", done, len(inputs))
        for name in recorder.failed:
            store.drop(name)
        if len(widths) > 1 or 0 in widths:
            store.drop(OUTPUT)

    def _run(self, recorder: Recorder, x: Tensor, done: int) -> Any:
        try:
            return recorder.run(x)
        except Exception as error:
            line = first_line(error)
            if isinstance(error, MemoryError) or re.search("(out of|allocate) memory", line):
                raise CaptureError(
                    f"a batch of {len(x)} examples does not fit into memory; lower --batch-size."
                ) from error
            raise CaptureError(
                f"the network cannot be run on the examples {done} to {done + len(x) - 1}: {line}"
            ) from error

    def _features(
        self,
        run: Trace,
        choice: Choice,
        recorder: Recorder,
        store: Store,
        temporary: bool,
    ) -> Features:
        arrays = store.arrays()
        output = arrays.pop(OUTPUT, None)
        if len(arrays) < 2:
            name, reason = next(iter(recorder.failed.items()))
            raise CaptureError(f"none of the layers can be probed ({name}: {reason}).")
        order = ("input", *(layer.name for layer in choice.layers))
        return Features(
            {name: arrays[name] for name in order if name in arrays},
            self.inputs.train_rows,
            self.inputs.test_rows,
            output=output,
            non_finite=recorder.non_finite,
            skipped={**choice.skipped, **recorder.failed},
            notes=run.notes,
            folder=store.folder if isinstance(store, FileStore) else None,
            temporary=temporary,
        )


@contextlib.contextmanager
def _store(
    rows: int, values: int, memory_bytes: int | None, folder: Path | None
) -> Iterator[Store]:
    """Give a store for that many values per row; it is emptied if the block fails."""
    bound = default_memory() if memory_bytes is None else memory_bytes
    in_files = folder is not None or 4 * rows * values > bound
    store: Store = FileStore(rows, folder) if in_files else MemoryStore(rows)
    try:
        yield store
    except BaseException:
        store.abort()
        raise


def _answer(output: Any, count: int) -> NDArray[np.float32]:
    """Return the network's answer (count, C) to a batch; C is 0 if it gave none."""
    found = logits(output)
    if found is None or len(found) != count:
        return np.empty((count, 0), np.float32)
    return _numbers(found.reshape(count, -1))


def _batch_size(run: Trace, device: str) -> int:
    """Return the power of two at which the largest activation has the size that suits."""
    largest = 4 * max(layer.values for layer in (run.source, *run.layers))
    fitting = (CPU_BATCH_BYTES if device == "cpu" else GPU_BATCH_BYTES) // largest
    smallest, greatest = BATCH_SIZES
    return min(max(1 << max(fitting, 1).bit_length() - 1, smallest), greatest)


def _answers(run: Trace) -> int:
    """Return how many values per example the network puts out, for the memory they take."""
    return max((la.values for la in run.root.layers if len(la.shape) < 2), default=0)


def _numbers(x: Tensor) -> NDArray[np.float32]:
    return x.cpu().float().numpy()
