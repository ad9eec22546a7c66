"""`Cut`: where a network ends and what becomes of its activation there, also in plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, get_args

from repprobe.capture.layer import Layer, Layout, Level, RowMode, Side
from repprobe.capture.pooling import Pooler, Pooling
from repprobe.errors import CheckpointError, UsageError

_KEPT = (
    *("name", "module", "call", "member", "side", "shape", "layout", "batch_axis"),
    *("level", "own_pooling"),
)
"""Of a layer, what finds and pools it again."""


@dataclass(frozen=True)
class Cut:
    """The point of the forward pass after which a network is replaced by a linear head.

    Attributes
    ----------
    layer : the activation that the head is given.
    pooling : how it becomes a feature vector.
    nodes : whether the examples are the nodes of one graph.
    outputs : C, the scores of the head.
    """

    layer: Layer
    pooling: Pooling
    nodes: bool
    outputs: int

    def pooler(self) -> Pooler:
        """Return what pools the activation."""
        return self.pooling.plan_layer(self.layer)

    def entry(self) -> dict[str, Any]:
        """Return it as plain values, for a checkpoint."""
        layer = {name: getattr(self.layer, name) for name in _KEPT}
        return {
            "layer": {k: list(v) if isinstance(v, tuple) else v for k, v in layer.items()},
            "pooling": asdict(self.pooling),
            "nodes": self.nodes,
            "outputs": self.outputs,
        }

    @classmethod
    def read(cls, entry: Any) -> Cut:
        """Return the cut that `entry` gave; raises CheckpointError where it is none."""
        try:
            return cls(
                _layer(entry["layer"]),
                _pooling(entry["pooling"]),
                _typed(entry["nodes"], bool),
                _typed(entry["outputs"], int, 1),
            )
        except (LookupError, TypeError, ValueError, UsageError):
            raise CheckpointError(
                "the checkpoint's entry 'cut' is not what `repprobe fix` writes; write it again."
            ) from None


def _layer(entry: Mapping[str, Any]) -> Layer:
    own = entry["own_pooling"]
    return Layer(
        name=_typed(entry["name"], str),
        module=_typed(entry["module"], str),
        call=_typed(entry["call"], int, 0),
        member=tuple(_typed(key, int | str) for key in entry["member"]),
        side=_among(entry["side"], Side),
        kind="",
        shape=tuple(_typed(size, int, 1) for size in entry["shape"]),
        dtype="",
        layout=_among(entry["layout"], Layout),
        batch_axis=_typed(entry["batch_axis"], int, 0),
        order=0,
        digest="",
        level=_among(entry["level"], Level),
        own_pooling=None if own is None else _among(own, RowMode),
    )


def _pooling(entry: Mapping[str, Any]) -> Pooling:
    seed = _typed(entry["seed"], int, 0)
    return Pooling(entry["mode"], _typed(entry["width"], int, 1), seed)


def _typed(value: Any, kind: Any, least: int | None = None) -> Any:
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise TypeError
    if least is not None and value < least:
        raise ValueError
    return value


def _among(value: Any, names: Any) -> Any:
    if value not in get_args(names):
        raise ValueError
    return value
