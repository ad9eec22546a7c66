"""Where a plain network's convolutions step, pad and pool: all ways that lead to its first linear
layer, the commonest first."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from typing import NamedTuple

from repprobe.checkpoints.recovery.chain import Weighted

Size = tuple[int, int]

KEPT = 400
"""Ways that are kept per size behind each convolution, of which there can be millions."""


class Pool(NamedTuple):
    """A pooling window: kernel size, stride and padding, in pixels."""

    kernel: int
    stride: int
    padding: int = 0


class Place(NamedTuple):
    """How one convolution is laid over the image, and the pooling behind it, if any."""

    stride: int
    padding: Size
    dilation: int
    pool: Pool | None


class Joint(NamedTuple):
    """How images become vectors: "flatten", or the "avg" or "max" of size × size parts first."""

    kind: str
    size: int = 0


class Geometry(NamedTuple):
    """Places of all convolutions, and the joint; None where there are no convolutions.

    `surprise` says how uncommon it is: 0 for what most networks have, and about 1 for each
    uncommon choice.
    """

    places: tuple[Place, ...]
    joint: Joint
    surprise: float


POOLS: tuple[tuple[Pool | None, float], ...] = (
    (Pool(2, 2), 0.0),
    (None, 0.3),
    (Pool(3, 2), 1.5),
    (Pool(3, 2, 1), 1.5),
    (Pool(3, 3), 2.0),
    (Pool(2, 1), 3.0),
    (Pool(4, 4), 2.5),
    (Pool(3, 1, 1), 3.0),
)
"""Poolings with what each adds to the surprise."""

_STRIDED_POOL, _DILATED, _LONG_STEP, _POOLED_TWICE = 1.5, 2.5, 2.5, 0.6


@dataclass(frozen=True)
class Space:
    """All geometries that fit.

    Attributes
    ----------
    count : how many there are.
    likely : the least surprising of them, in that order.
    """

    count: int
    likely: tuple[Geometry, ...]


def find(
    convolutions: Sequence[Weighted],
    size: Size,
    taken: int | None,
    gaps: Sequence[int | None] = (),
    limit: int = 1500,
) -> Space:
    """Find the geometries of a chain of convolutions.

    Parameters
    ----------
    convolutions : in the order of execution.
    size : height and width of the input.
    taken : values that the first linear layer takes; None where there is none.
    gaps : of each convolution, how many modules without weights its file says to stand between it
        and the next; None, or none at all, where it does not say.
    limit : how many geometries are returned at most.
    """
    # per size: the ways there, (surprise, places), the least surprising first, and their number
    ways: dict[Size, tuple[list[tuple[float, tuple[Place, ...]]], int]] = {size: ([(0.0, ())], 1)}
    for i, conv in enumerate(convolutions):
        gap = gaps[i] if i < len(gaps) else None
        last = i == len(convolutions) - 1
        reached: dict[Size, list[Iterator[tuple[float, tuple[Place, ...]]]]] = {}
        counts: dict[Size, int] = {}
        for before, (known, number) in ways.items():
            for place, extra in _places(conv.kernel):
                after = size_behind(before, conv.kernel, place)
                if after is None or (conv.kernel == (1, 1) and place.padding != (0, 0)):
                    continue
                extra += _said(gap, place.pool, last)
                reached.setdefault(after, []).append(_extended(known, place, extra))
                counts[after] = counts.get(after, 0) + number
        ways = {after: (_least(streams, KEPT), counts[after]) for after, streams in reached.items()}
    found: list[Geometry] = []
    count = 0
    for reached_size, (known, number) in ways.items():
        for joint, extra in _joints(convolutions[-1].after, reached_size, taken):
            count += number
            for cost, places in known:
                twice = joint.kind != "flatten" and places[-1].pool is not None
                total = cost + extra + (_POOLED_TWICE if twice else 0.0)
                found.append(Geometry(places, joint, total))
    found.sort(key=lambda geometry: geometry.surprise)
    return Space(count, tuple(found[:limit]))


def size_behind(size: Size, kernel: Size, place: Place) -> Size | None:
    """Return height and width behind a convolution and its pooling; None where nothing is left."""
    sides = []
    for side, k, padding in zip(size, kernel, place.padding, strict=True):
        side = (side + 2 * padding - place.dilation * (k - 1) - 1) // place.stride + 1
        if side < 1:
            return None
        if place.pool is not None:
            if side + 2 * place.pool.padding < place.pool.kernel:
                return None
            side = (side + 2 * place.pool.padding - place.pool.kernel) // place.pool.stride + 1
        sides.append(side)
    return sides[0], sides[1]


@lru_cache
def _places(kernel: Size) -> tuple[tuple[Place, float], ...]:
    """Return how a convolution of that kernel may be laid, with the surprise."""
    found = []
    steps = {1: 0.0, 2: 0.7, **{k: _LONG_STEP for k in (3, 4) if k <= max(kernel) + 1}}
    if kernel[0] == kernel[1] > 2:
        steps[kernel[0]] = min(steps.get(kernel[0], 9.0), 2.0)
    for (stride, far), dilation in product(steps.items(), (1, 2)):
        if dilation > 1 and max(kernel) == 1:
            continue
        for padding, odd in _paddings(kernel, dilation):
            for pool, unusual in POOLS:
                surprise = far + odd + unusual + (_DILATED if dilation > 1 else 0.0)
                if pool is not None and stride > 1:
                    surprise += _STRIDED_POOL
                elif pool is None and stride > 1:
                    surprise -= 0.3  # strides stand in for pooling
                found.append((Place(stride, padding, dilation, pool), surprise))
    return tuple(found)


def _paddings(kernel: Size, dilation: int) -> list[tuple[Size, float]]:
    half = (dilation * (kernel[0] - 1) // 2, dilation * (kernel[1] - 1) // 2)
    found: dict[Size, float] = {half: 0.0, (0, 0): 0.2}
    if kernel[0] == kernel[1] > 1:
        for padding in (1, 2, kernel[0] // 2, kernel[0] - 1):
            found.setdefault((padding, padding), 1.0 if padding == kernel[0] // 2 else 2.0)
    return list(found.items())


def _said(gap: int | None, pool: Pool | None, last: bool) -> float:
    """Return the surprise at a pooling, or none, in view of how many modules stand there.

    One is an activation; behind the last convolution there may be one more, that flattens.
    """
    if gap is None:
        return 0.0
    if pool is not None:
        return 4.0 if gap < 2 else 0.0
    return 0.5 if gap > (2 if last else 1) else 0.0


def _joints(channels: int, size: Size, taken: int | None) -> list[tuple[Joint, float]]:
    """Return how images of that size become what the first linear layer takes."""
    area = size[0] * size[1]
    if taken is None:
        return [(Joint("avg", 1), 0.0), (Joint("max", 1), 2.0)] if area > 1 else [(FLATTEN, 0.0)]
    if area * channels == taken:
        return [(FLATTEN, 0.0)]
    if taken == channels:
        return [(Joint("avg", 1), 0.0), (Joint("max", 1), 1.5)]
    side = round((taken // channels) ** 0.5)
    if side * side * channels == taken and side <= min(size):
        return [(Joint("avg", side), 2.0), (Joint("max", side), 3.5)]
    return []


FLATTEN = Joint("flatten")


def _extended(
    known: list[tuple[float, tuple[Place, ...]]], place: Place, extra: float
) -> Iterator[tuple[float, tuple[Place, ...]]]:
    for cost, places in known:
        yield cost + extra, (*places, place)


def _least(
    streams: list[Iterator[tuple[float, tuple[Place, ...]]]], limit: int
) -> list[tuple[float, tuple[Place, ...]]]:
    """Merge sorted streams, up to `limit` ways."""
    merged = heapq.merge(*streams, key=lambda way: way[0])
    return [way for way, _ in zip(merged, range(limit), strict=False)]
