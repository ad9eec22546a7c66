"""Networks of torch_geometric.nn.models by name, and their arguments as the shapes tell them."""

from __future__ import annotations

from itertools import count, takewhile
from typing import TYPE_CHECKING, Any

from repprobe.errors import UnknownNameError

if TYPE_CHECKING:
    from torch import nn

    from repprobe.zoo.registry import Shapes

FIRST_WEIGHTS = {
    "GAT": ("convs.{}.att_src", "convs.{}.att"),
    "GCN": ("convs.{}.lin.weight",),
    "GIN": ("convs.{}.nn.lins.0.weight",),
    "GraphSAGE": ("convs.{}.lin_l.weight",),
}
"""Name → a weight of each round; of GAT, that of its first or its second version."""

ROUNDS = "convs."
"""The list that holds the rounds, and with them often all weights."""

UNTOLD = (
    "The file does not tell the activations and the aggregation of {}, nor norms without weights: "
    "torch-geometric's defaults were taken; give --arch and --arch-arg for others."
)


def build(name: str, **arguments: Any) -> nn.Module:
    """Build a network with fresh weights; raises UnknownNameError if there is none of the name."""
    check_name(name)
    from torch_geometric.nn import models

    network: nn.Module = getattr(models, name)(**arguments)
    return network


def check_name(name: str) -> None:
    """Raise UnknownNameError unless there is a network of the name."""
    if name not in FIRST_WEIGHTS:
        hint = f"There are {', '.join(FIRST_WEIGHTS)}; for others give file.py:function."
        raise UnknownNameError.near("torch-geometric network", name, FIRST_WEIGHTS, hint)


def guess_arguments(name: str, shapes: Shapes) -> list[dict[str, Any]]:
    """Return the arguments with which a network is likest to `shapes`; none if not at all.

    Of jumping knowledge, "last" and "max" have the same shapes: then there are two guesses.
    """
    first = next((k for k in FIRST_WEIGHTS[name] if k.format(0) in shapes), None)
    if first is None or (name != "GAT" and _attends(shapes)):
        return []
    rounds = len(list(takewhile(shapes.__contains__, map(first.format, count()))))
    found = _round(name, shapes, "convs.0")
    width = found.pop("out_channels")
    sizes = {"in_channels": found.pop("in_channels"), "hidden_channels": width}
    last = _round(name, shapes, f"convs.{rounds - 1}")["out_channels"]
    head = shapes.get("lin.weight")
    arguments = {
        **sizes,
        "num_layers": rounds,
        "out_channels": head[0] if head else last,
        **found,
        **_norm(shapes),
    }
    if not head:
        return [arguments]
    return [{**arguments, "jk": jk} for jk in _jumping(shapes, rounds, width, head[-1])]


def _round(name: str, shapes: Shapes, prefix: str) -> dict[str, Any]:
    """Return sizes and options of one round; `out_channels` is the width of what it puts out."""

    def shape(key: str) -> tuple[int, ...]:
        return shapes.get(f"{prefix}.{key}", ())

    if name == "GIN":
        weight, made = shape("nn.lins.0.weight"), shape("nn.lins.1.weight")
        return {"in_channels": weight[-1], "out_channels": (made or weight)[0]}
    weight = shape("lin.weight") if name == "GCN" else shape("lin_l.weight") or shape("lin.weight")
    found: dict[str, Any] = {"in_channels": weight[-1], "out_channels": weight[0]}
    if name == "GraphSAGE":
        options = {"project": bool(shape("lin.weight")), "root_weight": bool(shape("lin_r.weight"))}
        found |= {k: v for k, v in options.items() if v is not _SAGE[k]}
        return found if shape("lin_l.bias") else {**found, "bias": False}
    if name == "GAT":
        found |= _attention(shape("att"), shape("att_src"), shape("bias"))
        if shape("res.weight"):
            found["residual"] = True
        if shape("lin_edge.weight"):
            found["edge_dim"] = shape("lin_edge.weight")[-1]
    return found if shape("bias") else {**found, "bias": False}


_SAGE = {"project": False, "root_weight": True}
"""Defaults of GraphSAGE's rounds."""


def _attention(
    second: tuple[int, ...], first: tuple[int, ...], bias: tuple[int, ...]
) -> dict[str, Any]:
    """Read heads off the attention (1, heads, channels) of either version of GAT."""
    _, heads, channels = second or first
    found: dict[str, Any] = {"heads": heads}
    if second:
        found["v2"] = True
    if heads > 1 and bias == (channels,):
        found |= {"concat": False, "out_channels": channels}
    return found


def _attends(shapes: Shapes) -> bool:
    return any(key.format(0) in shapes for key in FIRST_WEIGHTS["GAT"])


def _norm(shapes: Shapes) -> dict[str, Any]:
    """Name the norm between rounds; those without weights leave no trace."""
    if "norms.0.module.weight" in shapes:
        return {"norm": "batch_norm"}
    if "norms.0.mean_scale" in shapes:
        return {"norm": "graph_norm"}
    return {"norm": "layer_norm"} if "norms.0.weight" in shapes else {}


def _jumping(shapes: Shapes, rounds: int, width: int, taken: int) -> list[str]:
    """Return the kinds of jumping knowledge that the last linear layer may be given."""
    if any(key.startswith("jk.lstm.") for key in shapes):
        return ["lstm"]
    if rounds == 1:
        return ["last"]
    return ["cat"] if taken == rounds * width else ["last", "max"]
