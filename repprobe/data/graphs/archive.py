"""Graphs of the user's own: an `.npz` with the arrays that torch-geometric has, by their names."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from repprobe.data.arrays import open_npz
from repprobe.data.dataset import Part
from repprobe.data.graphs.build import as_features, build_graphs, check_edges
from repprobe.data.graphs.parts import NodePart
from repprobe.data.labels import as_labels, task_of
from repprobe.data.source import Source
from repprobe.errors import DataError

_MASKS = ("train_mask", "test_mask")


def holds_graphs(path: Path) -> bool:
    """Tell whether an `.npz` has an array `edge_index`; a damaged file has none."""
    try:
        with zipfile.ZipFile(path) as archive:
            return "edge_index.npy" in archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return False


def read_graph_npz(path: Path) -> Source:
    """Read graphs, or one graph whose nodes are the examples.

    The archive holds `x` (N, F), `edge_index` (2, E) with each edge of an undirected graph in
    both directions, and `y`; where there are edge features, `edge_attr` (E, D). With `batch` (N,),
    the graph of each node in increasing order, `y` has a label for each graph. Without it, `y`
    has one for each node, and `train_mask` and `test_mask` (N,) may say which nodes are in which
    part; if only one of them does, the other part has all other nodes. Integers in `y` are
    classes, floats regression targets; `classes` may hold the names.

    Raises
    ------
    DataError
        The file is damaged, an array is missing, or the arrays do not fit each other.
    """
    with open_npz(path) as archive:
        held = {name: archive[name] for name in archive.files}
    origin = f"'{path}'"
    if missing := [name for name in ("x", "y") if name not in held]:
        raise DataError(f"{origin} has no array {missing[0]}; graphs need x, edge_index and y.")
    x = as_features(held["x"], f"the features x of {origin}")
    edges = _integers(held["edge_index"], (2, None), "(2, E)", f"edge_index of {origin}")
    labels = as_labels(held["y"], f"the labels y of {origin}")
    edge_features = None
    if "edge_attr" in held:
        found = as_features(held["edge_attr"], f"the edge features edge_attr of {origin}")
        if len(found) != edges.shape[1]:
            raise DataError(f"{origin} has {edges.shape[1]} edges but {len(found)} edge_attr.")
        edge_features = found.astype(np.float32, copy=False)
    task = task_of(labels)
    classes = tuple(map(str, held["classes"].ravel())) if "classes" in held else ()
    train: Part
    test: Part | None = None
    if "batch" in held:
        if mask := next((name for name in _MASKS if name in held), None):
            raise DataError(f"{origin} has {mask}, which is for nodes, and batch; leave one out.")
        graph = _integers(held["batch"], (len(x),), f"({len(x)},)", f"batch of {origin}")
        train = build_graphs(x, edges, graph, labels, edge_features, origin)
    else:
        if len(labels) != len(x):
            raise DataError(
                f"{origin} has {len(x)} nodes but {len(labels)} labels; if these are labels of "
                "graphs, store the graph of each node as batch."
            )
        check_edges(edges, len(x), origin)
        floats = x.astype(np.float32, copy=False)
        nodes, test_nodes = _parts(held, len(x), origin)
        train = NodePart(floats, edges, nodes, labels[nodes], edge_features)
        if test_nodes is not None:
            test = NodePart(floats, edges, test_nodes, labels[test_nodes], edge_features)
    return Source(train, test, task, 1.0, path, (path,), classes if task != "regression" else ())


def _integers(
    values: NDArray[Any], shape: tuple[int | None, ...], wanted: str, origin: str
) -> NDArray[np.int64]:
    """Return int64; raises DataError unless these are integers of the shape, None being any."""
    fits = values.ndim == len(shape) and all(
        size in (None, found) for size, found in zip(shape, values.shape, strict=True)
    )
    if values.dtype.kind not in "iu" or not fits:
        raise DataError(
            f"{origin} is {values.dtype} of shape {values.shape}; need integers of shape {wanted}."
        )
    return values.astype(np.int64)


def _parts(
    held: dict[str, NDArray[Any]], count: int, origin: str
) -> tuple[NDArray[np.int64], NDArray[np.int64] | None]:
    """Return the nodes of the training and the test part; all and None without masks."""
    masks = {name: held[name] for name in _MASKS if name in held}
    for name, mask in masks.items():
        if mask.dtype != np.bool_ or mask.shape != (count,):
            raise DataError(
                f"{name} of {origin} is {mask.dtype} of shape {mask.shape}; need bool of shape "
                f"({count},)."
            )
    if not masks:
        return np.arange(count), None
    train = masks["train_mask"] if "train_mask" in masks else ~masks["test_mask"]
    test = masks.get("test_mask", ~train)
    if (both := np.flatnonzero(train & test)).size:
        raise DataError(f"node {both[0]} of {origin} is in train_mask and in test_mask.")
    return np.flatnonzero(train), np.flatnonzero(test)
