"""`Hypothesis`: everything that the weights of a plain network leave open, settled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from repprobe.checkpoints.recovery.chain import Weighted
from repprobe.checkpoints.recovery.geometry import Geometry, Joint, Pool

RARITY = {
    "relu": 0.0,
    "leaky_relu:0.01": 0.3,
    "tanh": 0.3,
    "gelu": 0.6,
    "sigmoid": 0.6,
    "elu": 0.8,
    "leaky_relu:0.1": 1.0,
    "leaky_relu:0.2": 1.0,
    "silu": 1.0,
    "relu6": 1.5,
    "selu": 1.5,
    "softplus": 1.5,
}
"""Activation → how surprising it is; a number is the slope of a leaky ReLU."""

MIXED = 5.0
"""Surprise at a second activation, or a second kind of pooling, in the same network."""

IDENTITY = "identity"

_UNUSUAL, _AVERAGE = 2.0, 0.2

MIXABLE = ("relu", "tanh", "sigmoid", "gelu", IDENTITY)
"""Activations that a layer may have where the others have another."""

ORDERS = ("nap", "anp", "apn", "npa", "pna", "pan")
"""Norm, activation and pooling behind a convolution, in the order of the letters."""


class Op(NamedTuple):
    """A step of the forward pass: its kind, the weighted layer it uses (or −1), its values."""

    kind: str
    layer: int = -1
    values: tuple[Any, ...] = ()


@dataclass(frozen=True)
class Hypothesis:
    """One way to run a chain of weighted layers.

    Attributes
    ----------
    geometry : places of the convolutions, and what joins them to the linear layers.
    activations : one behind each convolution and linear layer but the last.
    pools : "max" or "avg", of each convolution that has a pooling behind it; "" of the others.
    order : one of `ORDERS`.
    """

    geometry: Geometry
    activations: tuple[str, ...]
    pools: tuple[str, ...]
    order: str = "nap"

    @property
    def surprise(self) -> float:
        """How uncommon it is: 0 for what most networks have, about 1 per uncommon choice."""
        acts, pools = set(self.activations), set(self.pools) - {""}
        rarity = max((RARITY.get(act, _UNUSUAL) for act in acts), default=0.0)
        mixed = MIXED * (max(len(acts) - 1, 0) + max(len(pools) - 1, 0))
        ordered = 0.0 if self.order == ORDERS[0] else 1.0
        average = _AVERAGE if "avg" in pools else 0.0
        return self.geometry.surprise + rarity + mixed + ordered + average

    def ops(self, chain: Sequence[Weighted]) -> tuple[Op, ...]:
        """Return the steps, of the chain that the hypothesis is about."""
        steps: list[Op] = []
        position = convolution = 0
        joined = not any(layer.kind == "conv2d" for layer in chain)
        if joined:
            steps.append(Op("flatten"))
        i = 0
        last = max(i for i, layer in enumerate(chain) if layer.kind != "batch_norm")
        while i < len(chain):
            layer = chain[i]
            if layer.kind == "batch_norm":  # the first of all, on the input
                steps.append(Op("bn", i))
                i += 1
                continue
            if layer.kind == "linear" and not joined:
                steps += _joining(self.geometry.joint)
                joined = True
            norm = i + 1 < len(chain) and chain[i + 1].kind == "batch_norm"
            act = self.activations[position] if i != last else IDENTITY
            parts = {
                "n": [Op("bn", i + 1)] if norm else [],
                "a": [] if act == IDENTITY else [Op("act", values=(act,))],
                "p": [],
            }
            if layer.kind == "conv2d":
                place = self.geometry.places[convolution]
                values = (place.stride, place.padding, place.dilation)
                steps.append(Op("conv", i, values))
                if place.pool is not None:
                    parts["p"] = [Op("pool", values=(self.pools[convolution], *place.pool))]
                convolution += 1
            else:
                steps.append(Op("linear", i))
            for letter in self.order:
                steps += parts[letter]
            position += 1
            i += 2 if norm else 1
        if not joined:
            steps += _joining(self.geometry.joint)
        return tuple(steps)

    def layers(self, chain: Sequence[Weighted]) -> list[dict[str, Any]]:
        """Return the layers as `zoo:plain` takes them."""
        ops = self.ops(chain)
        taken = {layer.name for layer in chain}
        found: list[dict[str, Any]] = []
        name = ""
        images = any(layer.kind == "conv2d" for layer in chain)
        for op in ops:
            if op.layer >= 0:
                name = chain[op.layer].name
                found.append(_weighted(chain[op.layer], op, images))
            else:
                kind, values = _unweighted(op)
                own = f"{name}_{kind}" if name else kind
                while own in taken:
                    own += "_"
                taken.add(own)
                found.append({"kind": kind, "name": own, **values})
            images = images and op.kind != "flatten"
        return found


def _joining(joint: Joint) -> list[Op]:
    flatten = Op("flatten")
    if joint.kind == "flatten":
        return [flatten]
    return [Op("adaptive", values=(joint.kind, joint.size)), flatten]


def _weighted(layer: Weighted, op: Op, images: bool) -> dict[str, Any]:
    common = {"name": layer.name}
    if layer.kind == "conv2d":
        stride, padding, dilation = op.values
        return {
            "kind": "conv2d",
            **common,
            "in_channels": layer.before,
            "out_channels": layer.after,
            "kernel_size": list(layer.kernel),
            "stride": stride,
            "padding": list(padding),
            "dilation": dilation,
            "groups": layer.groups,
            "bias": layer.bias,
        }
    if layer.kind == "batch_norm":
        values = {"features": layer.after, "images": images, "affine": layer.bias}
        return {"kind": "batch_norm", **common, **values}
    values = {"in_features": layer.before, "out_features": layer.after, "bias": layer.bias}
    return {"kind": "linear", **common, **values}


def _unweighted(op: Op) -> tuple[str, dict[str, Any]]:
    if op.kind == "act":
        kind, _, slope = op.values[0].partition(":")
        return kind, {"slope": float(slope)} if slope else {}
    if op.kind == "pool":
        pool, values = op.values[0], Pool(*op.values[1:])
        return f"{pool}_pool", {
            "kernel_size": values.kernel,
            "stride": values.stride,
            "padding": values.padding,
        }
    if op.kind == "adaptive":
        return f"adaptive_{op.values[0]}", {"size": op.values[1]}
    return op.kind, {}
