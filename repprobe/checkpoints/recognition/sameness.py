"""Which networks of the same shapes compute the same, so that only true ties are named."""

from __future__ import annotations

import json
import time
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from repprobe.checkpoints.recognition.catalogue import (
    FORMAT,
    Catalogue,
    cache_folder,
    load_cached,
    store_cached,
)
from repprobe.checkpoints.recognition.fingerprints import CLASSES, Fingerprint, Progress, builder

PATIENCE = 40.0
"""Seconds that ties are looked into after a first fingerprinting; the rest is done on demand."""

_SIZE = (3, 224, 224)
_LIBRARIES = ("torchvision", "timm")


class Sameness:
    """Compares networks by the hashes of what they compute, which are kept in the cache."""

    def __init__(self) -> None:
        self._path = _path()
        stored = load_cached(self._path)
        self._known: dict[str, str | None] = json.loads(stored) if stored else {}
        self._new = False

    def groups(self, networks: Iterable[Fingerprint]) -> list[list[Fingerprint]]:
        """Sort networks of the same shapes into groups that compute the same.

        Groups, and networks within each, stand in the order of preference: torchvision before
        timm, and short names, which are those of the plain variants, before long ones.
        """
        groups: list[list[Fingerprint]] = []
        for network in sorted(networks, key=preference):
            for group in groups:
                if self._same(group[0], network):
                    group.append(network)
                    break
            else:
                groups.append([network])
        self._store()
        return groups

    def prepare(self, catalogues: Iterable[Catalogue], progress: Progress | None = None) -> None:
        """Compare all networks that have the same shapes, as far as `PATIENCE` goes."""
        forms: dict[str, list[Fingerprint]] = {}
        rows = [(kept, row) for kept in catalogues for row in kept.rows]
        for _, row in rows:
            forms.setdefault(row.form, []).append(
                Fingerprint(row.architecture, row.arguments, row.size, {})
            )
        ties = sorted((t for t in forms.values() if len(t) > 1), key=lambda t: preference(t[0]))
        end = time.monotonic() + PATIENCE
        for done, tie in enumerate(ties, start=1):
            if time.monotonic() < end:
                self.groups(tie)
            if progress:
                progress("architectures of equal shapes", done, len(ties))

    def _same(self, one: Fingerprint, other: Fingerprint) -> bool:
        size = one.size or _SIZE
        first = self._expression(one, size)
        return first is not None and first == self._expression(other, size)

    def _expression(self, network: Fingerprint, size: tuple[int, ...]) -> str | None:
        key = json.dumps([network.architecture, network.arguments, size])
        if key not in self._known:
            from repprobe.checkpoints.recognition.trace import expression

            arguments = {**network.arguments, "num_classes": CLASSES}
            self._known[key] = expression(lambda: builder(network.architecture)(**arguments), size)
            self._new = True
        return self._known[key]

    def _store(self) -> None:
        if self._new:
            store_cached(self._path, json.dumps(self._known).encode())
            self._new = False


def preference(network: Fingerprint) -> tuple[int, int, str]:
    """Return what networks of the same shapes are ordered by."""
    library, _, name = network.architecture.partition(":")
    return _LIBRARIES.index(library), len(name), name


def _path() -> Path:
    parts = []
    for package in ("torch", *_LIBRARIES):
        try:
            parts.append(f"{package}-{version(package)}")
        except PackageNotFoundError:
            continue
    return cache_folder() / f"{'-'.join(parts)}-{FORMAT}.expressions"
