"""`settle`: which of several architectures with the same shapes a state dict is of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from repprobe.checkpoints.evidence.finding import Finding
from repprobe.checkpoints.evidence.judged import LIKELY, Judged, chance, judged, percent, ruled_out
from repprobe.checkpoints.evidence.sample import Sample
from repprobe.errors import CaptureError

if TYPE_CHECKING:
    import torch

    from repprobe.checkpoints.model import Model
    from repprobe.data.dataset import Data

EXAMPLES = 1000

_RATIO = 2.0
"""Factor between distances of batch statistics from which on they choose where answers do not."""


@dataclass(frozen=True, eq=False)
class Settled:
    """The outcome of `settle`.

    Attributes
    ----------
    index : of the network that was chosen among those given.
    model : that network, with the preprocessing that was found for it.
    finding : how its preprocessing was found; None where it had one.
    how : one sentence for the user.
    certain : whether all that answer otherwise are ruled out.
    same : indices of networks whose answers are the same, the chosen one's first.
    table : per network its architecture, accuracy, log-likelihood, mean distance of batch
        statistics, or the reason why it cannot be run.
    """

    index: int
    model: Model
    finding: Finding | None
    how: str
    certain: bool
    same: tuple[tuple[int, ...], ...]
    table: tuple[dict[str, Any], ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for `run.json`."""
        return {
            "architecture": self.model.architecture,
            "how": self.how,
            "certain": self.certain,
            "same": [list(group) for group in self.same],
            "alternatives": [dict(row) for row in self.table],
        }


def settle(
    models: Sequence[Model],
    data: Data,
    *,
    examples: int = EXAMPLES,
    device: torch.device | str = "cpu",
) -> Settled:
    """Choose the network whose own answers to clean training examples are likeliest.

    Each has its best preprocessing. Those whose answers agree in every example are one. Where
    answers do not tell, the one is taken whose batch statistics lie nearest to the stored ones, or
    else the first.

    Parameters
    ----------
    models : the likeliest first.
    examples : clean training examples that are taken; fewer of large images.

    Raises
    ------
    CaptureError
        None of them can be run on the data, or the data cannot tell: they are no labelled images.
    """
    sample = Sample.of(data, examples)
    if sample is None:
        raise CaptureError(
            f"'{data.name}' are not labelled images, so they do not tell which of "
            f"{_names(models)} it is; give --arch."
        )
    found: dict[int, Judged] = {}
    failed: dict[int, str] = {}
    for index, model in enumerate(models):
        try:
            found[index] = judged(model, data, sample, device)
        except CaptureError as error:
            failed[index] = str(error)
    if not found:
        raise CaptureError(f"of {_names(models)}: {next(iter(failed.values()))}")
    groups = _groups(found)
    groups.sort(key=lambda group: found[group[0]].likelihood, reverse=True)
    leader, rest = groups[0], groups[1:]
    best = found[leader[0]]
    certain = all(ruled_out(found[group[0]], best) for group in rest)
    by_statistics = False
    still = [group for group in groups if chance(best, found[group[0]]) >= LIKELY]
    if not certain and len(still) > 1:
        nearest = _nearest([group[0] for group in still], found)
        by_statistics = nearest is not None
        chosen = min(group[0] for group in still) if nearest is None else nearest
        leader = next(group for group in groups if group[0] == chosen)
        rest = [group for group in groups if group is not leader]
        best = found[chosen]
    how = _sentence(leader, rest, found, failed, models, len(sample), certain, by_statistics)
    table = [_row(model, found.get(i), failed.get(i)) for i, model in enumerate(models)]
    same = tuple(tuple(group) for group in (leader, *rest))
    return Settled(leader[0], best.model, best.finding, how, certain, same, tuple(table))


def _groups(found: dict[int, Judged]) -> list[list[int]]:
    """Put together those whose answers are the same."""
    groups: list[list[int]] = []
    for index, one in found.items():
        for group in groups:
            if _equal(one, found[group[0]]):
                group.append(index)
                break
        else:
            groups.append([index])
    return groups


def _equal(one: Judged, other: Judged) -> bool:
    if one.output.shape != other.output.shape:
        return False
    scale = max(float(other.output.abs().max()), 1e-12)
    return float((one.output - other.output).abs().max()) <= 1e-5 * scale


def _nearest(indices: Sequence[int], found: dict[int, Judged]) -> int | None:
    """Return the one with by far the least distance; None where there is none."""
    known = [(found[i].distance, i) for i in indices]
    told = sorted((d, i) for d, i in known if d is not None)
    if len(told) < len(known) or told[0][0] * _RATIO > told[1][0]:
        return None
    return told[0][1]


def _names(models: Sequence[Model]) -> str:
    return ", ".join(model.architecture for model in models)


def _sentence(
    leader: Sequence[int],
    rest: Sequence[Sequence[int]],
    found: dict[int, Judged],
    failed: dict[int, str],
    models: Sequence[Model],
    examples: int,
    certain: bool,
    by_statistics: bool,
) -> str:
    best = found[leader[0]]
    name = models[leader[0]].architecture
    text = f"the tensors fit {len(models)} architectures alike; {name} is taken"
    if rest:
        second = found[rest[0][0]]
        text += (
            f": it answers {percent(best.own)} of {examples:,} clean training examples rightly, "
            f"{models[rest[0][0]].architecture} {percent(second.own)}"
        )
        if by_statistics:
            text += f" (batch statistics {best.distance:.3g} off, not {second.distance:.3g})"
    if len(leader) > 1:
        others = ", ".join(models[i].architecture for i in leader[1:])
        answer = "answers" if len(leader) == 2 else "answer"
        text += f"{',' if rest else ':'} {'and ' if rest else ''}{others} {answer} the same"
    if failed:
        names = ", ".join(models[i].architecture for i in failed)
        text += f"; {names} cannot be run on these data"
    return text + ("." if certain else "; this is not certain, --arch says otherwise.")


def _row(model: Model, one: Judged | None, reason: str | None) -> dict[str, Any]:
    row: dict[str, Any] = {"architecture": model.architecture}
    if one is None:
        return {**row, "reason": reason}
    return {
        **row,
        "preprocessing": one.model.preprocessing.name,
        "accuracy": None if one.own is None else one.own.accuracy,
        "log_likelihood": None if one.own is None else one.own.log_likelihood,
        "distance": one.distance,
    }
