"""The two graph tasks of the paper: maximum degree and maximum node feature."""

from __future__ import annotations

import contextlib
import zipfile
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from repprobe.data.graphs.erdos_renyi import connected_graphs, maximum_degrees
from repprobe.data.graphs.names import TASKS
from repprobe.data.graphs.parts import GraphPart, starts_of
from repprobe.data.names import cache_folder
from repprobe.data.source import Source
from repprobe.errors import UsageError

Split = Literal["train", "validation", "test"]
Arrays = dict[str, NDArray[Any]]

GRAPHS = 10_000
"""Training graphs of the paper."""

LEAST, MOST = 10, 1_000_000
"""Training graphs that can be asked for."""

_NODES = {"train": (20, 39), "validation": (20, 39), "test": (50, 69)}
_STREAM = 4
_VERSION = 1


def read_task(name: str) -> Source:
    """Generate `max-degree` or `max-feature`; `max-degree:2000` has 2,000 graphs for training.

    The graphs are always the same ones: those of seed 0. Raises UsageError for a size that is
    no number from `LEAST` to `MOST`.
    """
    task, _, size = name.partition(":")
    graphs = graphs_of(size) if ":" in name else GRAPHS
    train, degrees = task_part(task, "train", graphs)
    test, _ = task_part(task, "test", graphs)
    other = degrees if task == "max-feature" else None
    return Source(train, test, "regression", 1.0, Path(name), instance_labels=other)


def graphs_of(text: str) -> int:
    """Read the number of training graphs; raises UsageError."""
    if not (text.isascii() and text.isdigit() and LEAST <= int(text[:9]) <= MOST):
        raise UsageError(
            f"'{text}' is no number of training graphs; give one from {LEAST} to {MOST:,}, such as "
            f"{TASKS[0]}:2000."
        )
    return int(text)


def task_part(
    task: str, split: Split, graphs: int = GRAPHS, seed: int = 0
) -> tuple[GraphPart, NDArray[np.float64]]:
    """Return one part of a task, generated once and then read from the user's cache.

    Connected Erdős–Rényi graphs, every ninth of them with p = 0.1, 0.2, …, 0.9, of 20–39 nodes
    for training and validation and 50–69 for the test, drawn uniformly (arXiv 2012.12896, section
    4). One integer is each node's feature: for `max-degree` uniform on 1…100, for `max-feature` on
    1…M − 1, M being drawn from 20…100 for each graph.

    Parameters
    ----------
    task : "max-degree", whose target is the largest number of neighbours, or "max-feature".
    graphs : number of training graphs; a fifth as many are for validation, as many for the test.

    Returns
    -------
    part, degrees
        The graphs and their targets, and the maximum degrees float64 (G,), which are the
        instance-dependent noise of `max-feature`.
    """
    count = graphs // 5 if split == "validation" else graphs
    file = cache_folder(task) / f"{split}-{count}-seed{seed}-v{_VERSION}.npz"
    made = _read(file) or _write(file, _generate(task, split, count, seed))
    starts, edge_starts = starts_of(made["nodes"]), starts_of(made["counts"])
    degrees = made["degrees"].astype(np.float64)
    largest = np.maximum.reduceat(made["x"][:, 0], starts[:-1]).astype(np.float64)
    labels = degrees if task == "max-degree" else largest
    return GraphPart(made["x"], starts, made["edges"], edge_starts, labels, mirrored=True), degrees


def _generate(task: str, split: Split, count: int, seed: int) -> Arrays:
    # Only `random` is used: its stream is the same in every version of numpy.
    key = [seed, _STREAM, TASKS.index(task), list(_NODES).index(split)]
    random = np.random.Generator(np.random.PCG64(key))
    least, most = _NODES[split]
    nodes = least + (random.random(count) * (most - least + 1)).astype(np.int64)
    p = (np.arange(count) % 9 + 1) / 10
    values = np.full(count, 100)
    if task == "max-feature":
        values = 19 + (random.random(count) * 81).astype(np.int64)
    x = 1 + (random.random(int(nodes.sum())) * np.repeat(values, nodes)).astype(np.int64)
    edges, edge_starts = connected_graphs(nodes, p, random)
    return {
        "nodes": nodes.astype(np.uint8),
        "x": x[:, None].astype(np.uint8),
        "edges": edges,
        "counts": np.diff(edge_starts).astype(np.int32),
        "degrees": maximum_degrees(edges, edge_starts, starts_of(nodes)).astype(np.uint8),
    }


def _read(file: Path) -> Arrays | None:
    """Return what the cache holds; a file that is damaged is as good as none."""
    try:
        with np.load(file, allow_pickle=False) as archive:
            return {k: archive[k] for k in ("nodes", "x", "edges", "counts", "degrees")}
    except (OSError, EOFError, KeyError, ValueError, zipfile.BadZipFile):
        return None


def _write(file: Path, made: Arrays) -> Arrays:
    """Keep the arrays for the next time, where that can be; they are only slower to make."""
    from repprobe.atomic import whole_file

    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(file) as stream:
            np.savez(stream, **made)  # type: ignore[arg-type]
    return made
