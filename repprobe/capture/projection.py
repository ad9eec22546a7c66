"""A seeded sparse random projection: many values become few, distances kept on average."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

NONZEROS = 4
"""Output cells that each input value is added to."""


@dataclass(frozen=True, eq=False)
class SparseProjection:
    """The block form of the sparse Johnson-Lindenstrauss transform.

    The `width` outputs are cut into s = 4 blocks; every input value is added, with a random
    sign and the factor 1/√s, to one random output of each block. Squared lengths are kept in
    expectation (Kane and Nelson, "Sparser Johnson-Lindenstrauss transforms", J. ACM 2014,
    section 4.2; s = 1 is the count sketch of Charikar et al. 2002). The random numbers are the
    raw 64-bit stream of PCG64, which NumPy keeps the same across versions.

    Attributes
    ----------
    cells : (s, values) output of each input value, per block.
    signs : (s, values) ±1.
    width : number of outputs.
    """

    cells: NDArray[np.int64]
    signs: NDArray[np.float32]
    width: int
    _placed: dict[torch.device, tuple[Tensor, Tensor, Tensor]] = field(
        default_factory=dict, repr=False
    )

    @classmethod
    def draw(cls, values: int, width: int, seed: int) -> SparseProjection:
        """Draw the projection of `values` onto `width`; the same arguments, the same draw."""
        blocks = min(NONZEROS, width)
        raw = np.random.PCG64([seed, values, width]).random_raw(blocks * values)
        raw = raw.reshape(blocks, values)
        edges = np.arange(blocks + 1) * width // blocks
        sizes = np.diff(edges)[:, None].astype(np.uint64)
        # the upper 32 bits pick the cell, the lowest bit the sign
        cells = ((raw >> np.uint64(32)) * sizes) >> np.uint64(32)
        signs = 1.0 - 2.0 * (raw & np.uint64(1)).astype(np.float32)
        return cls(cells.astype(np.int64) + edges[:-1, None], signs.astype(np.float32), width)

    def dense(self) -> NDArray[np.float32]:
        """Return it as a matrix (values, width); for checks, not for work."""
        matrix = np.zeros((self.cells.shape[1], self.width), np.float32)
        for cells, signs in zip(self.cells, self.signs, strict=True):
            matrix[np.arange(len(cells)), cells] = signs / np.sqrt(len(self.cells))
        return matrix

    def __call__(self, x: Tensor) -> Tensor:
        """Project (B, values) float32 to (B, width)."""
        if x.device not in self._placed:
            self._placed[x.device] = self._bags(x.device)
        indices, offsets, weights = self._placed[x.device]
        # each output is a weighted sum of a bag of inputs: what embedding_bag does, in parallel
        # and in a fixed order
        out = torch.nn.functional.embedding_bag(
            indices, x.t().contiguous(), offsets, mode="sum", per_sample_weights=weights
        )
        return out.t()

    def _bags(self, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
        cells = self.cells.ravel()
        order = np.argsort(cells, kind="stable")
        offsets = np.searchsorted(cells[order], np.arange(self.width))
        weights = self.signs.ravel()[order] / np.float32(np.sqrt(len(self.cells)))
        return (
            torch.from_numpy(order % self.cells.shape[1]).to(device),
            torch.from_numpy(offsets).to(device),
            torch.from_numpy(weights.astype(np.float32)).to(device),
        )
