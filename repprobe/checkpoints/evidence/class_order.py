"""Are a network's outputs the classes of the data in another order? Told by confusions."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from repprobe.checkpoints.evidence.own_answers import OwnAnswers

UNUSED = "-"
"""Stands for an output that is none of the classes, where there are more outputs."""

_SURE = 1e-4
"""p-value below which another order explains more than the present one."""

_LEFT = 1 / 3
"""Share of their accuracy that classes which change places may have had before: a network that
learned flipped labels answers both classes."""

_WEIGHT = 1e-3
"""Of probabilities against counts, and of the present order against both."""


@dataclass(frozen=True)
class ClassOrder:
    """An order of classes that explains a network's outputs.

    Attributes
    ----------
    order : for each class of the data, the index of its output.
    outputs : number of outputs, at least as many as classes.
    before, after : accuracy with the outputs as they are, and in this order as told by the other
        half of the examples, each with its 95 % interval (value, low, high).
    examples : how many told it.
    sentence : for the user, with the option to give.
    """

    order: tuple[int, ...]
    outputs: int
    before: tuple[float, float, float]
    after: tuple[float, float, float]
    examples: int
    sentence: str

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for `run.json`."""
        return {
            "order": list(self.order),
            "outputs": self.outputs,
            "before": list(self.before),
            "after": list(self.after),
            "examples": self.examples,
            "how": self.sentence,
        }


def find_class_order(
    output: NDArray[np.floating[Any]], labels: NDArray[np.int64], classes: Sequence[str]
) -> ClassOrder | None:
    """Return the order that explains the outputs of a network better than the present one.

    The order is the assignment of outputs to classes with most hits (Kuhn 1955). It is found on
    one half of the examples and judged on the other, both ways, and compared with the present
    order on the same examples by McNemar's exact test.

    Parameters
    ----------
    output : (n, C'), C' at least the number of classes.
    labels : (n,), true classes; use examples that the network was not trained on, or clean ones.
    classes : the C names.

    Returns
    -------
    ClassOrder or None
        None where the present order does as well, no order does better than chance, or there are
        fewer outputs than classes.
    """
    scores, labels = np.asarray(output, np.float64), np.asarray(labels, np.int64)
    count = len(classes)
    if scores.ndim != 2 or scores.shape[1] < count or count < 2 or len(labels) < 2:
        return None
    if not np.isfinite(scores).all():
        return None
    before = scores.argmax(1) == labels
    after = np.empty(len(labels), bool)
    for fitted, judged in _halves(labels):
        order = best_order(scores[fitted], labels[fitted], count)
        after[judged] = scores[judged][:, order].argmax(1) == labels[judged]
    commonest = np.bincount(labels, minlength=count).max() / len(labels)
    if _p_value(before, after) > _SURE or wilson(after)[1] <= commonest:
        return None
    order = best_order(scores, labels, count)
    moved = np.isin(labels, np.flatnonzero(order != np.arange(count)))
    if before[moved].mean() > _LEFT * after[moved].mean():
        return None
    return ClassOrder(
        order=tuple(map(int, order)),
        outputs=scores.shape[1],
        before=wilson(before),
        after=wilson(after),
        examples=len(labels),
        sentence=_sentence(before, after, order, scores.shape[1], classes),
    )


def best_order(
    scores: NDArray[np.float64], labels: NDArray[np.int64], count: int
) -> NDArray[np.int64]:
    """Return for each class the output that is assigned to it.

    Most hits win; where counts do not tell, probabilities do, and then the present order.
    """
    from scipy.optimize import linear_sum_assignment

    outputs = scores.shape[1]
    gain = np.zeros((count, outputs))
    np.add.at(gain, (labels, scores.argmax(1)), 1.0)
    shifted = np.exp(scores - scores.max(1, keepdims=True))
    np.add.at(gain, labels, _WEIGHT * shifted / shifted.sum(1, keepdims=True))
    gain[np.arange(count), np.arange(count)] += _WEIGHT**2
    _, order = linear_sum_assignment(gain, maximize=True)
    return np.asarray(order, np.int64)


def judge(labels: NDArray[np.int64], count: int) -> Callable[[torch.Tensor], OwnAnswers]:
    """Return what judges answers (n, C') of unknown order, told by the other half each."""

    def judged(output: torch.Tensor) -> OwnAnswers:
        if not torch.isfinite(output).all():
            return OwnAnswers.of(output, labels)
        scores = output.double().numpy()
        ordered = np.empty((len(labels), count))
        for fitted, other in _halves(labels):
            ordered[other] = scores[other][:, best_order(scores[fitted], labels[fitted], count)]
        return OwnAnswers.of(torch.from_numpy(ordered), labels)

    return judged


def wilson(right: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Return a share with its 95 % interval (Wilson 1927)."""
    n, share, z = len(right), float(right.mean()), 1.959964
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return share, max(0.0, middle - half), min(1.0, middle + half)


def _halves(labels: NDArray[np.int64]) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Split into two halves with the same share of every class; each is fitted and judged once."""
    shuffled = np.random.default_rng(0).permutation(len(labels))
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    one, other = np.sort(by_class[::2]), np.sort(by_class[1::2])
    return [(one, other), (other, one)]


def _p_value(before: NDArray[np.bool_], after: NDArray[np.bool_]) -> float:
    from scipy import stats

    gained, lost = int((after & ~before).sum()), int((before & ~after).sum())
    if gained + lost == 0:
        return 1.0
    return float(stats.binomtest(gained, gained + lost, alternative="greater").pvalue)


def _sentence(
    before: NDArray[np.bool_],
    after: NDArray[np.bool_],
    order: NDArray[np.int64],
    outputs: int,
    classes: Sequence[str],
) -> str:
    names = [UNUSED] * outputs
    for place, output in enumerate(order):
        names[output] = classes[place]
    if outputs > 50 or any("," in name for name in classes):
        option = "--classes FILE, with one name per line in the order of the outputs"
    else:
        text = ",".join(names)
        quote = "'" if any(not (c.isalnum() or c in "_.,-") for c in text) else ""
        option = f"--classes {quote}{text}{quote}"
    return (
        f"the network's outputs look like the classes in another order: as they are, "
        f"{before.mean():.1%} of {len(before):,} examples are answered rightly, in that "
        f"order {after.mean():.1%}; if so, give {option}."
    ).replace("%", " %")
