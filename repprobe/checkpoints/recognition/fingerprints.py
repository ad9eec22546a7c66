"""Keys and shapes of torchvision's classifiers, worked out once and kept in the user's cache."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from repprobe.atomic import whole_file
from repprobe.zoo.registry import Shapes

Progress = Callable[[str, int, int], None]
"""Called with the name of a stage, the steps done and the steps in all."""

CLASSES = 1009
"""Number of classes fingerprints are taken with: a prime, so no other dimension is it."""

AUXILIARY: dict[str, dict[str, Any]] = {
    "googlenet": {"init_weights": False},
    "inception_v3": {"init_weights": False},
}
"""Networks with auxiliary heads, which checkpoints have or lack, and their arguments."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Fingerprint:
    """The state dict of a network, whatever its number of classes.

    Attributes
    ----------
    name, arguments : what builds it, but for `num_classes`.
    entries : key → shape; a 0 stands for the number of classes. Batch counters are left out,
        since old checkpoints lack them.
    """

    name: str
    arguments: dict[str, Any]
    entries: dict[str, tuple[int, ...]]

    @classmethod
    def of(cls, name: str, arguments: dict[str, Any], shapes: Shapes) -> Fingerprint:
        """Take the fingerprint of a network that was built with `CLASSES` classes."""
        entries = {
            key: tuple(0 if size == CLASSES else size for size in shape)
            for key, shape in without_counters(shapes).items()
        }
        return cls(name, arguments, entries)

    def num_classes(self, shapes: Shapes) -> int | None:
        """Read the number of classes off the state dict; None without a classifying layer."""
        for key, entry in self.entries.items():
            if 0 in entry and len(shapes.get(key, ())) == len(entry):
                return shapes[key][entry.index(0)]
        return None

    def at(self, num_classes: int) -> dict[str, tuple[int, ...]]:
        """Return keys and shapes for a number of classes."""
        return {k: tuple(size or num_classes for size in e) for k, e in self.entries.items()}


def without_counters(shapes: Shapes) -> dict[str, tuple[int, ...]]:
    """Leave out the batch counters of batch norm, which nothing in evaluation depends on."""
    return {k: tuple(s) for k, s in shapes.items() if not k.endswith("num_batches_tracked")}


def torchvision_fingerprints(progress: Progress | None = None) -> list[Fingerprint]:
    """Return the fingerprints of all of torchvision's classifiers.

    They are kept as `repprobe/torchvision-VERSION.json` in `$XDG_CACHE_HOME` (`~/.cache`); a
    damaged file is made anew, and where none can be written they are made every time.
    """
    path = _cache_folder() / f"torchvision-{version('torchvision')}.json"
    cached = _load(path)
    if cached is not None:
        return cached
    made = _make(progress)
    _store(path, made)
    return made


def torchvision_fingerprint(name: str, **arguments: Any) -> Fingerprint:
    """Take the fingerprint of one of torchvision's networks."""
    from torchvision.models import get_model

    from repprobe.checkpoints.blueprint import blueprint

    shapes = blueprint(lambda: get_model(name, weights=None, **arguments, num_classes=CLASSES))
    return Fingerprint.of(name, arguments, shapes)


def _make(progress: Progress | None) -> list[Fingerprint]:
    import torchvision.models

    variants: list[tuple[str, dict[str, Any]]] = []
    for name in torchvision.models.list_models(module=torchvision.models):
        variants.append((name, AUXILIARY.get(name, {})))
        if name in AUXILIARY:
            variants.append((name, {**AUXILIARY[name], "aux_logits": False}))
    made = []
    for done, (name, arguments) in enumerate(variants, start=1):
        made.append(torchvision_fingerprint(name, **arguments))
        if progress:
            progress("torchvision architectures", done, len(variants))
    return made


def _cache_folder() -> Path:
    home = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(home) if home else Path.home() / ".cache") / "repprobe"


def _load(path: Path) -> list[Fingerprint] | None:
    """Read the cache; None where there is none or it is not what was written."""
    try:
        digest, _, text = path.read_text("utf-8").partition("\n")
    except (OSError, UnicodeDecodeError):
        return None
    if digest != _digest(text):
        _log.info("the damaged cache %s is made anew", path)
        return None
    return [_from_json(record) for record in json.loads(text)]


def _store(path: Path, fingerprints: list[Fingerprint]) -> None:
    text = json.dumps([asdict(f) for f in fingerprints])
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with whole_file(path) as stream:
            stream.write(f"{_digest(text)}\n{text}".encode())
    except OSError as err:
        _log.info("no cache of architectures could be written: %s", err)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _from_json(record: Mapping[str, Any]) -> Fingerprint:
    entries = {key: tuple(shape) for key, shape in record["entries"].items()}
    return Fingerprint(record["name"], record["arguments"], entries)
