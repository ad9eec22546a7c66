"""`Finding`: which preprocessing was found, by what, and how sure that is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from repprobe.checkpoints.evidence.own_answers import OwnAnswers
from repprobe.checkpoints.preprocessing import Preprocessing

STATISTICS, ANSWERS, DEFAULT = "batch statistics", "own accuracy", "default"
"""What a preprocessing is found by."""


@dataclass(frozen=True, eq=False)
class Tried:
    """A candidate, and what was measured with it.

    Attributes
    ----------
    distance : of batch statistics at the first batch norm; None without one.
    own : the network's own answers; None where they were not needed, or tell nothing.
    """

    preprocessing: Preprocessing
    distance: float | None = None
    own: OwnAnswers | None = None

    @property
    def name(self) -> str:
        return self.preprocessing.name

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for `run.json`."""
        own = self.own
        return {
            "name": self.name,
            "distance": self.distance,
            "accuracy": None if own is None else own.accuracy,
            "log_likelihood": None if own is None else own.log_likelihood,
        }


@dataclass(frozen=True, eq=False)
class Finding:
    """The outcome of `find_preprocessing`.

    Attributes
    ----------
    preprocessing : the one to take; its `found` is "batch statistics", "own accuracy" or, where
        nothing could be told, "default".
    how : one sentence for the user.
    table : the candidates, the best first.
    margin : by what factor the runner-up's distance is larger; of answers, by how many nats per
        example its log-likelihood is smaller. None without a runner-up.
    certain : whether every other candidate is ruled out.
    examples : how many clean training examples were answered; 0 where answers tell nothing.
    """

    preprocessing: Preprocessing
    how: str
    table: tuple[Tried, ...] = ()
    margin: float | None = None
    certain: bool = False
    examples: int = 0

    @classmethod
    def default(cls, why: str, table: tuple[Tried, ...] = (), examples: int = 0) -> Finding:
        """Return the preprocessing that is taken where nothing can be told."""
        how = f"the preprocessing could not be found ({why}), so inputs are scaled to 0…1."
        return cls(Preprocessing.parse("unit", DEFAULT), how, table, examples=examples)

    @classmethod
    def told(
        cls,
        found: str,
        table: tuple[Tried, ...],
        second: Tried | None,
        margin: float | None,
        certain: bool,
    ) -> Finding:
        """Return what batch statistics or own answers told, the first of the table."""
        first = table[0]
        how = f"preprocessing '{first.name}' was found by {found}"
        if second is not None and margin is not None and found == STATISTICS:
            times = f"{margin:,.0f}" if margin >= 10 else f"{margin:.1f}"
            how += (
                f": what reaches the first batch norm lies {times} times as far from what it "
                f"stores with the next best, '{second.name}'"
            )
            how += f"; {_rated(first)}" if first.own is not None else ""
        elif second is not None:
            how += f": {_rated(first)}, with the next best, '{second.name}', {_rated(second)}"
        how += "." if certain else "; this is not certain, --preprocess says otherwise."
        taken = replace(first.preprocessing, found=found)
        examples = max((len(t.own.right) for t in table if t.own is not None), default=0)
        return cls(taken, how, table, margin, certain, examples)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for `run.json`."""
        return {
            "name": self.preprocessing.name,
            "found": self.preprocessing.found,
            "how": self.how,
            "margin": self.margin,
            "certain": self.certain,
            "examples": self.examples,
            "candidates": [tried.to_dict() for tried in self.table],
        }


def _rated(tried: Tried) -> str:
    assert tried.own is not None
    share, count = 100 * tried.own.accuracy, len(tried.own.right)
    return f"{share:.1f} % of {count:,} training examples are answered rightly"
