"""Features in the eigenbasis of their Gram matrix, where penalties act on each coordinate."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

CUTOFF = 1e-12
"""Least eigenvalue, relative to the largest, of a direction that counts. It is 1e-6 of the
largest singular value: what lies below is rounding noise of features held in float32."""


@dataclass(frozen=True)
class Decomposition:
    """x = z @ basis.T, the columns of z being orthogonal.

    Attributes
    ----------
    z : (n, r) rotated features, r ≤ min(n, d).
    eigenvalues : (r,) of the Gram matrix xᵀx / n, descending.
    basis : (d, r) with orthonormal columns.
    """

    z: Tensor
    eigenvalues: Tensor
    basis: Tensor


def decompose(x: Tensor) -> Decomposition:
    """Decompose features (n, d) through the smaller of their two Gram matrices.

    With d ≤ n the basis is a complete rotation, right whatever the Gram matrix' precision.
    With n < d only the directions above `CUTOFF` are kept. The result has the precision of x.
    """
    n, d = x.shape
    if d <= n:
        values, vectors = torch.linalg.eigh(_gram(x) / n)
        basis = vectors.flip(1).to(x.dtype)
        return Decomposition(x @ basis, values.flip(0).clamp_min(0).to(x.dtype), basis)
    rows = x.double()
    values, vectors = torch.linalg.eigh(rows @ rows.T / n)
    values, vectors = values.flip(0), vectors.flip(1)
    # At least one direction stays, so that constant features still make a model.
    rank = max(1, int((values > CUTOFF * values[0]).sum()))
    values, vectors = values[:rank].clamp_min(0), vectors[:, :rank]
    lengths = (values * n).sqrt()
    basis = rows.T @ (vectors / lengths.clamp_min(torch.finfo(torch.float64).tiny))
    return Decomposition((vectors * lengths).to(x.dtype), values.to(x.dtype), basis.to(x.dtype))


def _gram(x: Tensor, block: int = 4096) -> Tensor:
    """Return xᵀx in float64, summed over blocks of products in the precision of x."""
    total = torch.zeros(x.shape[1], x.shape[1], dtype=torch.float64, device=x.device)
    for start in range(0, len(x), block):
        part = x[start : start + block]
        total += (part.T @ part).double()
    return total
