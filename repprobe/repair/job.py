"""`Job`: the networks that are to be mended, the data, and what fits and judges heads."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from repprobe.data import Data, Draw
from repprobe.data.sized import SizedData
from repprobe.device import usable_device
from repprobe.errors import CaptureError, UsageError
from repprobe.probes.choice import nested_outcomes
from repprobe.probes.engines import Engine, get_engine
from repprobe.probes.fitting import Kind, check_kind, default_kind
from repprobe.probes.outcomes import Outcomes
from repprobe.repair import fitting
from repprobe.repair.answers import added, own_scores
from repprobe.repair.choosing import ChosenCut, choose_cut
from repprobe.repair.features import Candidates, candidates, check_answers
from repprobe.repair.fitting import Floats, Labels, Linear
from repprobe.repair.own_labels import NONE, Own
from repprobe.repair.settings import FixSettings
from repprobe.seen import data_for, in_class_order

if TYPE_CHECKING:
    from repprobe.checkpoints import Model

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class Job:
    """What every part of a repair needs.

    Attributes
    ----------
    models : one network, or two that were trained together and answer together.
    source : the checkpoint file that they came from; None for networks in memory.
    image_size : that the data were read with.
    kind, engine, device : the probe, what fits it, and where.
    """

    models: tuple[Model, ...]
    source: Path | None
    data: Data
    image_size: int | None
    kind: Kind
    engine: Engine
    device: str
    settings: FixSettings
    progress: Progress

    @classmethod
    def of(cls, model: Any, source: Any, settings: FixSettings, progress: Progress | None) -> Job:
        """Load networks and data; the arguments and errors are those of `repprobe.fix`."""
        report = progress or (lambda stage, done, total: None)
        device = str(usable_device(settings.device))
        engine = get_engine(settings.engine, device)
        sized = SizedData(source)
        models = _load(model, settings, sized, report)
        data, image_size = data_for(models, sized, settings.image_size)
        data, columns = in_class_order(data, settings.classes)
        if columns is not None:
            raise UsageError(
                "--classes names more outputs than there are classes; a network is mended where "
                "it has as many."
            )
        kind = check_kind(settings.probe or default_kind(data.task), data.task)
        _check_pair(models, data)
        path = Path(model) if isinstance(model, (str, os.PathLike)) else None
        return cls(tuple(models), path, data, image_size, kind, engine, device, settings, report)

    @property
    def classes(self) -> int:
        """Number of classes; 0 for regression."""
        return len(self.data.classes)

    def outcomes(
        self, scores: Floats, rows: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        """Return what scores (n, C) contribute, of rows of the training part or the test part."""
        labels = self.data.test.labels if rows is None else self.data.train.labels[rows]
        judge = Outcomes(_columns(labels, self.classes), self.classes).judge
        return judge(scores, np.arange(len(scores)))

    def labels(self, rows: NDArray[np.int64]) -> Labels:
        """Return the true labels (n,), or targets (n, t), of rows of the training part."""
        return _columns(self.data.train.labels[rows], self.classes)

    def capture(
        self, draws: Sequence[Draw], own: Own, keep: ExitStack
    ) -> tuple[list[Candidates], list[str]]:
        """Run every network over the rows of draws and over the test part.

        Returns the candidates of each, and the layers that they have in common. Features go
        when `keep` is closed.
        """
        rows = np.unique(np.concatenate([*(draw.rows for draw in draws), own.rows]))
        networks = [
            candidates(m, self.data, rows, self.settings, self.device, self.progress, keep)
            for m in self.models
        ]
        check_answers(networks, self.data)
        layers = [la for la in networks[0].features if all(la in n.features for n in networks)]
        if not layers:
            raise CaptureError("the two networks have no layer in common.")
        return networks, layers

    def choose(
        self,
        networks: Sequence[Candidates],
        layers: Sequence[str],
        rows: NDArray[np.int64],
        folds: NDArray[np.int64],
    ) -> ChosenCut:
        """Choose the cut among layers inside the clean labels of these rows."""
        labels = self.labels(rows)
        tables = {}
        for done, layer in enumerate(layers):
            features = [network.train(layer, rows) for network in networks]
            tables[layer] = fitting.held_out(
                self.kind, features, labels, self.classes, self.engine, folds
            )
            self.progress("probe", done + 1, len(layers))
        drop_in = set(networks[0].drop_in).intersection(*(n.drop_in for n in networks))
        return choose_cut(tables, folds, drop_in, rows)

    def input_outcomes(
        self, networks: Sequence[Candidates], rows: NDArray[np.int64], folds: NDArray[np.int64]
    ) -> NDArray[np.float64] | None:
        """Return what a probe on the raw input contributes, on clean examples left out of it.

        None where there is no raw input to fit one on.
        """
        raw = networks[0].raw(rows)
        if raw is None:
            return None
        labels = self.labels(rows)
        table = fitting.held_out(self.kind, [raw], labels, self.classes, self.engine, folds)
        return nested_outcomes(table, folds)

    def fit(
        self,
        networks: Sequence[Candidates],
        cut: ChosenCut,
        rows: NDArray[np.int64],
        own: Own = NONE,
    ) -> list[Linear]:
        """Fit each network's head on the clean labels of rows, and on its own labels."""
        labels = np.concatenate([self.labels(rows), own.labels]) if len(own.rows) else None
        labels = self.labels(rows) if labels is None else labels
        every = np.concatenate([rows, own.rows])
        return [
            fitting.fit(
                self.kind,
                network.train(cut.layer, every),
                labels,
                self.classes,
                self.engine,
                cut.point,
            )
            for network in networks
        ]

    def head_scores(
        self,
        networks: Sequence[Candidates],
        cut: ChosenCut,
        heads: Sequence[Linear],
        rows: NDArray[np.int64] | None = None,
    ) -> Floats:
        """Return the heads' scores (n, C), added, of rows of the training part or the test part."""
        each = [
            head.scores(n.test(cut.layer) if rows is None else n.train(cut.layer, rows))
            for n, head in zip(networks, heads, strict=True)
        ]
        return added(each)

    def own_outcomes(
        self, networks: Sequence[Candidates], rows: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        """Return what the networks' own answers contribute, on rows or on the test part."""
        outputs = [n.own_test if rows is None else n.own(rows) for n in networks]
        scores = own_scores(outputs, self.classes)
        found = self.outcomes(scores, rows)
        found[~np.isfinite(scores).all(axis=1)] = 0  # no answer is no right one
        return found


def _columns(labels: Labels, classes: int) -> Labels:
    """Give regression targets (n,) their second axis."""
    return labels if classes or labels.ndim == 2 else labels[:, None]


def _check_pair(models: Sequence[Model], data: Data) -> None:
    """Raise UsageError where two networks cannot answer together."""
    if len(models) == 1:
        return
    if not data.classes:
        raise UsageError("scores of two networks are added, which is not for numbers.")
    one, other = models
    if one.architecture != other.architecture or _shapes(one) != _shapes(other):
        raise UsageError(
            f"'{one.name}' and '{other.name}' have different architectures; two networks are "
            "mended together only if they are alike."
        )
    ours, theirs = one.preprocessing, other.preprocessing
    if replace(ours, name="", found="") != replace(theirs, name="", found=""):
        raise UsageError(
            f"'{one.name}' has the preprocessing {ours.name}, '{other.name}' {theirs.name}; two "
            "networks are mended together only if theirs is the same."
        )


def _shapes(model: Model) -> dict[str, tuple[int, ...]]:
    return {key: tuple(value.shape) for key, value in model.module.state_dict().items()}


def _load(model: Any, settings: FixSettings, data: SizedData, progress: Progress) -> list[Model]:
    from repprobe.checkpoints import Model
    from repprobe.checkpoints.loading import load_networks

    if isinstance(model, (list, tuple)):
        found = [network for one in model for network in _load(one, settings, data, progress)]
        if not 1 <= len(found) <= 2:
            raise UsageError(f"one network is mended, or two together, not {len(found)}.")
        return found
    if isinstance(model, Model):
        return [model]
    if isinstance(model, (str, os.PathLike)):
        return load_networks(
            Path(model),
            data=data,
            image_size=settings.image_size,
            progress=progress,
            **settings.opening,
        )
    return [Model.of_module(model, settings.preprocess)]
