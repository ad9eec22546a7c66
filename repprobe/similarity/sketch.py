"""`Sketch`: of every layer the features of a few test examples, kept for comparisons."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

    from repprobe.capture import Features

ROWS = 1000
"""Test examples that are kept."""


def spread_rows(count: int, most: int = ROWS) -> NDArray[np.int64]:
    """Return up to `most` of `count` places, evenly spread, increasing."""
    kept = min(count, most)
    return np.arange(kept) * count // max(kept, 1)


@dataclass(frozen=True, eq=False)
class Sketch:
    """Features of some test examples, by layer.

    Attributes
    ----------
    examples : places among the test rows of the pass, int64 (m,), increasing.
    layers : layer name → float32 (m, width), in the order of execution; `input` first.
    """

    examples: NDArray[np.int64]
    layers: dict[str, NDArray[np.float32]] = field(default_factory=dict)

    @classmethod
    def of(cls, features: Features, most: int = ROWS) -> Sketch:
        """Take up to `most` evenly spread test rows out of features that were kept."""
        examples = spread_rows(len(features) - features.train_count, most)
        places = features.train_count + examples
        return cls(
            examples,
            {name: np.asarray(features[name][places], np.float32) for name in features},
        )


class SketchSink:
    """A sink of `capture` that keeps a sketch, for use in a `Tee` beside another sink.

    Parameters
    ----------
    train_count, test_count : rows of each part that will come.
    most : test examples that are kept.
    """

    def __init__(self, train_count: int, test_count: int, most: int = ROWS) -> None:
        self._examples = spread_rows(test_count, most)
        self._first = train_count
        self._seen: dict[str, int] = {}
        self._layers: dict[str, NDArray[np.float32]] = {}

    def begin(self, widths: Mapping[str, int]) -> None:
        """See `capture.Sink`."""
        self._seen = dict.fromkeys(widths, 0)
        self._layers = {
            name: np.empty((len(self._examples), width), np.float32)
            for name, width in widths.items()
        }

    def add(self, name: str, rows: Tensor) -> None:
        """See `capture.Sink`."""
        start = self._seen[name] - self._first
        self._seen[name] += len(rows)
        first, last = np.searchsorted(self._examples, (start, start + len(rows)))
        if first < last:
            picked = (self._examples[first:last] - start).tolist()
            self._layers[name][first:last] = rows[picked].cpu().numpy()

    def drop(self, name: str) -> None:
        """See `capture.Sink`."""
        self._layers.pop(name, None)

    @property
    def sketch(self) -> Sketch:
        """What was kept; complete when the last rows have come."""
        return Sketch(self._examples, dict(self._layers))
