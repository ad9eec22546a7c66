"""`Scores`: the long table of everything measured, one row per figure."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import astuple, dataclass, fields
from typing import TYPE_CHECKING, NamedTuple

from repprobe.errors import DataError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    from numpy.typing import NDArray

INPUT, OUTPUT = "input", "output"
"""The layers that are none: the raw input, and the network's own answer without a probe."""

Place = tuple[str, str, int, int | str]
"""Model, layer, clean labels and seed."""

ALL = "all"
"""The group of all test examples, and the seed of a row that sums up several draws."""


@dataclass(frozen=True, slots=True)
class Score:
    """One figure of `scores.csv`.

    Attributes
    ----------
    model, layer : labels; `layer` is a dotted name, "input" or "output".
    order : place in the order of execution, the input being 0.
    width : number of features the probe saw.
    probe : "logistic", "ridge", "least-squares", "knn", or "none" for `output`.
    regularization : the chosen C (logistic), alpha (ridge) or k (knn) as scikit-learn means
        them; None where there is none.
    clean_labels : number of clean labels the probe was fitted on; 0 where none was fitted.
    seed : of the draw of clean labels; "all" sums up several draws; "" for `output`.
    split : "test", "validation" (clean labels, each by a fit without it), "train", or training
        examples by the labels the network learned, "corrupted" or "uncorrupted".
    group : "all" or a class name.
    metric : what the figure is.

        - Of answers: "accuracy", "r2", "mse", "mae", "mape".
        - Of the fit: "converged" (1 or 0), "gradient_norm".
        - Of the features: "non_finite" (share of examples with NaN or infinity), "cka" to a
          reference, "effective_rank".
        - Of two figures on the same test examples: "damage" (reference − model), "over_input",
          "over_random".
        - Of memorization: "given" and "true" (share of corrupted examples for which a fit
          without them gives the noisy or the true label), "control" and "selectivity",
          "prediction_depth" (mean, in layers).
        - Of the network after an intervention on the layer's block: "rewound", "retrained".
    value, low, high : the figure and its 95 % interval; NaN where it could not be had.
    """

    model: str
    layer: str
    order: int
    width: int
    probe: str
    regularization: float | None
    clean_labels: int
    seed: int | str
    split: str
    group: str
    metric: str
    value: float
    low: float = math.nan
    high: float = math.nan


class HeldOutcomes(NamedTuple):
    """What clean examples contribute to the leading figure, each by a fit that did not see it.

    Attributes
    ----------
    outcomes : (T, n) float32, a row per tried regularization and a column per clean example, in
        the order they were drawn; as in `Scores.outcomes`.
    best : row of the chosen regularization.
    folds : (n,) int64, the fold of each example. Neighbours leave out one example at a time
        instead, and their folds only group them.
    rows : (n,) int64, which training examples they are, so that those of several draws can be
        told apart; None where each is another one.
    """

    outcomes: NDArray[np.float32]
    best: int
    folds: NDArray[np.int64]
    rows: NDArray[np.int64] | None = None


COLUMNS = tuple(f.name for f in fields(Score))


