"""`Origin`: the examples that a network was trained on, where its checkpoint tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Origin:
    """What a checkpoint of `train` says of its network's training examples.

    Attributes
    ----------
    data, fingerprint : of the data set; see `Data`.
    rows : int64 (n,), the rows of its training part.
    image_size : side in pixels that images were brought to; None where they were left alone.
    noisy_labels : (n,) the labels it learned, int64, or float32 targets (n,) or (n, t); None where
        the file lacks them.
    """

    data: str
    fingerprint: str
    rows: NDArray[np.int64]
    image_size: int | None
    noisy_labels: NDArray[np.int64] | NDArray[np.float32] | None = None

    @classmethod
    def found(cls, entries: Mapping[str, Any]) -> Origin | None:
        """Read it from the entries of a checkpoint; None where they are not those of `train`."""
        import torch

        data, fingerprint = entries.get("data"), entries.get("data_fingerprint")
        rows, settings = entries.get("train_rows"), entries.get("settings")
        if (
            not isinstance(data, str)
            or not isinstance(fingerprint, str)
            or not isinstance(rows, torch.Tensor)
            or rows.dtype != torch.int64
            or not isinstance(settings, Mapping)
        ):
            return None
        size, labels = settings.get("image_size"), entries.get("noisy_labels")
        known = (
            labels.numpy()
            if isinstance(labels, torch.Tensor) and len(labels) == len(rows)
            else None
        )
        return cls(
            data,
            fingerprint,
            rows.numpy(),
            size if isinstance(size, int) else None,
            known,
        )
