"""The text files of the TU Dortmund collections of graphs, such as MUTAG and PROTEINS."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from repprobe.data.graphs.build import Features, as_features, build_graphs, check_edges
from repprobe.data.labels import Labels, task_of
from repprobe.data.source import Source
from repprobe.errors import DataError

_MOST_VALUES = 10_000
"""Values of a node or edge label that become columns."""


def find_tu(root: Path) -> tuple[Path, str] | None:
    """Return the folder of the text files, `root` or `root/raw`, and the collection's name."""
    for folder in (root, root / "raw"):
        for file in sorted(folder.glob("*_A.txt")):
            name = file.name.removesuffix("_A.txt")
            if (folder / f"{name}_graph_indicator.txt").is_file():
                return folder, name
    return None


def read_tu(root: Path) -> Source:
    """Read a collection as `torch_geometric.datasets.TUDataset` does with its usual settings.

    A node's features are its labels, one column for each value. Where nodes have no labels, they
    are its attributes, and where they have neither, its degree. Edge labels are edge features.
    Self-loops are left out, and edges that stand there twice are one. Format: NAME_A.txt has an
    edge per line, numbered from 1; NAME_graph_indicator.txt the graph of each node;
    NAME_graph_labels.txt the classes, or NAME_graph_attributes.txt regression targets.

    Raises
    ------
    DataError
        A file is missing, damaged, or does not fit the others.
    """
    found = find_tu(root)
    assert found is not None
    files = _Files(*found)
    origin = f"'{root}'"
    graph = files.numbers("graph_indicator", np.int64)[:, 0] - 1
    edges = files.numbers("A", np.int64, 2).T - 1
    check_edges(edges, len(graph), f"'{files.path('A')}'")
    edge_features = files.one_hot("edge_labels", edges.shape[1], "edges")
    edges, merged = _coalesce(edges, len(graph), edge_features)
    x, notes = _node_features(files, edges, len(graph), origin)
    labels, classes = _labels(files, origin)
    part = build_graphs(x, edges, graph, labels, merged, origin)
    return Source(part, None, task_of(labels), 1.0, root, tuple(files.read), classes, notes)


class _Files:
    """The files of one collection; `read` lists those that were."""

    def __init__(self, folder: Path, name: str) -> None:
        self.folder, self.name = folder, name
        self.read: list[Path] = []

    def path(self, kind: str) -> Path:
        return self.folder / f"{self.name}_{kind}.txt"

    def has(self, kind: str) -> bool:
        return self.path(kind).is_file()

    def numbers(self, kind: str, dtype: Any, columns: int | None = None) -> NDArray[Any]:
        """Return the numbers of a file as (lines, columns); one of `columns` may have no lines."""
        path = self.path(kind)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # a file without lines
                found = np.loadtxt(path, dtype, comments=None, delimiter=",", ndmin=2)
        except FileNotFoundError:
            raise DataError(f"'{self.folder}' lacks the file {path.name}.") from None
        except (ValueError, OSError) as err:
            raise DataError(
                f"cannot read '{path}': {' '.join(str(err).split()).rstrip('.')}."
            ) from err
        if columns is not None and len(found) and found.shape[1] != columns:
            raise DataError(f"'{path}' has {found.shape[1]} numbers per line; need {columns}.")
        if not len(found) and columns is None:
            raise DataError(f"'{path}' is empty.")
        self.read.append(path)
        return found if columns is None else found.reshape(-1, columns)

    def one_hot(self, kind: str, count: int, what: str) -> NDArray[np.uint8] | None:
        """Return one column for each value between the least and the largest of each label."""
        if not self.has(kind) or not count:
            return None
        values = self.numbers(kind, np.int64)
        if len(values) != count:
            raise DataError(f"'{self.path(kind)}' has {len(values)} lines for {count} {what}.")
        values = values - values.min(axis=0)
        widths = values.max(axis=0) + 1
        if widths.sum() > _MOST_VALUES:
            raise DataError(
                f"'{self.path(kind)}' has labels that span {widths.sum():,} values; at most "
                f"{_MOST_VALUES:,} can be columns."
            )
        columns = values + np.cumsum(widths) - widths
        encoded = np.zeros((count, int(widths.sum())), np.uint8)
        np.put_along_axis(encoded, columns, 1, axis=1)
        return encoded


def _node_features(
    files: _Files, edges: NDArray[np.int64], count: int, origin: str
) -> tuple[Features, tuple[str, ...]]:
    encoded = files.one_hot("node_labels", count, "nodes")
    if encoded is not None:
        return encoded, ()
    if files.has("node_attributes"):
        values = files.numbers("node_attributes", np.float32)
        note = f"nodes of {origin} have no labels: their attributes are the features."
        return as_features(values, f"'{files.path('node_attributes')}'"), (note,)
    degrees = np.bincount(edges[0], minlength=count).astype(np.float32)
    return degrees[:, None], (f"nodes of {origin} have no features: each has its degree as one.",)


def _labels(files: _Files, origin: str) -> tuple[Labels, tuple[str, ...]]:
    """Return targets, or classes with the numbers in the file as their names."""
    if files.has("graph_attributes"):
        targets = files.numbers("graph_attributes", np.float64)
        return targets[:, 0] if targets.shape[1] == 1 else targets, ()
    if not files.has("graph_labels"):
        raise DataError(f"{origin} lacks the file {files.path('graph_labels').name}.")
    values, classes = np.unique(files.numbers("graph_labels", np.int64), return_inverse=True)
    return classes.ravel().astype(np.int64), tuple(map(str, values.tolist()))


def _coalesce(
    edges: NDArray[np.int64], nodes: int, features: NDArray[np.uint8] | None
) -> tuple[NDArray[np.int64], NDArray[np.float32] | None]:
    """Leave out self-loops and merge equal edges, whose features are added up; sort the rest."""
    kept = edges[0] != edges[1]
    keys = edges[0, kept] * nodes + edges[1, kept]
    if features is None:
        return np.stack(np.divmod(np.unique(keys), nodes)), None
    distinct, place = np.unique(keys, return_inverse=True)
    summed = [np.bincount(place, column, len(distinct)) for column in features[kept].T]
    return np.stack(np.divmod(distinct, nodes)), np.stack(summed, axis=1).astype(np.float32)
