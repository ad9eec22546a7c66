"""`NoisyLabels`: noisy labels beside the clean ones, and what the noise did in fact."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from repprobe.data.labels import Labels

_NEIGHBOURS = 3


@dataclass(frozen=True, eq=False)
class NoisyLabels:
    """Labels (n,), or targets (n,) or (n, t), before and after the noise.

    Attributes
    ----------
    law, seed : what the noise was drawn by.
    clean, labels : the true labels and the noisy ones, int64 or float64, example by example.
    classes : number of classes C; 0 for regression.
    """

    law: str
    seed: int
    clean: Labels
    labels: Labels
    classes: int

    @cached_property
    def rate(self) -> float:
        """Share of examples whose label differs from the clean one."""
        differs = (self.labels != self.clean).reshape(len(self.clean), -1).any(axis=1)
        return float(differs.mean())

    @cached_property
    def transition(self) -> NDArray[np.float64] | None:
        """Share of true class i (row) that became j (column), (C, C); None for regression.

        The row of a class without an example is that of the unit matrix.
        """
        if not self.classes:
            return None
        joint = self._joint()
        sums = joint.sum(axis=1, keepdims=True)
        return np.where(sums > 0, joint / np.maximum(sums, 1), np.eye(self.classes))

    @cached_property
    def mutual_information(self) -> float:
        """Mutual information of clean and noisy labels, in nats.

        Of classes that of the realized joint table. Of targets an estimate from nearest
        neighbours (Kraskov et al. 2004, by scikit-learn); of several targets the sum of each
        one's; NaN for fewer than two examples.
        """
        if self.classes:
            joint = self._joint() / len(self.clean)
            product = joint.sum(axis=1, keepdims=True) * joint.sum(axis=0)
            there = joint > 0
            return float((joint[there] * np.log(joint[there] / product[there])).sum())
        from sklearn.feature_selection import mutual_info_regression

        count = len(self.clean)
        if count < 2:
            return float("nan")
        columns = zip(
            self.clean.reshape(count, -1).T, self.labels.reshape(count, -1).T, strict=True
        )
        return sum(
            float(
                mutual_info_regression(
                    x[:, None], y, n_neighbors=min(_NEIGHBOURS, count - 1), random_state=0
                )[0]
            )
            for x, y in columns
        )

    def _joint(self) -> NDArray[np.float64]:
        """Return how many labels of true class i became j, (C, C)."""
        cells = self.clean.astype(np.int64) * self.classes + self.labels.astype(np.int64)
        counts = np.bincount(cells, minlength=self.classes**2)
        return counts.reshape(self.classes, self.classes).astype(np.float64)
