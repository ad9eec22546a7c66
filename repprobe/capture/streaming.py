"""`stream` and `replay`: features go to a sink, batch by batch, and are not kept."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from repprobe.capture.features import Features
from repprobe.capture.job import Job, Progress
from repprobe.capture.outcome import Pass
from repprobe.capture.sink import Sink
from repprobe.capture.store import MemoryStore, memory_bound

if TYPE_CHECKING:
    from repprobe.checkpoints.model import Model
    from repprobe.data.dataset import Data


def stream(
    model: Model,
    data: Data,
    *,
    sink: Sink,
    train_rows: NDArray[np.int64],
    test_rows: NDArray[np.int64] | None = None,
    layers: Sequence[str] = (),
    pool: str = "auto",
    width: int = 1024,
    batch_size: int | None = None,
    device: str = "cpu",
    dtype: str = "float32",
    memory_bytes: int | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Pass:
    """Hand the pooled activations of a network's layers to a sink while the network runs.

    Only the network's own answer is kept, so that memory does not grow with the features;
    `memory_bytes` bounds the activations. The arguments and errors are those of `capture`; what
    the sink raises comes through.
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
    with job.planned() as sweep:
        store = MemoryStore(len(job.inputs))
        return sweep.run(sink, store, memory_bound(memory_bytes), progress)


def replay(features: Features, sink: Sink, batch: int, device: str = "cpu") -> None:
    """Hand features that were kept to a sink, one layer after the other.

    A layer's rows come in the order in which `stream` gives them; that no two layers are under
    way at a time lets a sink that sums up be small.

    Parameters
    ----------
    batch : most rows that the sink is given at once.
    device : where the sink is given them.
    """
    sink.begin(dict(features.widths))
    for name in features:
        for start, end in ((0, features.train_count), (features.train_count, len(features))):
            for first in range(start, end, batch):
                rows = np.array(features[name][first : min(first + batch, end)], np.float32)
                sink.add(name, torch.from_numpy(rows).to(device))
