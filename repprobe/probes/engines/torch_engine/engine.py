"""The torch engine: what `border.Engine` asks for, on CPU or CUDA."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from repprobe.probes.engines.border import (
    Distance,
    Examples,
    Floats,
    Integers,
    Judge,
    LabelSet,
    Path,
)
from repprobe.probes.engines.torch_engine.arrays import array
from repprobe.probes.engines.torch_engine.decomposition import decompose
from repprobe.probes.engines.torch_engine.logistic_paths import LogisticPaths
from repprobe.probes.engines.torch_engine.moment_ridge import MomentRidge
from repprobe.probes.engines.torch_engine.neighbours import nearest
from repprobe.probes.engines.torch_engine.ridge import RowRidge
from repprobe.probes.moments import PENDING, Moments, MomentSums

_SMALL = 20_000_000
"""Features times classes up to which float64 costs nothing that a user would notice."""


class TorchEngine:
    """Solves in float64, large logistic problems in float32 up to the last digits."""

    name = "torch"
    streams = True

    def __init__(self, device: str = "cpu") -> None:
        self.device = torch.device(device)

    def logistic(
        self,
        x: Floats,
        labels: Sequence[LabelSet],
        grid: Sequence[float],
        folds: Integers | None,
        whole: bool = False,
        judges: Sequence[Judge] = (),
    ) -> list[Path]:
        """See `border.Engine.logistic`; all folds of all label sets are solved in a batch."""
        rows = self._tensor(x)
        if x.size * max(one.classes for one in labels) <= _SMALL:
            rows = rows.double()
        parts = decompose(rows)
        found: dict[int, Path] = {}
        for classes in sorted({one.classes for one in labels}):
            which = [i for i, one in enumerate(labels) if one.classes == classes]
            search = LogisticPaths(
                parts,
                [labels[i].y for i in which],
                classes,
                folds,
                [judges[i] for i in which] if judges else (),
            )
            found.update(zip(which, search.run(grid, whole), strict=True))
        return [found[i] for i in range(len(labels))]

    def ridge(
        self,
        x: Floats,
        targets: Sequence[Floats],
        grid: Sequence[float],
        folds: Integers | None,
        judges: Sequence[Judge] = (),
    ) -> list[Path]:
        """See `border.Engine.ridge`; solved in float64."""
        rows, y = self._tensor(x), self._tensor(np.concatenate(list(targets), axis=1)).double()
        sizes = [t.shape[1] for t in targets]
        if folds is None:
            return RowRidge(rows.double(), y).paths(sizes, grid, judges)
        cells = []
        for fold in range(int(folds.max()) + 1):
            out = torch.from_numpy(np.flatnonzero(folds == fold)).to(self.device)
            sums = MomentSums(rows.new_zeros(rows.shape[1]), y.shape[1])
            for some in torch.split(out, PENDING):
                sums.add(rows[some], y[some])
            cells.append(sums.moments())
        examples = Examples(rows, folds, judges) if judges else None
        return self.ridge_from_moments(cells, sizes, grid, examples)

    def ridge_from_moments(
        self,
        folds: Sequence[Moments],
        targets: Sequence[int],
        grid: Sequence[float],
        examples: Examples | None = None,
    ) -> list[Path]:
        """See `border.Streaming.ridge_from_moments`."""
        return MomentRidge(folds, examples).paths(targets, grid)

    def neighbours(
        self, x: Floats, queries: Floats, k: int, leave_out: bool, distance: Distance = "euclidean"
    ) -> Integers:
        """See `border.Engine.neighbours`; exact, of equally near rows the lower index first."""
        return array(nearest(self._tensor(x), self._tensor(queries), k, leave_out, distance))

    def _tensor(self, array: Floats) -> Tensor:
        return torch.from_numpy(array).to(self.device)
