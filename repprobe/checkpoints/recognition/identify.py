"""Finds the architectures that a bare state dict may belong to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from repprobe.checkpoints.architectures import FORMS
from repprobe.checkpoints.recognition import pyg
from repprobe.checkpoints.recognition.catalogue import Catalogue, catalogue
from repprobe.checkpoints.recognition.fingerprints import Fingerprint, Progress, core
from repprobe.checkpoints.recognition.renamed_zoo import renamed_zoo
from repprobe.checkpoints.recognition.resizing import resized
from repprobe.checkpoints.recognition.sameness import Sameness
from repprobe.checkpoints.state_dict import wrapper_prefixes
from repprobe.errors import CheckpointError, UsageError
from repprobe.zoo import registry
from repprobe.zoo.registry import Shapes

LIBRARIES = ("torchvision", "timm")
_ALIKE = 0.05
_NEAREST = 3


@dataclass(frozen=True)
class Candidate:
    """An architecture and how well it fits.

    Attributes
    ----------
    architecture, arguments : what builds it.
    share : pairs of key and shape that it has in common with the state dict, of all pairs of
        either; 1.0 if it fits.
    detail : what tells it from another candidate of the same architecture.
    keys : the network's own key → key in the state dict; None where they are the same. Buffers
        that a network makes for itself may be missing.
    also : other architectures that compute the same from the same weights.
    """

    architecture: str
    arguments: dict[str, Any]
    share: float
    detail: str = ""
    keys: Mapping[str, str] | None = None
    also: tuple[str, ...] = ()


def identify(shapes: Shapes, label: str, progress: Progress | None = None) -> list[Candidate]:
    """Find the networks that have exactly these keys and shapes, or these shapes in this order.

    Derived buffers such as batch counters may be missing. The zoo is looked at first, so that its
    checkpoints open without importing torchvision; names count for more than order.

    Returns
    -------
    list of Candidate
        Those that fit equally well: two or more have the same shapes and compute something else.
        The plainest stands first.

    Raises
    ------
    CheckpointError
        No known architecture fits; `label` names the file.
    """
    near: list[Candidate] = []
    for family in (_zoo(shapes), _pyg(shapes)):
        candidates = list(family)
        fitting = [c for c in candidates if c.share == 1.0]
        if fitting:
            return fitting
        near += candidates
    catalogues = _catalogues(progress)
    found = (
        _by_names(catalogues, shapes)
        or _by_order(catalogues, shapes)
        or _at_another_size(catalogues, shapes)
    )
    if found:
        return _apart(found)
    renamed = [
        Candidate(n, arguments, 1.0, keys=keys) for n, arguments, keys in renamed_zoo(shapes)
    ]
    if renamed:
        return renamed
    raise CheckpointError(
        f"the architecture of '{label}' is not known{_nearest(near, catalogues, shapes)}; use "
        f"--arch {FORMS}."
    )


def _zoo(shapes: Shapes) -> Iterator[Candidate]:
    from repprobe.checkpoints.blueprint import blueprint

    for name in registry.names():
        guess = registry.guess_arguments(name, shapes)
        if guess is None:
            continue
        try:
            own = blueprint(lambda n=name, g=guess: registry.build(n, **g))  # type: ignore[misc]
        except UsageError:  # a guess from shapes that no such network has
            continue
        yield Candidate(f"zoo:{name}", guess, _share(own, shapes))


def _pyg(shapes: Shapes) -> Iterator[Candidate]:
    from repprobe.checkpoints.blueprint import blueprint

    for name in pyg.FIRST_WEIGHTS:
        guesses = pyg.guess_arguments(name, shapes)
        for guess in guesses:
            try:
                own = blueprint(lambda n=name, g=guess: pyg.build(n, **g))  # type: ignore[misc]
            except Exception:
                continue
            detail = f" with jk={guess['jk']}" if len(guesses) > 1 else ""
            yield Candidate(f"pyg:{name}", guess, _share(own, shapes), detail)


Found = list[tuple[Fingerprint, Candidate]]


def _catalogues(progress: Progress | None) -> list[Catalogue]:
    """Return the libraries' catalogues; where one was made, look into ties, too."""
    loaded = [catalogue(library, progress) for library in LIBRARIES]
    catalogues = [known for known, _ in loaded]
    if any(made for _, made in loaded):
        Sameness().prepare(catalogues, progress)
    return catalogues


def _by_names(catalogues: list[Catalogue], shapes: Shapes) -> Found:
    for prefix in wrapper_prefixes(shapes):
        bare = {key[len(prefix) :]: shape for key, shape in shapes.items()}
        found = []
        for known in (k for c in catalogues for k in c.named(bare)):
            arguments = known.by_names(bare)
            if arguments is not None:
                keys = {k: prefix + k for k in known.entries if k in bare} if prefix else None
                found.append((known, Candidate(known.architecture, arguments, 1.0, keys=keys)))
        if found:
            return found
    return []


def _by_order(catalogues: list[Catalogue], shapes: Shapes) -> Found:
    found = []
    for known in (k for c in catalogues for k in c.ordered(shapes)):
        match = known.by_order(shapes)
        if match is not None:
            candidate = Candidate(known.architecture, match[0], 1.0, keys=match[1])
            found.append((known, candidate))
    return found


def _at_another_size(catalogues: list[Catalogue], shapes: Shapes) -> Found:
    """Find vision transformers whose position embeddings are for images of another size."""
    found = []
    for known in (k for c in catalogues for k in c.named(shapes)):
        other = resized(known, shapes)
        arguments = other.by_names(shapes) if other else None
        if other and arguments is not None:
            found.append((other, Candidate(other.architecture, arguments, 1.0)))
    return found


def _apart(found: Found) -> list[Candidate]:
    """Return one candidate for all networks that compute the same, the plainest of them."""
    if len(found) == 1:
        return [found[0][1]]
    candidates = {id(known): candidate for known, candidate in found}
    apart = []
    for group in Sameness().groups(known for known, _ in found):
        first, *others = (candidates[id(known)] for known in group)
        also = tuple(c.architecture for c in others)
        apart.append(
            Candidate(first.architecture, first.arguments, 1.0, keys=first.keys, also=also)
        )
    return apart


def _share(known: Shapes, shapes: Shapes) -> float:
    ours = set(core(known).items())
    theirs = set(core(shapes).items())
    return len(ours & theirs) / len(ours | theirs)


def _nearest(candidates: list[Candidate], catalogues: list[Catalogue], shapes: Shapes) -> str:
    best: dict[str, float] = {c.architecture: c.share for c in sorted(candidates, key=_shared)}
    for known in (k for c in catalogues for k in c.nearest(shapes)):
        told = known.arguments_for(shapes)
        own = known.at(told.get("num_classes", 1), told.get("in_chans", 3))
        best[known.architecture] = max(_share(own, shapes), best.get(known.architecture, 0.0))
    ranked = sorted(best.items(), key=lambda pair: -pair[1])
    near = [f"{n} ({int(100 * s)} % in common)" for n, s in ranked if s >= _ALIKE]
    if near:
        return f"; nearest by names and shapes: {', '.join(near[:_NEAREST])}"
    return f", and nothing resembles it (its keys begin with {', '.join(list(shapes)[:3])})"


def _shared(candidate: Candidate) -> float:
    return candidate.share
