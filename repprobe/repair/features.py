"""Features of a network at the layers where it may be cut, of clean and of test examples."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from repprobe.errors import CaptureError, UsageError
from repprobe.probes.scores import INPUT

if TYPE_CHECKING:
    from torch import nn

    from repprobe.capture import Features, Pooling
    from repprobe.capture.layer import PoolMode
    from repprobe.checkpoints import Model
    from repprobe.data import Data
    from repprobe.repair.answers import Progress
    from repprobe.repair.place import Place
    from repprobe.repair.settings import FixSettings


@dataclass(frozen=True, eq=False)
class Candidates:
    """The layers of one network after which its head may be replaced.

    Attributes
    ----------
    model : the network.
    place : where a head can be put so that the network keeps its form; None if nowhere.
    features : layer → what was captured there, in the order of execution.
    input : what was captured of the raw input; None where it holds NaN or infinity.
    poolings : layer → how activations became features.
    output : (n, C) the network's own answers to the training rows, then to the test part; None
        where it puts out none per example.
    train_rows : (m,) increasing, the rows of the training part that were run.
    notes : sentences the user should be told.
    """

    model: Model
    place: Place | None
    features: dict[str, Features]
    input: Features | None
    poolings: dict[str, Pooling]
    output: NDArray[np.float32] | None
    train_rows: NDArray[np.int64]
    notes: tuple[str, ...]

    def train(self, layer: str, rows: NDArray[np.int64]) -> NDArray[np.floating]:
        """Return features (n, width) of rows of the training part, in their order."""
        return self._rows(self.features[layer], layer, rows)

    def raw(self, rows: NDArray[np.int64]) -> NDArray[np.floating] | None:
        """Return the raw input (n, width) of rows of the training part; None as of `input`."""
        return None if self.input is None else self._rows(self.input, INPUT, rows)

    def _rows(
        self, features: Features, layer: str, rows: NDArray[np.int64]
    ) -> NDArray[np.floating]:
        return np.asarray(features[layer][np.searchsorted(self.train_rows, rows)])

    def test(self, layer: str) -> NDArray[np.floating]:
        """Return features (n, width) of the test part."""
        return np.asarray(self.features[layer].test(layer))

    def own(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the network's own answers (n, C) to rows of the training part."""
        assert self.output is not None
        return self.output[np.searchsorted(self.train_rows, rows)]

    @property
    def own_test(self) -> NDArray[np.float32]:
        """The network's own answers (n, C) to the test part."""
        assert self.output is not None
        return self.output[len(self.train_rows) :]

    @property
    def answer(self) -> str | None:
        """The layer of the answers, where they are linear in the last hidden layer."""
        return None if self.place is None else _answer(self.place)

    @property
    def drop_in(self) -> tuple[str, ...]:
        """Layers whose head can be written into the network as it is.

        A head on the answers themselves is one on the last hidden layer.
        """
        return () if self.place is None else (self.place.layer, _answer(self.place))


def candidates(
    model: Model,
    data: Data,
    train_rows: NDArray[np.int64],
    settings: FixSettings,
    device: str,
    progress: Progress,
    keep: ExitStack,
) -> Candidates:
    """Run a network over training rows and the test part, and keep its layers' features.

    The last hidden layer is kept in full, as its head must fit the network; that takes a second
    pass where it is wider than `settings.width`. The features go when `keep` is closed.

    Raises
    ------
    UnknownNameError
        No layer is named as `settings.cut` says.
    CaptureError
        No layer is left.
    """
    from repprobe.capture import Pooling, capture
    from repprobe.repair.place import head_place

    place = head_place(model, data)
    pooling = Pooling(cast("PoolMode", settings.pool), settings.width, settings.seed)
    options: dict[str, Any] = {
        "train_rows": train_rows,
        "batch_size": settings.batch_size,
        "device": device,
        "memory_bytes": settings.memory,
        "cache_dir": settings.cache,
        "seed": settings.seed,
        "progress": progress,
    }
    patterns = () if settings.cut is None else (settings.cut,)
    found = keep.enter_context(
        capture(model, data, layers=patterns, pool=pooling.mode, width=pooling.width, **options)
    )
    features = dict.fromkeys((layer for layer in found.layers if layer != INPUT), found)
    poolings = dict.fromkeys(features, pooling)
    if place is not None and (settings.cut is None or place.layer in features):
        wide = last_linear(model, place).in_features
        if place.layer not in features or found.widths[place.layer] != wide:
            full = keep.enter_context(
                capture(model, data, layers=(place.layer,), pool="none", **options)
            )
            features = _inserted(features, place, full)
            poolings[place.layer] = replace(pooling, mode="none")
    broken = [la for la in features if features[la].non_finite[la]]
    for layer in broken:
        del features[layer]
    if not features:
        raise CaptureError(
            f"'{model.name}': NaN or infinity in every layer; there is nothing to fit a head on."
        )
    notes = [f"layer '{layer}' is left out: it holds NaN or infinity." for layer in broken]
    return Candidates(
        model,
        place,
        features,
        None if found.non_finite[INPUT] else found,
        {layer: poolings[layer] for layer in features},
        found.output,
        found.train_rows,
        (*found.notes, *notes),
    )


def check_answers(networks: list[Candidates], data: Data) -> None:
    """Raise UsageError where a network's own answers do not fit the labels."""
    wanted = width_of(data)
    for network in networks:
        output = network.output
        if output is None or output.shape[1] != wanted:
            what = "classes" if data.classes else "targets"
            found = "no" if output is None else output.shape[1]
            raise UsageError(
                f"'{network.model.name}' puts out {found} values per example and the data "
                f"have {wanted} {what}: it has no answer of its own that a new head could be "
                "better than."
            )
        if not data.classes and not np.isfinite(output).all():
            raise UsageError(
                f"'{network.model.name}' answers NaN or infinity to some examples, which no R² can "
                "be had of."
            )


def width_of(data: Data) -> int:
    """Return how many numbers answer for an example: one per class, or per target."""
    if data.classes:
        return len(data.classes)
    labels = data.train.labels
    return 1 if labels.ndim == 1 else labels.shape[1]


def last_linear(model: Model, place: Place) -> nn.Linear:
    """Return the linear layer that makes a network's answer."""
    from torch import nn

    from repprobe.capture.unwrap import named_modules, unwrap

    found = named_modules(unwrap(model.module))[place.module]
    assert isinstance(found, nn.Linear)
    return found


def _answer(place: Place) -> str:
    from repprobe.capture.layer import call_name

    return call_name(place.module, "", 0)


def _inserted(features: dict[str, Features], place: Place, full: Features) -> dict[str, Features]:
    """Return the features with those of the last hidden layer, which stands before the answer."""
    order = [layer for layer in features if layer != place.layer]
    answer = _answer(place)
    at = order.index(answer) if answer in order else len(order)
    order.insert(at, place.layer)
    return {layer: full if layer == place.layer else features[layer] for layer in order}
