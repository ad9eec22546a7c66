"""What would be recorded of a network, without running it over the data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from repprobe.capture.job import Job

if TYPE_CHECKING:
    from repprobe.checkpoints.model import Model
    from repprobe.data.dataset import Data


def layer_widths(
    model: Model,
    data: Data,
    *,
    layers: Sequence[str] = (),
    pool: str = "auto",
    width: int = 1024,
    device: str = "cpu",
    dtype: str = "float32",
    seed: int = 0,
) -> dict[str, int]:
    """Return the layers that `capture` would record, in order, and how wide their features are.

    The network is run on a few inputs. The arguments and errors are those of `capture`.
    """
    job = Job.of(
        model,
        data,
        np.arange(0),
        None,
        layers=layers,
        pool=pool,
        width=width,
        batch_size=None,
        device=device,
        dtype=dtype,
        seed=seed,
    )
    with job.planned() as sweep:
        return dict(sweep.widths)
