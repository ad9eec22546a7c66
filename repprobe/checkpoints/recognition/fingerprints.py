"""`Fingerprint`: the state dict of a network, whatever its number of classes and channels."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from repprobe.zoo.registry import Shapes

Progress = Callable[[str, int, int], None]
"""Called with the name of a stage, the steps done and the steps in all."""

CLASSES, CHANNELS = 1009, 1013
"""Classes and input channels that fingerprints are taken with: primes, so that a size that is a
multiple of one is one that depends on it."""

COUNTER = "num_batches_tracked"
DERIVED = (
    COUNTER,
    "attention_bias_idxs",
    "attn_mask",
    "position_ids",
    "relative_coords_table",
    "relative_position_index",
)
"""Buffers that every network makes for itself; checkpoints have or lack them."""

FEWEST = 8
"""Tensors that a match by order alone needs; fewer may agree by chance."""


@dataclass(frozen=True)
class Fingerprint:
    """The state dict of a network that was built with `CLASSES` classes and `CHANNELS` channels.

    Attributes
    ----------
    architecture, arguments : what builds it, but for `num_classes` and `in_chans`.
    size : (channels, height, width) of the inputs that it is made for; None if that is open.
    entries : key → shape, in the order of the state dict.
    """

    architecture: str
    arguments: dict[str, Any]
    size: tuple[int, ...] | None
    entries: dict[str, tuple[int, ...]]

    def by_names(self, shapes: Shapes) -> dict[str, Any] | None:
        """Return the arguments with which it has these keys and shapes; None if it has not.

        Derived buffers may be missing on either side.
        """
        own, given = core(self.entries), core(shapes)
        if own.keys() != given.keys():
            return None
        both = [k for k in self.entries if k in shapes]
        solved = _solve((self.entries[k], shapes[k]) for k in both)
        return None if solved is None else self._arguments(solved)

    def by_order(self, shapes: Shapes) -> tuple[dict[str, Any], dict[str, str]] | None:
        """Return arguments, and own key → given key, if these are its shapes in its order."""
        for given in _versions(shapes):
            for own in _versions(self.entries):
                if len(own) == len(given) >= FEWEST:
                    solved = _solve(zip(own.values(), given.values(), strict=True))
                    if solved is not None:
                        return self._arguments(solved), dict(zip(own, given, strict=True))
        return None

    def arguments_for(self, shapes: Shapes) -> dict[str, Any]:
        """Read classes and channels off a state dict that need not fit in all else."""
        solved: dict[int, int] = {}
        for key, entry in self.entries.items():
            shape = shapes.get(key, ())
            if len(entry) == len(shape):
                for known, size in zip(entry, shape, strict=True):
                    prime = _prime(known)
                    if prime and size % (known // prime) == 0:
                        solved.setdefault(prime, size // (known // prime))
        told = self._arguments(solved)
        return told if CLASSES in solved else {k: v for k, v in told.items() if k != "num_classes"}

    def at(self, num_classes: int, in_chans: int = 3) -> dict[str, tuple[int, ...]]:
        """Return keys and shapes for a number of classes and of input channels."""
        sizes = {CLASSES: num_classes, CHANNELS: in_chans, 0: 1}
        return {
            key: tuple(n // (p or 1) * sizes[p] for n in entry for p in [_prime(n)])
            for key, entry in self.entries.items()
        }

    @property
    def has_classes(self) -> bool:
        """Whether a shape depends on the number of classes."""
        return any(_prime(n) == CLASSES for entry in self.entries.values() for n in entry)

    def _arguments(self, solved: Mapping[int, int]) -> dict[str, Any]:
        channels = solved.get(CHANNELS, 0)
        usual = self.size[0] if self.size else 3
        return {
            **self.arguments,
            "num_classes": solved.get(CLASSES, 0),
            **({"in_chans": channels} if channels and channels != usual else {}),
        }


def core(shapes: Shapes) -> dict[str, tuple[int, ...]]:
    """Leave out the derived buffers."""
    return {k: tuple(s) for k, s in shapes.items() if not is_derived(k)}


def is_derived(key: str) -> bool:
    """Whether a network makes the buffer of this key for itself."""
    return key.rpartition(".")[2] in DERIVED


def names_mark(shapes: Shapes) -> str:
    """Return what state dicts of the same keys have in common, whatever their shapes."""
    return mark(*sorted(core(shapes)))


def order_marks(shapes: Shapes) -> set[str]:
    """Return what state dicts have in common that may be alike in order and shapes."""
    return {
        mark(*(str(len(s)) for s in version.values() if len(s))) for version in _versions(shapes)
    }


def mark(*parts: str) -> str:
    """Return a short hash of some texts."""
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=8).hexdigest()


def take(architecture: str, arguments: Mapping[str, Any]) -> Fingerprint:
    """Take the fingerprint of a network of torchvision, timm or the zoo.

    That of the zoo is as the arguments say, for its builders call classes and channels by other
    names. Raises whatever the builder raises.
    """
    from repprobe.checkpoints.blueprint import blueprint
    from repprobe.checkpoints.recognition.pretrained import input_size

    def shapes(**more: int) -> Shapes:
        return blueprint(lambda: builder(architecture)(**{**arguments, **more}))

    if architecture.startswith("zoo:"):
        entries = shapes()
    else:
        try:
            entries = shapes(num_classes=CLASSES, in_chans=CHANNELS)
        except Exception:  # some are made for three channels
            entries = shapes(num_classes=CLASSES)
    known = {k: tuple(s) for k, s in entries.items()}
    return Fingerprint(architecture, dict(arguments), input_size(architecture, arguments), known)


def builder(architecture: str) -> Callable[..., Any]:
    """Return what builds a named network of torchvision, timm or the zoo from its arguments."""
    from repprobe.checkpoints.builders import vision
    from repprobe.zoo import registry

    library, _, name = architecture.partition(":")
    make = {
        "torchvision": vision.make_torchvision,
        "timm": vision.make_timm,
        "zoo": registry.build,
    }[library]
    return lambda **arguments: make(name, **arguments)


def _versions(shapes: Shapes) -> list[dict[str, tuple[int, ...]]]:
    """Return the state dict whole, without counters, and without all derived buffers."""
    whole = {k: tuple(s) for k, s in shapes.items()}
    uncounted = {k: s for k, s in whole.items() if k.rpartition(".")[2] != COUNTER}
    versions = [whole]
    for version in (uncounted, core(shapes)):
        if len(version) < len(versions[-1]):
            versions.append(version)
    return versions


def _prime(size: int) -> int:
    return next((p for p in (CLASSES, CHANNELS) if size and size % p == 0), 0)


def _solve(pairs: Iterable[tuple[tuple[int, ...], tuple[int, ...]]]) -> dict[int, int] | None:
    """Find classes and channels for which all known shapes are the given ones; None if none."""
    solved: dict[int, int] = {}
    for known, given in pairs:
        if len(known) != len(given):
            return None
        for size, actual in zip(known, given, strict=True):
            prime = _prime(size)
            if not prime:
                if size != actual:
                    return None
                continue
            value, rest = divmod(actual, size // prime)
            if rest or not value or solved.setdefault(prime, value) != value:
                return None
    return solved
