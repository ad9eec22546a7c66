"""`find_image_size`: the size of images that a network was made for, told by clean data."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from repprobe.checkpoints.evidence.finding import Finding
from repprobe.checkpoints.evidence.judged import (
    LIKELY,
    SURE,
    Judged,
    chance,
    judged,
    own_answers,
    percent,
)
from repprobe.checkpoints.evidence.own_answers import OwnAnswers, chance_of
from repprobe.checkpoints.evidence.sample import Sample
from repprobe.errors import CaptureError, DataError, UsageError

if TYPE_CHECKING:
    import torch

    from repprobe.checkpoints.model import Model
    from repprobe.data.dataset import Data

EXAMPLES = 500


@dataclass(frozen=True, eq=False)
class SizeFinding:
    """The outcome of `find_image_size`.

    Attributes
    ----------
    size : side in pixels; None for images as they are.
    data : read in that size.
    model : with the preprocessing that was found in that size.
    finding : how that was found; None where the model had one.
    how : one sentence for the user.
    certain : whether every other size is ruled out.
    table : per size accuracy, log-likelihood and distance of batch statistics, or the reason why
        the network cannot be run.
    """

    size: int | None
    data: Data
    model: Model
    finding: Finding | None
    how: str
    certain: bool
    table: tuple[dict[str, Any], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for `run.json`."""
        return {
            "size": self.size,
            "how": self.how,
            "certain": self.certain,
            "sizes": [dict(row) for row in self.table],
        }


def find_image_size(
    model: Model,
    source: Callable[[int | None], Data],
    sizes: Sequence[int | None],
    *,
    examples: int = EXAMPLES,
    device: torch.device | str = "cpu",
) -> SizeFinding:
    """Choose the size in which a network's own answers to clean training examples are likeliest.

    An earlier size gives way to a later one only where that is better by a paired test.

    Parameters
    ----------
    source : reads the data with images of a size, or as they are (None).
    sizes : what may be, the likeliest first; those that the network cannot take are left out.

    Raises
    ------
    CaptureError
        The network cannot be run in any of the sizes.
    DataError
        The data cannot be read in any of the sizes.
    """
    found: list[tuple[int | None, Data, Sample, Judged]] = []
    rows: list[dict[str, Any]] = []
    problem: CaptureError | DataError | None = None
    for size in dict.fromkeys(sizes):
        try:
            data = source(size)
            sample = Sample.of(data, examples)
            if sample is None:
                raise CaptureError(f"'{data.name}' are not labelled images; give --image-size.")
            one = judged(model, data, sample, device)
        except (CaptureError, DataError) as error:
            problem = error
            rows.append({"size": size, "reason": str(error)})
            continue
        found.append((size, data, sample, one))
        rows.append(_row(size, one))
    if not found:
        raise problem or UsageError("no size of images was given to try.")
    best = found[0]
    for other in found[1:]:
        if _chance(other, best) < LIKELY:
            best = other
    others = [other for other in found if other is not best]
    certain = all(_chance(best, other) < SURE for other in others)
    size, data, _, one = best
    how = _sentence(size, one, others, len(rows), certain)
    return SizeFinding(size, data, one.model, one.finding, how, certain, tuple(rows))


def _chance(
    one: tuple[int | None, Data, Sample, Judged], other: tuple[int | None, Data, Sample, Judged]
) -> float:
    """Compare the answers to the examples that both were given: samples begin alike."""
    count = min(len(one[2]), len(other[2]))
    if count == len(one[2]) == len(other[2]):
        return chance(one[3], other[3])
    first, second = (
        own_answers(answers.output[:count], sample.first(count))
        for _, _, sample, answers in (one, other)
    )
    return 1.0 if first is None or second is None else chance_of(first, second)


def _sentence(
    size: int | None,
    best: Judged,
    others: Sequence[tuple[int | None, Data, Sample, Judged]],
    tried: int,
    certain: bool,
) -> str:
    text = f"images are taken {_said(size)}"
    if not others:
        return f"{text}{': the network takes no other that was tried' if tried > 1 else ''}."
    second = max(others, key=lambda other: other[3].likelihood)
    text += (
        f": the network answers {percent(best.own)} of the training examples rightly, "
        f"{_said(second[0])} {percent(second[3].own)}"
    )
    return text + ("." if certain else "; this is not certain, --image-size says otherwise.")


def _said(size: int | None) -> str:
    return "as they are" if size is None else f"with {size} pixels"


def _row(size: int | None, one: Judged) -> dict[str, Any]:
    own: OwnAnswers | None = one.own
    return {
        "size": size,
        "preprocessing": one.model.preprocessing.name,
        "accuracy": None if own is None else own.accuracy,
        "log_likelihood": None if own is None else own.log_likelihood,
        "distance": one.distance,
    }
