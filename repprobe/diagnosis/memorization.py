"""Where a network memorized its noisy labels: a test of the claim that the last layers did."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from repprobe.probes.intervals import mean_interval, wilson
from repprobe.probes.memorization import Memorized
from repprobe.probes.scores import INPUT

MARGIN = 0.01
"""Share of the corrupted examples below which nothing is made of a difference."""

_LEAST = 20
"""Corrupted examples below which nothing is said."""
_WIDE = 0.1
"""Half an interval from which on an open question is put down to too few examples."""

Answer = Literal["last layers", "not the last layers", "no layer", "unknown"]

Interval = tuple[float, float, float]
"""A figure and the ends of its 95 % interval."""


@dataclass(frozen=True)
class LayerMemory:
    """What one layer says of the corrupted training examples.

    Attributes
    ----------
    layer : its name.
    given, true : shares of which it says the given and the true label, with their intervals.
    chance : share of the given label that it would say if that label had left no trace.
    excess : mean over the examples of given − chance, with its interval.
    certain : whether the excess is above the margin when it is tested in all layers (Bonferroni).
    """

    layer: str
    given: Interval
    true: Interval
    chance: float
    excess: Interval
    certain: bool


@dataclass(frozen=True)
class Memorization:
    """Which layers give corrupted training examples the label that was wrong.

    Attributes
    ----------
    model, probe : the network's label, and what its layers were asked with.
    examples : number of corrupted examples.
    layers : what each says, in the order of execution, the input first if it was probed.
    last : the last third of the layers, the input not counting.
    contrast : excess of the given label over chance, mean of the last third minus mean of the
        other layers, with its interval paired by example; NaN where there is no other layer.
    onset : the first layer, the input not counting, whose excess is at least half the largest.
    step : excess of the given label over chance, mean of the layers from `onset` on minus mean of
        those before it, with its interval paired by example; NaN where there is none before.
    rise, rise_by : layer where the excess rises most over the one before, and by how much.
    depth, uncorrupted_depth : mean prediction depth, in layers, of the corrupted and the
        uncorrupted examples.
    """

    model: str
    probe: str
    examples: int
    layers: tuple[LayerMemory, ...]
    last: tuple[str, ...]
    contrast: Interval
    onset: str
    step: Interval
    rise: str
    rise_by: float
    depth: Interval
    uncorrupted_depth: Interval

    @classmethod
    def of(cls, found: Memorized) -> Memorization:
        """Sum up what the layers say of each corrupted example."""
        excess = found.given - found.chance
        known = excess[:, ~np.isnan(excess).any(axis=0)]
        layers = tuple(
            _layer(found, place, known[place], len(found.layers))
            for place in range(len(found.layers))
        )
        inner = [i for i, name in enumerate(found.layers) if name != INPUT]
        count = max(1, round(len(inner) / 3))
        last, others = inner[len(inner) - count :], inner[: len(inner) - count]
        start = _onset([layers[i].excess[0] for i in inner])
        steps = np.diff([0.0, *(layer.excess[0] for layer in layers)])
        rise = int(np.nanargmax(steps)) if np.isfinite(steps).any() else 0
        return cls(
            found.model,
            found.probe,
            found.given.shape[1],
            layers,
            tuple(found.layers[i] for i in last),
            _difference(known, last, others),
            found.layers[inner[start]],
            _difference(known, inner[start:], inner[:start]),
            found.layers[rise],
            float(steps[rise]),
            _mean(found.depths),
            _mean(found.uncorrupted_depths),
        )

    @property
    def answer(self) -> Answer:
        """Whether the last layers are the ones that memorize; "unknown" with too few examples.

        They are if the last third holds more than the others and memorization sets in there.
        """
        value, low, high = self.contrast
        few = math.isnan(low) or self.examples < _LEAST
        if few or (low <= MARGIN and high - value > _WIDE):
            return "unknown"
        if low > MARGIN and self.onset in self.last:
            return "last layers"
        if low <= MARGIN and not any(layer.certain for layer in self.layers):
            return "no layer"
        return "not the last layers"

    @property
    def sentence(self) -> str:
        """The answer for people, in one sentence."""
        answer = self.answer
        if answer == "unknown":
            return self._too_little()
        if answer == "no layer":
            most = max(self.layers, key=lambda layer: layer.excess[0])
            return (
                "No layer is found to memorize: beyond chance the noisy label is given to "
                f"corrupted examples in {_points(most.excess[0])} % {self._ends(most.excess)} of "
                f"the cases at most, by {most.layer}."
            )
        if answer == "last layers":
            count = len(self._late())
            claim, they = f"the last {count} layers are the ones that memorize", "they give"
            if count == 1:
                claim, they = "the last layer is the one that memorizes", "it gives"
            return (
                f"Memorization sets in at {self.onset}: {claim}; beyond chance {they} corrupted "
                f"examples the noisy label {_points(self.step[0])} points "
                f"{self._ends(self.step)} more often than earlier ones."
            )
        first, end = self._named(self.onset), self.layers[-1]
        so = "" if self.onset in self.last else ", so it is not in the last layers alone"
        ends = f", {end.layer} in {_points(end.excess[0])} % {self._ends(end.excess)}"
        return (
            f"Memorization sets in at {self.onset}{self._place()}{so}: beyond chance that layer "
            f"gives corrupted examples the noisy label in {_points(first.excess[0])} % "
            f"{self._ends(first.excess)} of the cases{'' if first is end else ends}."
        )

    @property
    def details(self) -> str:
        """The answer for people, with the shares it rests on and the prediction depth."""
        return f"{self._claim()}{self._depths()}"

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for `run.json`; NaN as None."""
        plain: dict[str, Any] = _plain(asdict(self))
        said = {"answer": self.answer, "sentence": self.sentence, "details": self.details}
        return plain | said

    def _too_little(self) -> str:
        """Say why there is no answer."""
        if len(self._inner()) < 2:
            return "Which layers memorize cannot be said of one layer alone."
        return (
            f"{self.examples:,} corrupted training examples are too few to say which layers "
            "memorize."
        )

    @staticmethod
    def _ends(interval: Interval) -> str:
        return f"({_points(interval[1])} to {_points(interval[2])})"

    def _claim(self) -> str:
        answer = self.answer
        if answer == "unknown":
            return self._too_little()
        late = self._late()
        count = f"{len(late)} layers" if len(late) > 1 else f"layer ({late[0].layer})"
        value, low, high = self.step if answer == "last layers" else self.contrast
        shares = (
            f"of {self.examples:,} corrupted training examples a {self.probe} probe fitted without "
            f"them gives the noisy label for {self._share('given', True)} in the last {count} and "
            f"for {self._share('given', False)} before, where {self._share('chance', True)} and "
            f"{self._share('chance', False)} would be chance"
        )
        span = f"(95 % interval {_points(low)} to {_points(high)})"
        if answer == "no layer":
            return f"No layer is found to memorize: {shares}."
        sets_in = f"Memorization sets in at {self.onset}"
        if answer == "last layers":
            return (
                f"{sets_in}, and the last layers are the ones that memorize: {shares}; beyond "
                f"chance that is {_points(value)} points more {span}, and it rises most at "
                f"{self.rise}."
            )
        ones = "alone" if low > MARGIN else "the ones that memorize"
        earlier = ", those before do so more" if high < -MARGIN else ""
        return (
            f"{sets_in}{self._place()}, and the last layers are not {ones}{earlier}: {shares}; "
            f"beyond chance the difference is {_points(value)} points {span}."
        )

    def _depths(self) -> str:
        deep, shallow = self.depth, self.uncorrupted_depth
        if self.answer == "unknown" or not (math.isfinite(deep[1]) and math.isfinite(shallow[1])):
            return ""
        return (
            " What the nearest neighbours of a corrupted example say is settled at depth "
            f"{deep[0]:.1f} ({deep[1]:.1f} to {deep[2]:.1f}) on average, of an uncorrupted one at "
            f"{shallow[0]:.1f} ({shallow[1]:.1f} to {shallow[2]:.1f})."
        )

    def _inner(self) -> list[LayerMemory]:
        return [layer for layer in self.layers if layer.layer != INPUT] or list(self.layers)

    def _named(self, name: str) -> LayerMemory:
        return next(layer for layer in self.layers if layer.layer == name)

    def _late(self) -> list[LayerMemory]:
        """Return the layers that memorize where they are the last ones, else the last third."""
        inner = self._inner()
        first = self.onset if self.answer == "last layers" else self.last[0]
        return inner[inner.index(self._named(first)) :]

    def _place(self) -> str:
        inner = self._inner()
        return f" (layer {inner.index(self._named(self.onset)) + 1} of {len(inner)})"

    def _share(self, name: Literal["given", "chance"], late: bool) -> str:
        """Return the mean share over the late layers, or over those before."""
        inner, count = self._inner(), len(self._late())
        among = inner[-count:] if late else inner[:-count]
        shares = [la.given[0] if name == "given" else la.chance for la in among]
        return f"{100 * sum(shares) / len(shares):.1f} %"


