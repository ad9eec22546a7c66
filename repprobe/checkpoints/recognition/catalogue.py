"""`Catalogue`: the fingerprints of a library's networks, worked out once and kept in the cache."""

from __future__ import annotations

import gc
import hashlib
import json
import logging
import os
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from repprobe import zoo
from repprobe.atomic import whole_file
from repprobe.checkpoints.recognition.fingerprints import (
    Fingerprint,
    Progress,
    core,
    mark,
    names_mark,
    order_marks,
    take,
)
from repprobe.zoo.registry import Shapes

FORMAT = 3
"""Number of the cache's format; files of another are left alone."""

_SKETCH, _NEAREST = 32, 24
"""Hashes in a sketch, and networks whose keys are compared one by one."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Row:
    """A network in the index: what it is called, how its shapes are marked, where they lie.

    Attributes
    ----------
    form : of networks whose shapes are alike in order, the same mark.
    sketch : the smallest hashes of its keys, which tell how many it shares with others.
    span : start and length of its compressed entries.
    """

    architecture: str
    arguments: dict[str, Any]
    size: tuple[int, ...] | None
    form: str
    sketch: tuple[int, ...]
    span: tuple[int, int]


@dataclass(frozen=True)
class Catalogue:
    """Fingerprints of many networks, looked up by names or by order of shapes.

    Attributes
    ----------
    rows : one per network.
    names, order : mark → numbers of the rows that have it.
    packed : the compressed entries of all.
    """

    rows: list[Row]
    names: dict[str, list[int]]
    order: dict[str, list[int]]
    packed: bytes

    @classmethod
    def of(cls, fingerprints: list[Fingerprint]) -> Catalogue:
        """Make the index of fingerprints."""
        rows: list[Row] = []
        names: dict[str, list[int]] = {}
        order: dict[str, list[int]] = {}
        packed = bytearray()
        for number, known in enumerate(fingerprints):
            data = zlib.compress(json.dumps(list(known.entries.items())).encode())
            form = mark(*(str(shape) for shape in core(known.entries).values()))
            span = (len(packed), len(data))
            about = (form, sketch(known.entries), span)
            rows.append(Row(known.architecture, known.arguments, known.size, *about))
            packed += data
            names.setdefault(names_mark(known.entries), []).append(number)
            for text in order_marks(known.entries):
                order.setdefault(text, []).append(number)
        return cls(rows, names, order, bytes(packed))

    def __iter__(self) -> Iterator[Fingerprint]:
        """Give every fingerprint."""
        return map(self.fingerprint, self.rows)

    def fingerprint(self, row: Row) -> Fingerprint:
        """Return the fingerprint of a row."""
        start, length = row.span
        entries = json.loads(zlib.decompress(self.packed[start : start + length]))
        shapes = {key: tuple(shape) for key, shape in entries}
        return Fingerprint(row.architecture, row.arguments, row.size, shapes)

    def named(self, shapes: Shapes) -> list[Fingerprint]:
        """Return the networks that have the same keys, derived buffers aside."""
        return [self.fingerprint(self.rows[i]) for i in self.names.get(names_mark(shapes), [])]

    def ordered(self, shapes: Shapes) -> list[Fingerprint]:
        """Return the networks that may have the same shapes in the same order."""
        numbers = {i for text in order_marks(shapes) for i in self.order.get(text, [])}
        return [self.fingerprint(self.rows[i]) for i in sorted(numbers)]

    def nearest(self, shapes: Shapes) -> list[Fingerprint]:
        """Return the networks that share the most keys, by an estimate."""
        given = sketch(shapes)
        shared = sorted(self.rows, key=lambda row: -_overlap(row.sketch, given))
        return [self.fingerprint(row) for row in shared[:_NEAREST]]

    def dump(self) -> bytes:
        """Return what `load` reads."""
        rows = [[r.architecture, r.arguments, r.size, r.form, r.sketch, r.span] for r in self.rows]
        index = json.dumps([rows, self.names, self.order]).encode()
        return index + b"\n" + self.packed

    @classmethod
    def load(cls, data: bytes) -> Catalogue:
        """Read what `dump` wrote."""
        index, _, packed = data.partition(b"\n")
        rows, names, order = json.loads(index)
        made = [
            Row(name, given, tuple(size) if size else None, form, tuple(keys), (span[0], span[1]))
            for name, given, size, form, keys, span in rows
        ]
        return cls(made, names, order, packed)


def catalogue(library: str, progress: Progress | None = None) -> tuple[Catalogue, bool]:
    """Return the catalogue of "torchvision", "timm" or "zoo", and whether it had to be made.

    It is kept as `repprobe/LIBRARY-VERSION.fingerprints` in `$XDG_CACHE_HOME` (`~/.cache`); a
    damaged file is made anew, and where none can be written it is made every time. The catalogue
    of a library that is not installed is empty.
    """
    try:
        path = cache_folder() / f"{library}-{_version(library)}-{FORMAT}.fingerprints"
    except PackageNotFoundError:
        return Catalogue.of([]), False
    stored = load_cached(path)
    if stored is not None:
        return Catalogue.load(stored), False
    made = Catalogue.of(_make(library, progress))
    store_cached(path, made.dump())
    return made, True


def variants(library: str) -> list[tuple[str, dict[str, Any]]]:
    """List the networks of a library, and the arguments that tell their variants apart."""
    from repprobe.checkpoints.builders import vision

    if library == "zoo":
        from repprobe.checkpoints.recognition.renamed_zoo import usual_forms

        return list(usual_forms())
    if library == "timm":
        try:
            return [(name, {}) for name in vision.timm_names()]
        except ImportError as err:
            _log.info("timm cannot be imported: %s", err)
            return []
    listed: list[tuple[str, dict[str, Any]]] = []
    for name in vision.torchvision_names():
        auxiliary = vision.AUXILIARY.get(name, {})
        listed.append((name, auxiliary))
        if auxiliary:
            listed.append((name, {**auxiliary, "aux_logits": False}))
    return listed


def _version(library: str) -> str:
    """Return the version of a library; that of the zoo is a hash of its files."""
    if library != "zoo":
        return version(library)
    files = sorted(Path(zoo.__path__[0]).glob("*.py"))
    return mark(*(file.read_text("utf-8") for file in files))


def _make(library: str, progress: Progress | None) -> list[Fingerprint]:
    made = []
    listed = variants(library)
    with _without_collection() as collect:
        for done, (name, arguments) in enumerate(listed, start=1):
            try:
                made.append(take(f"{library}:{name}", arguments))
            except Exception as err:  # one that cannot be built here
                _log.info("no fingerprint of %s:%s: %s", library, name, err)
            if progress:
                progress(f"{library} architectures", done, len(listed))
            if done % 100 == 0:
                collect()
    return made


@contextmanager
def _without_collection() -> Iterator[Callable[[], int]]:
    """Hold the garbage collection back, which costs a fifth of the time; gives `gc.collect`."""
    before = gc.isenabled()
    gc.disable()
    try:
        yield gc.collect
    finally:
        if before:
            gc.enable()


def sketch(shapes: Shapes) -> tuple[int, ...]:
    """Return the smallest hashes of the keys, derived buffers aside (Broder 1997, MinHash)."""
    return tuple(sorted(zlib.crc32(key.encode()) for key in core(shapes))[:_SKETCH])


def _overlap(one: tuple[int, ...], other: tuple[int, ...]) -> float:
    """Estimate which share of the keys of either two state dicts have in common."""
    union = sorted({*one, *other})[:_SKETCH]
    return len({*union} & {*one} & {*other}) / max(1, len(union))


def cache_folder() -> Path:
    """Return the folder for what can be made again."""
    home = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(home) if home else Path.home() / ".cache") / "repprobe"


def load_cached(path: Path) -> bytes | None:
    """Read a file of the cache; None where there is none or it is not what was written."""
    try:
        digest, _, data = path.read_bytes().partition(b"\n")
    except OSError:
        return None
    if digest != _digest(data):
        _log.info("the damaged cache %s is made anew", path)
        return None
    return data


def store_cached(path: Path, data: bytes) -> None:
    """Write a file of the cache, if that can be done."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as stream:
            stream.write(_digest(data) + b"\n" + data)
    except OSError as err:
        _log.info("no cache of architectures could be written: %s", err)


def _digest(data: bytes) -> bytes:
    return hashlib.sha256(data).hexdigest().encode()
