"""Finds the architecture of a bare state dict by the names and shapes of its tensors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from repprobe.checkpoints.architectures import FORMS
from repprobe.checkpoints.recognition import fingerprints, pyg
from repprobe.checkpoints.recognition.fingerprints import Progress
from repprobe.errors import CheckpointError, UsageError
from repprobe.zoo import registry
from repprobe.zoo.registry import Shapes

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
    """

    architecture: str
    arguments: dict[str, Any]
    share: float
    detail: str = ""


def identify(shapes: Shapes, label: str, progress: Progress | None = None) -> Candidate:
    """Find the network that has exactly these keys and shapes, batch counters aside.

    The zoo is looked at first, so that its checkpoints open without importing torchvision.

    Raises
    ------
    CheckpointError
        No known architecture fits, or several do; `label` names the file.
    """
    candidates: list[Candidate] = []
    for family in (_zoo(shapes), _pyg(shapes), _torchvision(shapes, progress)):
        candidates += family
        fitting = [c for c in candidates if c.share == 1.0]
        if len(fitting) > 1:
            raise CheckpointError(
                f"'{label}' fits {' and '.join(c.architecture + c.detail for c in fitting)}, "
                "which differ in what they compute; say which it is with --arch"
                f"{' and --arch-arg' if fitting[0].detail else ''}."
            )
        if fitting:
            return fitting[0]
    raise CheckpointError(
        f"the architecture of '{label}' is not known{_nearest(candidates, shapes)}; use --arch "
        f"{FORMS}."
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


def _torchvision(shapes: Shapes, progress: Progress | None) -> Iterator[Candidate]:
    for known in fingerprints.torchvision_fingerprints(progress):
        classes = known.num_classes(shapes)
        arguments = {**known.arguments, "num_classes": classes}
        share = _share(known.at(classes or 1), shapes)
        yield Candidate(f"torchvision:{known.name}", arguments, share)


def _share(known: Shapes, shapes: Shapes) -> float:
    ours = set(fingerprints.without_counters(known).items())
    theirs = set(fingerprints.without_counters(shapes).items())
    return len(ours & theirs) / len(ours | theirs)


def _nearest(candidates: list[Candidate], shapes: Shapes) -> str:
    best: dict[str, float] = {}
    for candidate in sorted(candidates, key=lambda c: -c.share):
        best.setdefault(candidate.architecture, candidate.share)
    near = [f"{n} ({int(100 * s)} % in common)" for n, s in best.items() if s >= _ALIKE]
    if near:
        return f"; nearest by names and shapes: {', '.join(near[:_NEAREST])}"
    return f", and nothing resembles it (its keys begin with {', '.join(list(shapes)[:3])})"
