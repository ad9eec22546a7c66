"""The torch engine's exact neighbours against scikit-learn's brute force."""

from __future__ import annotations

import numpy as np

from repprobe.probes.engines import Distance, get_engine

from .harness import Report

WIDTH, K = 1024, 200


def run(report: Report) -> None:
    """Both distances, both precisions, few and many rows, 200 neighbours."""
    distances: tuple[Distance, ...] = ("euclidean", "cosine")
    for n, queries in ((5000, 10_000), (50_000, 1000)):
        for dtype in (np.float32, np.float64):
            for distance in distances:
                compare(report, n, queries, dtype, distance)


def compare(
    report: Report, n: int, queries: int, dtype: type, distance: Distance, pairs: int = 5
) -> None:
    """Time one search; equal if the distances are, the k-th included."""
    generator = np.random.default_rng(0)
    x = generator.normal(size=(n, WIDTH)).astype(dtype)
    asked = generator.normal(size=(queries, WIDTH)).astype(dtype)
    ours, peer = get_engine("torch"), get_engine("sklearn")
    few = asked[:500]
    far = [
        _distances(few, x, engine.neighbours(x, few, K, False, distance), distance)
        for engine in (ours, peer)
    ]
    report.compare(
        f"{K} neighbours of {queries:,} in {n:,}, {distance}, {np.dtype(dtype).name}",
        ("torch engine", lambda: ours.neighbours(x, asked, K, False, distance)),
        ("scikit-learn", lambda: peer.neighbours(x, asked, K, False, distance)),
        demand=0.5,
        equal=bool(np.allclose(*far, rtol=1e-6)),
        pairs=pairs,
    )


def _distances(
    queries: np.ndarray, x: np.ndarray, found: np.ndarray, distance: Distance
) -> np.ndarray:
    """Return the distances (m, k) in float64."""
    far = np.empty(found.shape)
    for i, query in enumerate(queries.astype(np.float64)):
        rows = x[found[i]].astype(np.float64)
        if distance == "euclidean":
            far[i] = np.linalg.norm(rows - query, axis=1)
        else:
            far[i] = 1 - rows @ query / np.linalg.norm(rows, axis=1) / np.linalg.norm(query)
    return far
