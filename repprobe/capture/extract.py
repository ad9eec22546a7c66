"""`capture`: every chosen layer of a network, kept in memory or on disk."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from repprobe.capture import cache
from repprobe.capture.features import Features
from repprobe.capture.job import Job, Progress
from repprobe.capture.store import FileStore, MemoryStore, Store, memory_bound
from repprobe.capture.sweep import Sweep

if TYPE_CHECKING:
    from repprobe.checkpoints.model import Model
    from repprobe.data.dataset import Data


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
    dtype: str = "float32",
    memory_bytes: int | None = None,
    cache_dir: str | os.PathLike[str] | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Features:
    """Record the pooled activations of a network's layers, all in one forward pass.

    The network is left as it was. The first layer is `input`, the preprocessed input itself,
    pooled by the mode `auto`; of graphs it is the nodes' features, pooled as all that nodes have.
    Where nodes of one graph are the examples, the whole graph goes through the network at once,
    and only layers with a row per node can be recorded.

    Parameters
    ----------
    train_rows, test_rows : indices into the two parts; None takes the whole test part. The
        features have the training rows first, each part in increasing order.
    layers : glob patterns over layer names; `all` for every leaf; none for one per stage.
    pool, width : see `Pooling`.
    batch_size : examples per batch; by default as many as suit the size of the activations.
        Where memory turns out to be short, batches are halved.
    dtype : "float32", "bfloat16" or "float16": the type that the network computes in, by automatic
        casting. Pooling stays in float32; with the latter two, features are kept as float16 where
        their values allow it.
    memory_bytes : bound of the features and, on the CPU, the activations of a batch: batches are
        halved until the latter are within it by estimate, and features that do not fit beside
        them are kept in files. By default a quarter of the memory.
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
    job = Job.of(
        model,
        data,
        train_rows,
        test_rows,
        layers=layers,
        pool=pool,
        width=width,
        batch_size=batch_size,
        device=device,
        dtype=dtype,
        seed=seed,
    )
    bound = memory_bound(memory_bytes)
    if cache_dir is None:
        return _captured(job, bound, progress)
    folder, key = Path(cache_dir), job.key()
    kept = cache.load(folder, key, job.inputs.train_rows, job.inputs.test_rows)
    return _captured(job, bound, progress, folder, key) if kept is None else kept


def _captured(
    job: Job,
    bound: int,
    progress: Progress | None,
    folder: Path | None = None,
    key: dict[str, Any] | None = None,
) -> Features:
    """Run the network; keep the features in `folder` under `key` if they are given."""
    with (
        job.planned() as sweep,
        _store(job, sweep, bound, folder) as store,
    ):
        done = sweep.run(store, store, bound, progress)
        arrays = store.arrays()
        features = Features(
            {name: arrays[name] for name in done.layers},
            done.train_rows,
            done.test_rows,
            output=done.output,
            non_finite=done.non_finite,
            skipped=done.skipped,
            notes=done.notes,
            folder=store.folder if isinstance(store, FileStore) else None,
            temporary=key is None,
        )
        if folder is None or key is None or not isinstance(store, FileStore):
            return features
        return cache.keep(folder, key, store, features)


@contextlib.contextmanager
def _store(job: Job, sweep: Sweep, bound: int, folder: Path | None) -> Iterator[Store]:
    """Give a store for what the sweep will record; it is emptied if the block fails."""
    rows, half = len(job.inputs), job.precision.is_half
    needed = rows * ((2 if half else 4) * sum(sweep.widths.values()) + 4 * sweep.answers)
    needed += sweep.activation_bytes(bound)
    in_files = folder is not None or needed > bound
    store: Store = FileStore(rows, folder, half=half) if in_files else MemoryStore(rows, half=half)
    try:
        yield store
    except BaseException:
        store.abort()
        raise