class Scores:
    """Rows of `Score`, in order; reads and writes `scores.csv`.

    Attributes
    ----------
    rows : the figures.
    outcomes : (model, layer, clean_labels, seed) → (n,) float32, what each test example
        contributes to the leading figure, whose mean is the figure: 1 where it was answered right
        and 0 where not; for numbers 1 − squared error / mean total variance. `output` has 0 and
        "". In memory only, for comparisons on the same examples.
    held_out : the same place → the outcomes of the clean examples by fits that did not see them;
        missing where none was left out or the examples are gone. In memory only.
    """

    def __init__(
        self,
        rows: Iterable[Score] = (),
        outcomes: Mapping[Place, NDArray[np.float32]] | None = None,
        held_out: Mapping[Place, HeldOutcomes] | None = None,
    ) -> None:
        self.rows: list[Score] = list(rows)
        self.outcomes = dict(outcomes or {})
        self.held_out = dict(held_out or {})

    def __add__(self, other: Scores) -> Scores:
        return Scores(
            [*self.rows, *other.rows],
            {**self.outcomes, **other.outcomes},
            {**self.held_out, **other.held_out},
        )

    def __iter__(self) -> Iterator[Score]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def where(self, **wanted: object) -> Scores:
        """Return the rows whose columns equal the wanted values, e.g. `where(group="all")`."""
        return Scores(r for r in self.rows if all(getattr(r, k) == v for k, v in wanted.items()))

    @property
    def models(self) -> list[str]:
        """Model labels, in order."""
        return list(dict.fromkeys(r.model for r in self.rows))

    @property
    def metric(self) -> str:
        """The metric that leads: "accuracy" for classification, "r2" for regression."""
        return "r2" if any(r.metric == "r2" for r in self.rows) else "accuracy"

    @property
    def budgets(self) -> list[int]:
        """The numbers of clean labels that probes were fitted on, increasing."""
        return sorted({r.clean_labels for r in self.rows} - {0})

    def at(self, clean_labels: int | None = None) -> Scores:
        """Return the rows of one budget, by default of each model's largest.

        Rows without a fitted probe, of `output` and of layers that have NaN, are of every budget.
        """
        budgets: dict[str, int] = {}
        for r in self.rows:
            budgets[r.model] = clean_labels or max(budgets.get(r.model, 0), r.clean_labels)
        kept = {(model, count) for model, most in budgets.items() for count in (0, most)}
        return Scores(
            (r for r in self.rows if (r.model, r.clean_labels) in kept),
            {at: found for at, found in self.outcomes.items() if (at[0], at[2]) in kept},
            {at: found for at, found in self.held_out.items() if (at[0], at[2]) in kept},
        )

    def leading(self) -> Scores:
        """Return one leading test figure per model, layer and budget, over all draws.

        They are in the order of models, depth and budget.
        """
        rows = self.where(split="test", group=ALL, metric=self.metric)
        several = {(r.model, r.layer, r.clean_labels) for r in rows if r.seed == ALL}
        kept = [
            r for r in rows if r.seed == ALL or (r.model, r.layer, r.clean_labels) not in several
        ]
        models = {model: place for place, model in enumerate(self.models)}
        return Scores(sorted(kept, key=lambda r: (models[r.model], r.order, r.clean_labels)))

    def summary(self, clean_labels: int | None = None) -> Scores:
        """Return the leading figures of one budget, by default of each model's largest."""
        return self.at(clean_labels).leading()

    def to_csv(self) -> str:
        """Return the table as CSV text: six significant digits, NaN and None as empty."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows([_text(v) for v in astuple(row)] for row in self.rows)
        return out.getvalue()

    @classmethod
    def from_csv(cls, text: str) -> Scores:
        """Read what `to_csv` wrote; raises DataError for any other table."""
        reader = csv.DictReader(io.StringIO(text))
        if tuple(reader.fieldnames or ()) != COLUMNS:
            raise DataError(f"not a table of scores: its columns are not {', '.join(COLUMNS)}.")
        return cls(_row(record) for record in reader)

    def to_frame(self) -> pd.DataFrame:
        """Return the table as a pandas DataFrame."""
        import pandas as pd

        return pd.DataFrame([astuple(r) for r in self.rows], columns=list(COLUMNS))


def _text(value: object) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return ""
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def _row(record: dict[str, str]) -> Score:
    def number(key: str) -> float:
        return float(record[key]) if record[key] else math.nan

    seed = record["seed"]
    return Score(
        model=record["model"],
        layer=record["layer"],
        order=int(record["order"]),
        width=int(record["width"]),
        probe=record["probe"],
        regularization=float(record["regularization"]) if record["regularization"] else None,
        clean_labels=int(record["clean_labels"]),
        seed=int(seed) if seed.lstrip("-").isdigit() else seed,
        split=record["split"],
        group=record["group"],
        metric=record["metric"],
        value=number("value"),
        low=number("low"),
        high=number("high"),
    )
