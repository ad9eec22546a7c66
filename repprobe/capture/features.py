"""`Features`: what was captured, layer → array (n, width), in memory or on disk."""

from __future__ import annotations

import shutil
import weakref
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType

import numpy as np
from numpy.typing import NDArray

from repprobe.capture.outcome import Array, Kept, Pass
from repprobe.errors import UnknownNameError


class Features(Pass):
    """A pass whose features were kept, one row per example: training rows, then test rows.

    Parameters
    ----------
    arrays : layer name -> (n, width), in the order of execution; `input` comes first. float32, or
        float16 where the network ran in half precision and the values allow it.
    train_rows, test_rows : increasing indices into the parts of the data; n is their number.
    output : the network's own answer (n, C) float32, if it gave one.
    non_finite : layer name -> number of examples in which it has NaN or infinity.
    skipped : layer name -> why it was asked for and is not there.
    notes : sentences the user should be told.
    folder : where the arrays lie on disk; None if they are in memory.
    temporary : whether the folder goes when the features do.
    """

    def __init__(
        self,
        arrays: Mapping[str, Kept],
        train_rows: NDArray[np.int64],
        test_rows: NDArray[np.int64],
        *,
        output: Array | None = None,
        non_finite: Mapping[str, int] | None = None,
        skipped: Mapping[str, str] | None = None,
        notes: tuple[str, ...] = (),
        folder: Path | None = None,
        temporary: bool = False,
    ) -> None:
        super().__init__(
            train_rows,
            test_rows,
            {name: int(array.shape[1]) for name, array in arrays.items()},
            output,
            {name: int((non_finite or {}).get(name, 0)) for name in arrays},
            dict(skipped or {}),
            notes,
        )
        self._arrays = dict(arrays)
        self.folder = folder
        # runs when the object is closed, collected, or at the end of the process
        self._remove = (
            weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
            if folder is not None and temporary
            else None
        )

    @property
    def nbytes(self) -> int:
        """Bytes that the arrays take, in memory or on disk."""
        return sum(array.nbytes for array in self._arrays.values())

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __contains__(self, layer: object) -> bool:
        return layer in self._arrays

    def __getitem__(self, layer: str) -> Kept:
        """Return the features (n, width) of a layer; raises UnknownNameError."""
        try:
            return self._arrays[layer]
        except KeyError:
            raise UnknownNameError.near("layer", layer, self._arrays) from None

    def train(self, layer: str) -> Kept:
        """Return the training rows (train_count, width) of a layer."""
        return self[layer][: self.train_count]

    def test(self, layer: str) -> Kept:
        """Return the test rows (n - train_count, width) of a layer."""
        return self[layer][self.train_count :]

    def close(self) -> None:
        """Let go of the features, and remove the temporary folder if there is one.

        What is known of the pass stays: the network's own answer, widths, counts and notes.
        """
        self._arrays.clear()
        if self._remove is not None:
            self._remove()

    def __enter__(self) -> Features:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
