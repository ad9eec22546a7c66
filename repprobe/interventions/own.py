"""The network's own figure on some of the test part, for one version of it after the other."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from torch import nn

from repprobe.answering import answers
from repprobe.device import usable_device
from repprobe.probes.scores import ALL, Score
from repprobe.probes.scoring import Scorer
from repprobe.training.inputs import make_inputs, read_raw
from repprobe.training.networks import check_answers
from repprobe.training.repeatable import apart, seed_networks

if TYPE_CHECKING:
    from repprobe.checkpoints.model import Model
    from repprobe.data.dataset import Data

BATCH_SIZE = 64
"""Graphs that are answered at a time; of arrays there are more."""


class OwnTest:
    """Measures versions of one network on the same test examples.

    Parameters
    ----------
    limit : test examples that are taken at most, evenly spread over the test part.
    seed : of the random numbers that a network draws, if it does.

    Attributes
    ----------
    rows : (n,) the test examples.
    metric : "accuracy" or "r2".

    Raises
    ------
    UsageError
        The network does not answer for these data, or the device cannot be used.
    """

    def __init__(self, model: Model, data: Data, limit: int, seed: int, device: str) -> None:
        count = len(data.test)
        self.rows = np.unique(np.linspace(0, count - 1, min(limit, count)).astype(np.int64))
        labels = data.test.labels[self.rows]
        labels = labels if data.classes or labels.ndim == 2 else labels[:, None]
        self._scorer = Scorer(labels, data.classes)
        self._device = usable_device(device)
        self._seed = seed
        model.preprocessing.check_channels(data.input_shape[0] if data.input_shape else 1)
        raw = read_raw(data.test, self.rows, lambda *_: None)
        self._inputs = make_inputs(
            raw, data.test, self.rows, model.preprocessing, data.unit, self._device
        )
        self._check = (data, model.name)

    @property
    def metric(self) -> str:
        return self._scorer.leading

    def of(self, module: nn.Module, base: Score) -> tuple[Score, NDArray[np.float64]]:
        """Return a row with the leading figure, and what each example contributes to it.

        Parameters
        ----------
        module : as `placed` gives it.
        base : what the row has beside the figure and its interval.

        Returns
        -------
        The row, whose value is NaN where an answer is no number, and outcomes (n,), then NaN too.
        """
        with apart(self._device):
            seed_networks(self._seed, self._device)
            found = answers(module, self._inputs, BATCH_SIZE, np.arange(len(self.rows)))
        scores = found.reshape(len(self.rows), -1).double().cpu().numpy()
        if not np.isfinite(scores).all():
            return base, np.full(len(self.rows), np.nan)
        given = self._scorer.answers(scores)
        row = next(
            r for r in self._scorer.rows(base, given) if r.group == ALL and r.metric == self.metric
        )
        row = replace(row, metric=base.metric)
        return row, self._scorer.outcomes(given).astype(np.float64)

    def placed(self, module: nn.Module) -> nn.Module:
        """Bring a copy of the network to the device, in float32, and check what it puts out."""
        placed = copy.deepcopy(module).to(self._device).float().eval()
        with apart(self._device):
            check_answers(placed, self._inputs, *self._check)
        return placed