def _layer(found: Memorized, place: int, excess: NDArray[np.float64], tested: int) -> LayerMemory:
    """Sum up one layer, of `tested` ones; `excess` (m,) is of the examples with a chance."""
    given, true = found.given[place], found.true[place]
    chance = found.chance[place]
    mean = _mean(excess)
    certain = False
    if math.isfinite(mean[1]):
        error = float(excess.std(ddof=1)) / math.sqrt(len(excess))
        certain = mean[0] - NormalDist().inv_cdf(1 - 0.025 / tested) * error > MARGIN
    return LayerMemory(
        found.layers[place],
        wilson(int(given.sum()), len(given)),
        wilson(int(true.sum()), len(true)),
        float(np.nanmean(chance)) if np.isfinite(chance).any() else math.nan,
        mean,
        certain,
    )


def _onset(excess: list[float]) -> int:
    """Return the place of the first excess that is at least half the largest; 0 if all are NaN."""
    half = max((e for e in excess if math.isfinite(e)), default=math.nan) / 2
    return next((place for place, e in enumerate(excess) if e >= half), 0)


def _difference(
    excess: NDArray[np.float64], late: list[int], early: list[int]
) -> tuple[float, float, float]:
    """Return the mean of late rows of (L, m) minus that of early ones, paired by example."""
    if not (late and early and excess.shape[1]):
        return (math.nan,) * 3
    return mean_interval(excess[late].mean(axis=0) - excess[early].mean(axis=0))


def _mean(values: NDArray[Any]) -> Interval:
    return mean_interval(values.astype(np.float64)) if len(values) else (math.nan,) * 3


def _points(share: float) -> str:
    return f"{100 * share:.1f}".replace("-", "−")


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(v) for key, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(v) for v in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
