"""Exact nearest neighbours: searched in float32, proved by error bounds, settled in float64."""

from __future__ import annotations

import math
import warnings
from dataclasses import dataclass

import torch
from torch import Tensor

from repprobe.probes.engines.border import Distance

_ENTRIES = 32_000_000
"""Distances held at a time, in at most `_BLOCK` rows."""
_BLOCK = 512
_PAIRS = 8_000_000
"""Entries of rows that are subtracted from each other at a time."""
_CHUNK = 128
"""Features whose products are summed up in one go: short sums have tight error bounds."""
_SPARE = 16
"""Candidates beyond k, so that the k-th is clear of what was not looked at again."""
_TIES = 1000
"""Rows beyond k that lie as far as the k-th and are looked at; of more, the lowest indices."""
_NEAR = 1e-6
"""Squared distance, relative to the query's length, below which ‖q‖² + ‖x‖² − 2·q·x has lost
digits that the difference q − x still has."""
_U32, _U64 = 2.0**-24, 2.0**-53


def nearest(
    x: Tensor, queries: Tensor, k: int, leave_out: bool, distance: Distance = "euclidean"
) -> Tensor:
    """Return (m, k) indices of the rows of `x` (n, d) nearest to `queries` (m, d).

    The nearest come first, of equally near ones the lower index. With `leave_out`, `queries` is
    `x` itself and no row is its own neighbour. The cosine with a row of zeros is taken as 0.

    A search in float32 gives a few more candidates than k; those that its error bound cannot
    tell apart are measured again in float64, and queries for which it cannot rule out the rest
    are searched again in float64. Memory: a float64 copy of `x` and a block of distances.
    """
    search = _Search(_Rows.of(x, distance), k, leave_out)
    block = max(1, min(_BLOCK, _ENTRIES // len(x)))
    found = torch.empty(len(queries), k, dtype=torch.int64, device=x.device)
    for start in range(0, len(queries), block):
        part = _Rows.of(queries[start : start + block], distance)
        numbers = torch.arange(start, start + len(part.half), device=x.device)
        indices, certain = search.quick(part, numbers)
        doubtful = (~certain).nonzero()[:, 0]
        if len(doubtful):
            indices[doubtful] = search.thorough(part.pick(doubtful), numbers[doubtful])
        found[start : start + block] = indices
    return found


@dataclass(frozen=True)
class _Rows:
    """Points to search among or for, so that a key ½‖q − x‖² = q.half + x.half − q·x ranks them.

    Attributes
    ----------
    rough, fine : (n, d) in float32 and float64; of unit length for the cosine.
    half, norm : (n,) float64.
    """

    rough: Tensor
    fine: Tensor
    half: Tensor
    norm: Tensor

    @classmethod
    def of(cls, x: Tensor, distance: Distance) -> _Rows:
        fine = x.double()
        half = (fine * fine).sum(1) / 2
        if distance == "cosine":
            length = (2 * half).sqrt()
            fine = fine / torch.where(length > 0, length, 1)[:, None]
            # Not 0 for a row of zeros, whose key is then that of a cosine of 0.
            half = torch.full_like(half, 0.5)
        return cls(fine.float(), fine, half, (2 * half).sqrt())

    def pick(self, which: Tensor) -> _Rows:
        return _Rows(self.rough[which], self.fine[which], self.half[which], self.norm[which])


class _Search:
    """The k nearest of the known rows."""

    def __init__(self, known: _Rows, k: int, leave_out: bool) -> None:
        self.known, self.k, self.leave_out = known, k, leave_out
        n = len(known.half)
        self.candidates = min(n - leave_out, k + _SPARE)
        self.exhaustive = self.candidates == n - leave_out
        self.groups = max(1, min(16, math.isqrt(n // self.candidates)))
        self.columns = -(-n // self.groups)
        self.rough_half = known.half.float()

    def quick(self, queries: _Rows, numbers: Tensor) -> tuple[Tensor, Tensor]:
        """Return (b, k) neighbours, and (b,) whether they are proved to be the nearest."""
        keys, found = self._smallest(self._rough_keys(queries.rough, numbers))
        keys = keys.double() + queries.half[:, None]
        last = keys[:, -1]
        error = self._error(queries, self.known.norm[found].amax(1), _U32)
        close = (keys[:, 1:] - keys[:, :-1]) <= 2 * error[:, None]
        doubtful = torch.zeros_like(keys, dtype=torch.bool)
        doubtful[:, 1:] |= close
        doubtful[:, :-1] |= close
        keys[doubtful] = self._measure(queries, found, doubtful)
        found = _in_order(keys, found)
        if self.exhaustive:
            return found[:, : self.k], torch.ones_like(last, dtype=torch.bool)
        # Whoever is nearer than the k-th is no longer than the query and that distance together.
        kth = keys.kthvalue(self.k, 1).values + error
        reach = queries.norm + (2 * kth.clamp_min(0)).sqrt()
        unseen = self._error(queries, torch.minimum(reach, self.known.norm.max()), _U32)
        return found[:, : self.k], kth < last - unseen

    def thorough(self, queries: _Rows, numbers: Tensor) -> Tensor:
        """Return (b, k) neighbours found in float64.

        Those that its rounding cannot tell from the k-th are measured too, up to `_TIES` of them.
        """
        keys = queries.half[:, None] + self.known.half - queries.fine @ self.known.fine.T
        if self.leave_out:
            keys[torch.arange(len(keys), device=keys.device), numbers] = torch.inf
        kth = keys.topk(self.k, largest=False).values[:, -1:]
        reach = queries.norm + (2 * kth[:, 0].clamp_min(0)).sqrt()
        error = self._error(queries, reach, _U64)[:, None]
        nearer, level = keys < kth - error, (keys - kth).abs() <= error
        room = self.k + _TIES - nearer.sum(1, keepdim=True)
        chosen = nearer | (level & (level.cumsum(1) <= room))
        counts = chosen.sum(1, keepdim=True)
        taken = torch.arange(int(counts.max()), device=keys.device) < counts
        found = torch.zeros_like(taken, dtype=torch.int64)
        found[taken] = chosen.nonzero()[:, 1]
        keys = torch.full(taken.shape, torch.inf, dtype=keys.dtype, device=keys.device)
        keys[taken] = self._measure(queries, found, taken)
        return _in_order(keys, found)[:, : self.k]

    def _rough_keys(self, queries: Tensor, numbers: Tensor) -> Tensor:
        """Return keys (b, ≥ n) less the queries' own half, in float32, padded with infinity."""
        n, d = self.known.rough.shape
        padded = queries.new_empty((len(queries), self.columns * self.groups))
        padded[:, n:] = torch.inf
        keys = padded[:, :n]
        so_far = self.rough_half
        for start in range(0, d, _CHUNK):
            part = slice(start, start + _CHUNK)
            rows = self.known.rough[:, part]
            so_far = torch.addmm(so_far, queries[:, part], rows.T, alpha=-1, out=keys)
        if self.leave_out:
            keys[torch.arange(len(keys), device=keys.device), numbers] = torch.inf
        return padded

    def _smallest(self, keys: Tensor) -> tuple[Tensor, Tensor]:
        """Return the candidates' keys (b, c), growing, and their indices.

        The c smallest are in the c groups whose least are smallest: long rows cost little.
        """
        if self.groups == 1:
            smallest = keys.topk(self.candidates, largest=False)
            return smallest.values, smallest.indices
        least = keys.view(len(keys), self.groups, self.columns).amin(1)
        chosen = least.topk(self.candidates, largest=False, sorted=False).indices
        steps = torch.arange(self.groups, device=keys.device)[:, None] * self.columns
        members = (chosen[:, None, :] + steps).flatten(1)
        smallest = keys.gather(1, members).topk(self.candidates, largest=False)
        return smallest.values, members.gather(1, smallest.indices)

    def _error(self, queries: _Rows, norm: Tensor, unit: float) -> Tensor:
        """Return (b,) a bound on the error of keys to rows of at most a `norm` (b,).

        A sum of s products is wrong by at most s · unit · ‖q‖‖x‖ (Higham 2002, eq. 3.5); then
        the sums are added up, and what goes in had been rounded.
        """
        d = self.known.fine.shape[1]
        terms, sums = (d, 1) if unit == _U64 else (min(d, _CHUNK), -(-d // _CHUNK))
        product = (terms + sums + 3) * queries.norm * norm
        return 1.01 * unit * (product + (sums + 2) * (norm**2 + queries.norm**2) / 2)

    def _measure(self, queries: _Rows, found: Tensor, which: Tensor) -> Tensor:
        """Return the float64 keys of those of the pairs (query, found) that `which` marks."""
        first = which.nonzero()[:, 0]
        second = found[which]
        ends = torch.zeros(len(which) + 1, dtype=torch.int64, device=which.device)
        ends[1:] = which.sum(1).cumsum(0)
        shape = (len(which), len(self.known.half))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sparse")
            pattern = torch.sparse_csr_tensor(
                ends, second, queries.half.new_zeros(len(second)), shape, check_invariants=False
            )
            product = torch.sparse.sampled_addmm(
                pattern, queries.fine, self.known.fine.T, beta=0.0
            ).values()
        keys: Tensor = queries.half[first] + self.known.half[second] - product
        near = (keys <= _NEAR * queries.half[first]).nonzero()[:, 0]
        for some in torch.split(near, max(1, _PAIRS // queries.fine.shape[1])):
            apart = queries.fine[first[some]] - self.known.fine[second[some]]
            keys[some] = (apart * apart).sum(1) / 2
        return keys


def _in_order(keys: Tensor, found: Tensor) -> Tensor:
    """Return `found` (b, c) by growing keys, of equal keys the lower index first."""
    wrong = (keys[:, 1:] <= keys[:, :-1]).any(1).nonzero()[:, 0]
    if len(wrong):
        indices, order = found[wrong].sort(1)
        order = keys[wrong].gather(1, order).sort(dim=1, stable=True).indices
        found[wrong] = indices.gather(1, order)
    return found
